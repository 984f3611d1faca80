"""How the adviser says numbers: with sign, unit, interval and sample size."""

from __future__ import annotations

from datetime import timedelta

from dayshift.adviser.evidence import Finding, Gain
from dayshift.definition.duration import MICROSECONDS
from dayshift.diagnostics import counted
from dayshift.semantics.instants import EPOCH

DAY_US = MICROSECONDS["d"]
NOT_ENOUGH = "not enough evidence"
"""What stands before the reasons why nothing is decided."""


def number(value: float, *, sign: bool = True) -> str:
    """A metric's value or difference in three or more digits that matter, never with an exponent.

    >>> number(0.01523), number(-12.345), number(0.5, sign=False)
    ('+0.0152', '-12.3', '0.500')
    """
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    return f"{value:{'+' if sign else ''},.{digits}f}"


def gain(found: Gain | None, metric: str = "") -> str:
    """A gain with its interval and how many weeks it stands on.

    >>> gain(Gain(0.015, 0.011, 0.019, (0.014, 0.016), (0, 1)), "roc_auc")
    '+0.0150 roc_auc [+0.0110, +0.0190] in 2 weeks'
    """
    if found is None:
        return "not measured"
    unit = f" {metric}" if metric else ""
    return f"{number(found.mean)}{unit} [{number(found.low)}, {number(found.high)}] in {counted(found.weeks, 'week')}"


def flip(finding: Finding) -> str:
    """At which smallest gain the verdict would be another.

    >>> flip(Finding("a", "b", Gain(0.015, 0.011, 0.019, (0.0,), (0,)), 0.01, "needed"))
    'needed while gains of 0.0110 matter, not needed once only gains above 0.0190 do'
    """
    if finding.gain is None:
        return finding.reasons[0] if finding.reasons else "nothing was measured"
    low, high = (number(max(bound, 0.0), sign=False) for bound in (finding.gain.low, finding.gain.high))
    if finding.gain.high <= 0:
        return "no smallest gain makes it needed: nothing is shown to be gained"
    if finding.gain.low <= 0:
        return f"not needed once only gains above {high} matter; not shown to be needed at any"
    return f"needed while gains of {low} matter, not needed once only gains above {high} do"


def open_question(finding: Finding) -> str:
    """What would settle an undecided finding."""
    if finding.reasons:
        return "; ".join(finding.reasons)
    if finding.weeks_needed is not None:
        return f"about {finding.weeks_needed} weeks of evaluation in all would settle it"
    return f"it cannot be settled at a smallest gain of {number(finding.delta, sign=False)}"


def duration(us: float) -> str:
    """A duration as people say it.

    >>> duration(7 * DAY_US), duration(90 * 60_000_000), duration(400 * DAY_US), duration(1500)
    ('7 days', '1.5 hours', '400 days', '1.5 ms')
    """
    for name, size in (("days", DAY_US), ("hours", 3_600_000_000), ("minutes", 60_000_000), ("s", 1_000_000)):
        if us >= size:
            value = us / size
            return f"{value:.3g} {name[:-1] if value == 1 and name != 's' else name}"
    return f"{us / 1000:.3g} ms"


def day(us: int) -> str:
    """The day of a time.

    >>> day(0)
    '1970-01-01'
    """
    return f"{EPOCH + timedelta(microseconds=us):%Y-%m-%d}"


def every(weeks: float) -> str:
    """A cadence in words.

    >>> every(1), every(4), every(1 / 7), every(13.0), every(1.2)
    ('weekly', 'every 4 weeks', 'daily', 'quarterly', 'every 1.2 weeks')
    """
    if weeks < 1:
        return "daily" if abs(weeks * 7 - 1) < 0.01 else f"every {weeks * 7:.2g} days"
    if weeks in (1, 13):
        return "weekly" if weeks == 1 else "quarterly"
    return f"every {weeks:.3g} weeks"
