"""From evidence to the answer: five factors, the cheapest sufficient design, and what to switch on first.

There is no score and no weight: each factor is read from its own evidence, and the design is the list of the
capabilities that are needed. What the team can operate changes the order of steps and a remark, never a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dayshift.adviser.evidence import BATCH, MLOPS, NEEDED, NOT_NEEDED, UNDECIDED, Advice, Factor, Part, Volume
from dayshift.adviser.parts import (
    AUTOMATIC,
    ENDPOINT,
    HOURLY,
    LABELS,
    MONITORING,
    RETRAINING,
    SPARK,
    STREAMING,
    Terms,
    parts,
)
from dayshift.adviser.say import DAY_US

HEADROOM = 3.0
"""How many times today's need a nightly machine should carry; a proposal, printed as an assumption."""
_READ = {NEEDED: MLOPS, NOT_NEEDED: BATCH, UNDECIDED: UNDECIDED}
_BY_CRON = (LABELS, MONITORING, RETRAINING, AUTOMATIC)
"""Parts that a nightly pipeline carries without anything that runs all day."""
_DOES = {
    LABELS: "get labels sooner",
    MONITORING: "watch inputs and predictions every night",
    RETRAINING: "keep retraining, by hand or not",
    AUTOMATIC: "retrain on a calendar, by `dayshift schedule` and `[schedule] train`",
    HOURLY: "compute features every hour, by `[schedule] run`",
    STREAMING: "compute features as events come",
    ENDPOINT: "answer over HTTP",
    SPARK: "move to several machines",
}
"""What to do; the evidence stands with the part."""


def decide(evidence: Advice, terms: Terms) -> Advice:
    """The advice with its factors, parts, design, path and headline, judged under these terms.

    >>> decide(Advice(pipeline="fraud", at=0, headline=""), Terms()).headline.startswith("Not enough evidence")
    True
    """
    if evidence.stopped_by:
        first = evidence.stopped_by[0]
        headline = f"No advice: '{first.column}' looks like a leak ({first.kind})"
        return replace(evidence, headline=headline, factors=(), parts=(), design="", path=())
    found = parts(evidence, terms)
    by_name = {part.name: part for part in found}
    wanted = [part for part in found if part.verdict == NEEDED]
    return replace(
        evidence,
        parts=found,
        factors=_factors(evidence, by_name, terms),
        design=_design(wanted),
        path=_path(found),
        headline=_headline(evidence, found, wanted),
    )


def _factors(evidence: Advice, by_name: Mapping[str, Part], terms: Terms) -> tuple[Factor, ...]:
    return (
        _velocity(evidence, by_name, terms),
        _from_part("update frequency", "Model update frequency", by_name[AUTOMATIC]),
        _from_part("monitoring", "Monitoring and observability", by_name[MONITORING]),
        _team(evidence, by_name),
        _from_part("growth", "Growth and scale", by_name[SPARK]),
    )


def _from_part(name: str, title: str, part: Part) -> Factor:
    return Factor(name, title, _READ[part.verdict], part.evidence, part.changes)


def _velocity(evidence: Advice, by_name: Mapping[str, Part], terms: Terms) -> Factor:
    streaming, hourly, endpoint = by_name[STREAMING], by_name.get(HOURLY), by_name[ENDPOINT]
    volume, growth = evidence.volume, evidence.growth
    said = streaming.evidence
    labels = by_name[LABELS]
    if labels.gain is not None:
        said += f"; {labels.evidence}"
    if volume is not None:
        said = f"{_rate(volume)}; {said}"
    room = next((each.headroom for each in growth.saturations if each.component == "nightly"), None) if growth else None
    if NEEDED in (streaming.verdict, endpoint.verdict, hourly.verdict if hourly else UNDECIDED):
        verdict = MLOPS
    elif room is not None and room < 1:
        verdict, said = MLOPS, f"{said}; the night is too short: {room:.2g} times its need"
    elif streaming.verdict == NOT_NEEDED and (room is None or room >= HEADROOM):
        verdict = BATCH
    else:
        verdict = UNDECIDED
    changes = streaming.changes
    if terms.deadline_us is None or terms.deadline_us >= DAY_US:
        changes += "; an answer needed sooner than a night would"
    return Factor("velocity", "Data volume and velocity", verdict, said, changes)


def _rate(volume: Volume) -> str:
    """Events a day, and in the busiest stretch that the time stamps can tell."""
    said = f"{volume.events / max(volume.days, 1e-9):,.0f} events a day"
    for name, seconds, rate in (("minute", 60, volume.peak_minute), ("hour", 3600, volume.peak_hour)):
        if volume.resolution_us <= seconds * 1_000_000:
            return f"{said}, {seconds * rate:,.3g} in the busiest {name}"
    return said


def _team(evidence: Advice, by_name: Mapping[str, Part]) -> Factor:
    title, change = "Team and tooling", "the profile in [team], and what stands in the repository"
    team = evidence.team
    if team is None or not team.declared:
        found = sum(bool(each.found) for each in team.abilities) if team else 0
        said = f"no [team] is declared; the repository shows {found} of {len(team.abilities) if team else 0} abilities"
        return Factor("team", title, UNDECIDED, said, "declare [team] in dayshift.toml")
    wanted = [part for part in by_name.values() if part.verdict == NEEDED and part.name != LABELS]
    hard = [part.name for part in wanted if part.operable is False]
    if hard:
        return Factor("team", title, BATCH, f"needed, but not operable by this team yet: {', '.join(hard)}", change)
    able = [option.option for option in team.options if option.operable]
    asked = "all that is needed" if wanted else "nothing new is needed"
    verdict = MLOPS if any(part.name not in _BY_CRON for part in wanted) else BATCH
    said = (
        f"{asked} is operable by this team"
        if wanted
        else f"{asked}; operable would be: {', '.join(able) or 'nothing more'}"
    )
    return Factor("team", title, verdict, said, change)


def _design(wanted: Sequence[Part]) -> str:
    names = [part.name for part in wanted]
    always_on = [name for name in names if name not in (*_BY_CRON, HOURLY)]
    base = "a nightly run on one machine" if SPARK not in names else "a run on several machines (Spark)"
    if HOURLY in names:
        base = base.replace("a nightly", "an hourly")
    with_ = [
        text
        for name, text in (
            (MONITORING, "monitoring of each night"),
            (AUTOMATIC, "retraining on a calendar"),
            (RETRAINING, "" if AUTOMATIC in names else "retraining by hand"),
            (STREAMING, "features computed as events come"),
            (ENDPOINT, "an endpoint that answers"),
            (LABELS, "labels brought in sooner"),
        )
        if name in names and text
    ]
    text = base + (f", with {', '.join(with_)}" if with_ else ", as it is")
    return text if always_on else f"{text}; nothing that runs all day"


def _path(found: Sequence[Part]) -> tuple[str, ...]:
    """What to switch on, cheapest and easiest to take back first; by net gain where prices were declared."""
    order = (LABELS, MONITORING, RETRAINING, AUTOMATIC, HOURLY, STREAMING, ENDPOINT, SPARK)
    steps = [part for part in found if part.verdict == NEEDED or part.insurance]
    automatic = any(part.name == AUTOMATIC for part in steps)
    steps = [part for part in steps if part.name != RETRAINING or not automatic]
    if all(part.price is not None for part in steps):
        steps = sorted(steps, key=lambda part: -part.price.net[1] if part.price else 0.0)
    else:
        steps = sorted(steps, key=lambda part: (order.index(part.name), part.name))
    made = []
    for part in steps:
        text = part.step or _DOES[part.name]
        if part.insurance:
            text = f"if you like, as cheap insurance, {text}"
        if part.operable is False:
            text += " (this team cannot operate it yet)"
        if part.price is not None and part.price.net[2] < 0:
            text += " (at the declared prices it does not pay)"
        made.append(text)
    return tuple(made)


def _headline(evidence: Advice, found: Sequence[Part], wanted: Sequence[Part]) -> str:
    open_ = [part.name for part in found if part.verdict == UNDECIDED and not part.insurance]
    measured = any(
        part.verdict != UNDECIDED for part in found if part.name in (STREAMING, LABELS, RETRAINING, AUTOMATIC)
    )
    if not measured and not wanted:
        why = "; ".join(evidence.reasons) or "nothing that would justify a move could be measured"
        return f"Not enough evidence yet: {f'come back on {evidence.come_back}' if evidence.come_back else why}"
    names = [part.name for part in wanted]
    names = [name for name in names if name != RETRAINING or AUTOMATIC not in names]
    heavy = [name for name in names if name not in _BY_CRON]
    if heavy:
        said = f"Move towards MLOps for {_and(['an endpoint' if name == ENDPOINT else name for name in heavy])}"
        light = [name for name in names if name in _BY_CRON]
        said += f"; {_and(light)} {_fit(light)} in the nightly run" if light else ""
    elif names:
        said = f"The traditional batch pipeline suffices; add {_and(names)}"
    else:
        said = "The traditional batch pipeline suffices as it is"
    return f"{said}; still open: {_and(open_)}" if open_ else said


def _fit(names: Sequence[str]) -> str:
    return "fit" if len(names) > 1 or names[0].endswith("s") else "fits"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
