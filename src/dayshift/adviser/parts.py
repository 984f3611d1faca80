"""From evidence to the capabilities: each needed, not needed, or undecided, by the rules of the table below.

| capability | needed | not needed |
|---|---|---|
| streaming features | features as of the event over last midnight matter, and the last full hour is not enough | they are shown not to, or the hour is enough |
| hourly features | the last full hour over last midnight matters, and the event adds nothing that matters | the event adds what matters |
| faster labels | some shorter delay is shown to matter | none is |
| retraining | weekly refits over the models of the first weeks, never retrained, matter | they are shown not to |
| automatic retraining | weekly refits over the cadence that a hand keeps up matter | they are shown not to |
| endpoint | answers are declared to be needed sooner than a night | declared not to be; or nothing is gained by fresh features |
| monitoring | what watching saves a fault matters, within the alarm budget | what a fault costs unseen does not matter |
| Spark | one machine is surely full within the horizon | surely not within twice the horizon, by either law |

A requirement that somebody declares (a deadline) is printed as such and is no measurement. What is undecided, cheap and easy to
take back is called cheap insurance; what is undecided and expensive is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dayshift.adviser import say
from dayshift.adviser.evidence import (
    NEEDED,
    NOT_NEEDED,
    UNDECIDED,
    Advice,
    Finding,
    Gain,
    Ladder,
    Monitoring,
    Part,
    Price,
)
from dayshift.adviser.say import DAY_US
from dayshift.definition.duration import format_duration, parse_duration

STREAMING, HOURLY, LABELS = "streaming features", "hourly features", "faster labels"
RETRAINING, AUTOMATIC = "retraining", "automatic retraining"
ENDPOINT, MONITORING, SPARK = "endpoint", "monitoring", "Spark"
_ORDER = (NEEDED, UNDECIDED, NOT_NEEDED)
CHEAP_CPU_S = 3600.0
"""CPU seconds a year that nobody counts: an hour."""


@dataclass(frozen=True)
class Terms:
    """What is not in the history: how soon an answer is needed (None: nobody said), and what things are worth.

    `price(part, gain)` gives what a capability brings and costs a month, None where nothing was declared.
    """

    deadline_us: int | None = None
    price: Callable[[str, Gain | None], Price | None] = lambda part, gain: None


def parts(evidence: Advice, terms: Terms) -> tuple[Part, ...]:
    """Every capability with its verdict, from the evidence alone; in the order in which they are shown."""
    metric = evidence.skill.metric if evidence.skill else ""
    made = [
        *_fresh(evidence, metric),
        _labels(evidence, metric),
        _retraining(evidence, metric),
        _automatic(evidence, metric),
        _endpoint(evidence, terms),
        _monitoring(evidence),
        _spark(evidence),
    ]
    return tuple(_operable(replace(part, price=terms.price(part.name, part.gain)), evidence) for part in made)


def rung(ladder: Ladder | None, level: str) -> Finding | None:
    """The finding of one rung over the ladder's foot."""
    found = [each.finding for each in (ladder.rungs if ladder else ()) if each.level == level]
    return found[0] if found else None


def extra(ladder: Ladder | None, name: str) -> Finding | None:
    """One of the ladder's further findings, by its name."""
    found = [each for each in (ladder.extra if ladder else ()) if each.name == name]
    return found[0] if found else None


def _fresh(evidence: Advice, metric: str) -> list[Part]:
    ladder = evidence.freshness
    event, hour = rung(ladder, "event"), rung(ladder, "hour")
    above = extra(ladder, "freshness.event_over_hour")
    if event is None:
        reason = _reasons(ladder, _lacking(evidence, "features at several ages were not replayed"))
        return [Part(STREAMING, UNDECIDED, f"not enough evidence: {reason}", reason)]
    said = f"as of the event over last midnight {say.gain(event.gain, metric)}"
    if hour is not None and hour.gain is not None:
        said += f"; of the last full hour {say.number(hour.gain.mean)}"
    hourly = hour is not None and hour.verdict == NEEDED
    enough = hourly and (above is None or above.verdict == NOT_NEEDED)
    verdict = NOT_NEEDED if event.verdict == NEEDED and enough else event.verdict
    if event.verdict == NEEDED and hourly and above is not None and above.verdict == UNDECIDED:
        said += "; whether more than hourly is needed is open"
    streaming = Part(STREAMING, verdict, _open(event, said), _changes(event), event.gain)
    if not hourly or hour is None:
        return [streaming]
    text = f"of the last full hour over last midnight {say.gain(hour.gain, metric)}"
    says = NEEDED if enough else NOT_NEEDED if above is not None and above.verdict == NEEDED else UNDECIDED
    if says == NOT_NEEDED:
        text += f"; not enough by itself: the event adds {say.gain(above.gain if above else None)}"
    changes = _changes(above) if says == UNDECIDED and above is not None else _changes(hour)
    return [streaming, Part(HOURLY, says, text, changes, hour.gain)]


def _labels(given: Advice, metric: str) -> Part:
    ladder = given.label_delay
    rungs = [each for each in (ladder.rungs if ladder else ()) if each.finding is not None]
    if ladder is None or not rungs:
        settled = ladder is not None and ladder.foot == format_duration(0) and not ladder.reasons
        reason = _reasons(ladder, _lacking(given, "labels with a shorter delay were not replayed"))
        said = "labels come as fast as they can" if settled else f"not enough evidence: {reason}"
        return Part(LABELS, NOT_NEEDED if settled else UNDECIDED, said, reason)
    says = {verdict: [each for each in rungs if each.finding and each.finding.verdict == verdict] for verdict in _ORDER}
    verdict = next(verdict for verdict in _ORDER if says[verdict])
    best = max(
        says[verdict], key=lambda each: each.finding.gain.low if each.finding and each.finding.gain else -float("inf")
    )
    finding = best.finding
    assert finding is not None
    sooner = _sooner(best.level, ladder.foot)
    evidence = f"{sooner} {say.gain(finding.gain, metric)}"
    return Part(LABELS, verdict, _open(finding, evidence), _changes(finding), finding.gain, step=f"get {sooner}")


def _sooner(level: str, foot: str) -> str:
    """What a shorter label delay is.

    >>> _sooner("1d", "7d"), _sooner("0s", "7d")
    ('labels after 1 day instead of 7 days', 'labels at once instead of after 7 days')
    """
    us, long = parse_duration(level), say.duration(parse_duration(foot))
    return f"labels after {say.duration(us)} instead of {long}" if us else f"labels at once instead of after {long}"


def _retraining(evidence: Advice, metric: str) -> Part:
    """Whether a model must be retrained at all."""
    found = evidence.cadence.against_never if evidence.cadence else None
    if found is None:
        return _unmeasured(RETRAINING, _lacking(evidence, "ageing models were not replayed"))
    return Part(
        RETRAINING,
        found.verdict,
        _open(found, f"{found.title}: {say.gain(found.gain, metric)}"),
        _changes(found),
        found.gain,
    )


def _automatic(evidence: Advice, metric: str) -> Part:
    """Whether the cadence that a hand keeps up is too lazy."""
    cadence = evidence.cadence
    if cadence is None:
        return _unmeasured(AUTOMATIC, _lacking(evidence, "cadences were not replayed"))
    finding, hand = cadence.finding, say.every(cadence.hand_weeks)
    text = f"weekly over {hand} by hand: {say.gain(finding.gain, metric)}"
    if cadence.suffices is not None:
        text += f"; {say.every(cadence.suffices)} is shown to suffice"
    elif cadence.too_lazy is not None:
        text += f"; {say.every(cadence.too_lazy)} is shown too lazy"
    against = cadence.against_never
    if against is not None and against.gain is not None and against.verdict != NOT_NEEDED:
        text += f"; over never {say.number(against.gain.mean)}"
    weekly = next((point for point in cadence.points if point.weeks == 1), None)
    cheap = finding.verdict == UNDECIDED and weekly is not None and weekly.cpu_s_a_year < CHEAP_CPU_S
    if cheap and weekly is not None:
        text += f"; cheap insurance: {max(weekly.cpu_s_a_year, 1):,.0f} CPU s a year, taken back by one line"
    return Part(AUTOMATIC, finding.verdict, _open(finding, text), _changes(finding), finding.gain, insurance=cheap)


def _endpoint(evidence: Advice, terms: Terms) -> Part:
    change = "declare how soon an answer is needed: [advise] deadline"
    if terms.deadline_us is not None:
        within = say.duration(terms.deadline_us)
        if terms.deadline_us < DAY_US:
            said = f"answers are needed within {within}, as declared; a nightly run answers the next morning"
            return Part(ENDPOINT, NEEDED, said, "a later deadline", required=f"answers within {within}")
        return Part(ENDPOINT, NOT_NEEDED, f"answers within {within} are soon enough, as declared", "a shorter deadline")
    event = rung(evidence.freshness, "event")
    if event is not None and event.verdict == NOT_NEEDED:
        said = "nobody declared a deadline, and nothing that matters is gained by fresh features"
        return Part(ENDPOINT, NOT_NEEDED, said, change)
    return Part(ENDPOINT, UNDECIDED, "nobody declared how soon an answer is needed", change)


def _monitoring(evidence: Advice) -> Part:
    found = evidence.monitoring
    if found is None:
        return _unmeasured(MONITORING, _lacking(evidence, "monitoring was not replayed"))
    chosen = next((each for each in found.detectors if each.chosen), None)
    said = found.finding.title
    if chosen is not None:
        said += (
            f"; {chosen.name}: {chosen.false_per_30d:.2g} false alarms in 30 days [{chosen.low:.2g}, {chosen.high:.2g}]"
        )
    return Part(MONITORING, found.finding.verdict, _open(found.finding, said), _flips_in_days(found))


def _flips_in_days(found: Monitoring) -> str:
    gain, day = found.finding.gain, found.smallest_gain
    if gain is None or not day or found.finding.verdict == UNDECIDED or gain.low <= 0:
        return _changes(found.finding)
    low, high = (say.number(end / day, sign=False) for end in (gain.low, gain.high))
    return f"needed while {low} such days a fault matter, not needed once only more than {high} do"


def _spark(evidence: Advice) -> Part:
    growth = evidence.growth
    if growth is None:
        return Part(SPARK, UNDECIDED, "not enough evidence: growth was not measured", "more history")
    change = "; ".join(growth.reasons) or "volume: ask --what-if volume=10x"
    return Part(SPARK, growth.spark_verdict, growth.spark_evidence, change)


OPTIONS = {
    STREAMING: "streaming features",
    HOURLY: "hourly features",
    LABELS: "faster labels",
    RETRAINING: "retraining",
    AUTOMATIC: "scheduled retraining",
    ENDPOINT: "endpoint",
    MONITORING: "monitoring",
    SPARK: "Spark",
}


def _operable(part: Part, evidence: Advice) -> Part:
    team = evidence.team
    if team is None or not team.declared:
        return part
    asked = next((each for each in team.options if each.option in (part.name, OPTIONS[part.name])), None)
    return part if asked is None else replace(part, operable=asked.operable)


def _unmeasured(name: str, reason: str) -> Part:
    return Part(name, UNDECIDED, f"{say.NOT_ENOUGH}: {reason}", "more history")


def _lacking(evidence: Advice, otherwise: str) -> str:
    return "; ".join(evidence.reasons) or otherwise


def _reasons(ladder: Ladder | None, otherwise: str) -> str:
    return "; ".join(ladder.reasons) if ladder and ladder.reasons else otherwise


def _open(finding: Finding, evidence: str) -> str:
    return f"{evidence} ({say.NOT_ENOUGH}: {'; '.join(finding.reasons)})" if finding.reasons else evidence


def _changes(finding: Finding) -> str:
    return say.open_question(finding) if finding.verdict == UNDECIDED else say.flip(finding)
