"""The last advice judged again under other assumptions: nothing is replayed, so the answer comes at once.

| name | what is assumed |
|---|---|
| `label_delay=1d` | labels come after a delay that was replayed |
| `volume=10x` | so many times the events: growth, capacity, and the worth of a gain |
| `smallest_gain=0.01` | the smallest gain that matters, in units of the metric |
| `deadline=1h` | how soon an answer is needed |
| `value_per_point=500` | what 0.01 of the metric is worth a month |
| `value_per_case=40` | what one more caught case is worth |
| `hour_of_compute`, `hour_of_engineer` | what an hour costs |

What was not measured is not guessed: a delay between two that were replayed is refused, with those that were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dayshift.adviser import say
from dayshift.adviser.decide import decide
from dayshift.adviser.evidence import Advice, Cadence, Finding, Gain, Ladder, Rung, Volume
from dayshift.adviser.growth import growth
from dayshift.adviser.interval import gain
from dayshift.adviser.terms import assumptions, terms_of, undeclared
from dayshift.adviser.verdict import FEWEST_WEEKS, UNSKILLED, finding
from dayshift.definition.duration import format_duration, parse_duration
from dayshift.definition.settings import Settings
from dayshift.diagnostics import DayshiftError, UsageError, nearest, shorten

EXAMPLE = 'dayshift advise --what-if "label_delay=1d,volume=10x"'


def parse(text: str) -> dict[str, float | int]:
    """The assumptions of a text: durations in microseconds, everything else as a number.

    >>> parse("label_delay=1d, volume=10x")
    {'label_delay': 86400000000, 'volume': 10.0}

    Raises:
        UsageError: DS843, a name that is none or a value that cannot be read.
    """
    found: dict[str, float | int] = {}
    for part in text.split(","):
        name, _, value = (each.strip() for each in part.partition("="))
        if name not in _READ:
            near = nearest(name, _READ)
            fact = f"there are {shorten(sorted(_READ), most=12)}"
            raise UsageError(
                "DS843",
                f"--what-if knows no '{name}'",
                facts=(fact,),
                hint=f"--what-if {near}={value or '...'}" if near else EXAMPLE,
            )
        try:
            found[name] = _READ[name](value)
        except (ValueError, DayshiftError):
            raise _unread(name, value) from None
    return found


def _unread(name: str, value: str) -> UsageError:
    length = _READ[name] is parse_duration
    allowed, example = ('a length of time, as "30m", "6h", "1d"', "1d") if length else ("a number above 0", "10")
    return UsageError(
        "DS843",
        f"--what-if {name} is '{value}', which cannot be read",
        facts=(f"allowed: {allowed}",),
        hint=f"dayshift advise --what-if {name}={example}",
    )


def _times(text: str) -> float:
    return _positive(text.lower().removesuffix("x"))


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


_READ: Mapping[str, Callable[[str], float | int]] = {
    "label_delay": parse_duration,
    "deadline": parse_duration,
    "volume": _times,
    "smallest_gain": _positive,
    "value_per_point": _positive,
    "value_per_case": _positive,
    "hour_of_compute": _positive,
    "hour_of_engineer": _positive,
}


def judge_again(advice: Advice, asked: Mapping[str, float | int], settings: Settings) -> Advice:
    """The advice under other assumptions than those of the settings; each stands among its notes.

    Raises:
        UsageError: DS844, a label delay that was not replayed.
    """
    times = float(asked.get("volume", 1.0))
    settings = _assumed(settings, asked, times)
    if "smallest_gain" in asked:
        advice = other_delta(advice, float(asked["smallest_gain"]))
    if "label_delay" in asked:
        advice = faster_labels(advice, int(asked["label_delay"]))
    if times != 1.0 and advice.volume is not None:
        volume = scaled(advice.volume, times)
        rates = advice.growth.capacity if advice.growth else None
        advice = replace(advice, volume=volume, growth=growth(volume, rates, settings.advise, advice.at))
    notes = [f"what if: {', '.join(f'{name} = {_said(name, value)}' for name, value in asked.items())}"]
    if times != 1.0:
        notes.append("gains are those measured at today's volume; more events may change them")
    if asked.keys() - {"label_delay", "volume", "deadline"} and advice.monitoring is not None:
        notes.append(
            "monitoring stands as it was judged with the replay: dayshift advise judges it by other prices and gains"
        )
    advice = replace(advice, notes=(*notes, *advice.notes), assumptions=assumptions(settings, advice))
    decided = decide(advice, terms_of(settings, advice))
    return replace(decided, notes=(*decided.notes, *undeclared(settings, decided)))


def _assumed(settings: Settings, asked: Mapping[str, float | int], times: float) -> Settings:
    """The settings with what is assumed in place of what is declared; a gain's worth grows with the events."""
    worth = {"value_per_point": "point", "value_per_case": "caught_case"}
    names = {**worth, "hour_of_compute": "hour_of_compute", "hour_of_engineer": "hour_of_engineer"}
    prices = {field: float(asked[name]) for name, field in names.items() if name in asked}
    for field in worth.values():
        each = prices.get(field, getattr(settings.value, field))
        prices |= {field: each * times} if each is not None else {}
    advise = settings.advise
    if "deadline" in asked:
        advise = advise.model_copy(update={"deadline": format_duration(int(asked["deadline"]))})
    return settings.model_copy(update={"advise": advise, "value": settings.value.model_copy(update=prices)})


def scaled(volume: Volume, times: float) -> Volume:
    """The same stream with so many times the events, at the same hours."""
    sources = tuple(
        replace(
            each,
            rows=round(each.rows * times),
            rows_a_day=each.rows_a_day * times,
            bytes_a_day=each.bytes_a_day * times,
        )
        for each in volume.sources
    )
    return replace(
        volume,
        sources=sources,
        events=round(volume.events * times),
        mean_rate=volume.mean_rate * times,
        peak_hour=volume.peak_hour * times,
        peak_minute=volume.peak_minute * times,
        daily=tuple((day, round(count * times)) for day, count in volume.daily),
    )


def _said(name: str, value: float) -> str:
    if name in ("label_delay", "deadline"):
        return format_duration(int(value))
    return f"{value:g}x" if name == "volume" else f"{value:g}"


def faster_labels(advice: Advice, delay_us: int) -> Advice:
    """The advice as if labels came after this delay: what it would bring is taken as had.

    Raises:
        UsageError: DS844, this delay was not replayed.
    """
    ladder = advice.label_delay
    steps = list(ladder.rungs) if ladder else []
    chosen = next((step for step in steps if parse_duration(step.level) == delay_us), None)
    if ladder is None or chosen is None:
        levels = [step.level for step in steps]
        raise UsageError(
            "DS844",
            f"a label delay of {say.duration(delay_us)} was not replayed",
            facts=(f"replayed were {shorten(levels)}" if levels else "no label delay was replayed",),
            hint=f'[advise]\nlabel_delays = ["{format_duration(delay_us)}"]        # then dayshift advise replays it',
        )
    had = chosen.finding.gain if chosen.finding else None
    rest = steps[steps.index(chosen) + 1 :]
    rungs = [replace(chosen, finding=None)] + [replace(step, finding=_beyond(step.finding, had)) for step in rest]
    moved = replace(ladder, foot=chosen.level, rungs=tuple(rungs), extra=())
    skill = replace(advice.skill, value=chosen.value) if advice.skill else None
    return replace(advice, label_delay=moved, freshness=_fresh_at(advice, chosen), skill=skill)


def _beyond(found: Finding | None, had: Gain | None) -> Finding | None:
    if found is None or found.gain is None or had is None:
        return found
    theirs = dict(zip(had.starts, had.weekly, strict=True))
    both = [
        (start, week - theirs[start])
        for start, week in zip(found.gain.starts, found.gain.weekly, strict=True)
        if start in theirs
    ]
    left = gain(np.array([[each for _, each in both]]), np.array([start for start, _ in both], np.int64))
    return finding(found.name, found.title, left, found.delta, reasons=found.reasons)


def _fresh_at(advice: Advice, chosen: Rung) -> Ladder | None:
    """What fresh features are worth at that delay, where it was replayed; else nothing is known of it."""
    ladder = advice.freshness
    if ladder is None or chosen.finding is None:
        return ladder
    there = [
        each
        for each in (advice.label_delay.extra if advice.label_delay else ())
        if each.name.endswith(f"@{chosen.level}")
    ]
    if not there:
        return replace(
            ladder, rungs=(), extra=(), reasons=(f"fresh features were not replayed with labels after {chosen.level}",)
        )
    found = there[0]
    sign = -1.0 if advice.skill is not None and not advice.skill.larger_is_better else 1.0
    foot = chosen.value - sign * (found.gain.mean if found.gain else 0.0)
    return replace(ladder, rungs=(Rung(ladder.foot, foot), Rung("event", chosen.value, found)), extra=())


def other_delta(advice: Advice, delta: float) -> Advice:
    """Every finding judged again by another smallest gain that matters."""

    def again(found: Finding | None) -> Finding | None:
        if found is None:
            return None
        return finding(
            found.name,
            found.title,
            found.gain,
            delta,
            reasons=_lasting(found),
            second=found.second,
            pooled=found.pooled,
            others=found.others,
        )

    def ladder(one: Ladder | None) -> Ladder | None:
        if one is None:
            return None
        rungs = tuple(replace(step, finding=again(step.finding)) for step in one.rungs)
        more = tuple(each for each in map(again, one.extra) if each is not None)
        return replace(one, rungs=rungs, extra=more, reasons=_without_gain(one.reasons))

    skill = replace(advice.skill, delta=delta, assumed=False) if advice.skill else None
    cadence = _cadence(advice.cadence, again)
    return replace(
        advice, skill=skill, freshness=ladder(advice.freshness), label_delay=ladder(advice.label_delay), cadence=cadence
    )


def _cadence(found: Cadence | None, again: Callable[[Finding | None], Finding | None]) -> Cadence | None:
    if found is None:
        return None
    first = again(found.finding)
    assert first is not None
    more: dict[str, Any] = {name: again(getattr(found, name)) for name in ("against_never", "more_data", "decay")}
    return replace(found, finding=first, reasons=_without_gain(found.reasons), **more)


def _lasting(found: Finding) -> tuple[str, ...]:
    """The reasons that do not depend on the smallest gain; those that do are found again."""
    again = ("luck of the seeds", "depends on the model", f"fewer than {FEWEST_WEEKS} evaluation", "not measured")
    return tuple(reason for reason in _without_gain(found.reasons) if not reason.startswith(again))


def _without_gain(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """The reasons that stay when somebody says which gain matters."""
    return tuple(reason for reason in reasons if reason != UNSKILLED)
