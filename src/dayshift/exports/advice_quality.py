"""The parts of the advice that are about the model's quality: naive baselines, freshness, faster labels, retraining, ageing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dayshift.adviser.evidence import Advice, Ageing, Cadence, CadencePoint, Finding, Ladder, Rung, Skill
from dayshift.exports.advice_words import (
    DASH,
    NBSP,
    gain_text,
    heading,
    listed,
    meaning,
    number,
    paragraph,
    percent,
    score,
    stack,
    unfold,
    verdict,
    weeks,
)
from dayshift.exports.charts import (
    Band,
    Layer,
    Line,
    Moment,
    Note,
    Row,
    Whisker,
    Zone,
    intervals,
    plot,
    points_of,
)
from dayshift.exports.page import Figure, Html, table
from dayshift.exports.scales import Axis, finite

LEVELS = {
    "none": "no windows at all",
    "midnight": "as of last midnight",
    "hour": "as of the last full hour",
    "event": "as of the event",
}
FAR = 4.0
"""A half-life beyond so many times the age that models were followed to is not worth a number."""
FRESH_HOW = (
    "The same rows and the same model were replayed with features as they stood at each moment; training and scoring used "
    "the same freshness. A gain is the mean of paired weekly differences, its interval a 95 % t interval over weeks."
)
LABEL_HOW = (
    "The replay was repeated as if labels had been known sooner: training sets then reach closer to the day that is scored, "
    "and features made of labels become fresher. Questions, rows and model stay the same."
)
CADENCE_HOW = (
    "A model was fitted at the start of every week, each with what was known then, and scored in its own and later weeks. "
    "Retraining every so many weeks is the average over all its possible starts, so one lucky fit decides nothing. "
    "Cadences are tested in order, from weekly towards lazier ones, and testing stops at the first that fails."
)
AGE_HOW = (
    "Every model is scored in the weeks after its fit, always beside the fresh model of the same week. The half-life comes "
    "from the ratio of their skill; its interval is a jackknife over weeks and over fits."
)


@dataclass(frozen=True)
class Yardstick:
    """The metric that decides, which way it counts, and the smallest gain that matters."""

    metric: str = "metric"
    larger: bool = True
    delta: float | None = None

    @property
    def gain(self) -> str:
        """An axis title for gains."""
        return f"gain in {self.metric}" if self.larger else f"gain in {self.metric} (how much less)"

    @property
    def quality(self) -> str:
        """An axis title for values."""
        return f"{self.metric} (more is better)" if self.larger else f"{self.metric} (less is better, axis turned)"

    def worse(self, value: float, by: float) -> float:
        """A value that is worse by so much."""
        return value - by if self.larger else value + by


def yardstick(advice: Advice) -> Yardstick:
    """The yardstick of an advice."""
    if advice.skill is None:
        return Yardstick()
    return Yardstick(advice.skill.metric, advice.skill.larger_is_better, finite(advice.skill.delta))


def finding_row(name: str, finding: Finding) -> Row:
    """A finding as a line of an interval chart."""
    gain = finding.gain
    if gain is None:
        return Row(name, None, None, None, "", finding.verdict)
    return Row(name, gain.low, gain.mean, gain.high, gain_text(gain), finding.verdict)


def findings_table(findings: Sequence[Finding], caption: str = "The numbers behind it") -> Html | None:
    """What each finding stands on: weeks, seeds, correlation, other families, other ways to measure."""
    shown = [finding for finding in findings if finding is not None]
    if not shown:
        return None
    head = ("compared", "verdict", "gain, 95 % interval", "smallest that matters", "weeks", "seeds", "week to week")
    rows = [
        (
            finding.title or finding.name,
            verdict(finding.verdict),
            gain_text(finding.gain),
            number(finding.delta),
            number(finding.gain.weeks if finding.gain else None),
            _seeds(finding),
            _lag(finding),
        )
        for finding in shown
    ]
    others = [
        (finding.title or finding.name, way, gain_text(gain))
        for finding in shown
        for way, gain in (
            ("second family of models", finding.second),
            ("all rows pooled", finding.pooled),
            *finding.others.items(),
        )
        if gain is not None
    ]
    also = (
        table(("compared", "measured by", "gain, 95 % interval"), others, "The same in other ways")
        if others
        else Html("")
    )
    return Html((stack(head, rows, caption) or Html("")).text + also.text)


def _seeds(finding: Finding) -> str:
    if finding.gain is None:
        return Figure(DASH)
    spread = finite(finding.gain.seed_sd)
    return Figure(number(finding.gain.seeds) + (f" (sd {number(spread, 2)})" if spread is not None else ""))


def _lag(finding: Finding) -> str:
    if finding.gain is None:
        return Figure(DASH)
    return Figure(number(finding.gain.lag1, 2) + (" (widened)" if finding.gain.widened else ""))


def naive_part(skill: Skill | None) -> list[Html | str | None]:
    """The model beside naive predictions."""
    if skill is None:
        return []
    unit = Yardstick(skill.metric, skill.larger_is_better, finite(skill.delta))
    weak = [name for name, finding in skill.beats.items() if finding.verdict != "needed"]
    if finite(skill.value) is None:
        return [
            paragraph(f"What the model is worth in {skill.metric} could not be measured.", "meaning"),
            _matters(skill),
        ]
    said = (
        f"The model, refitted weekly, reaches {skill.metric} {score(skill.value)}; the best constant prediction has "
        f"{score(skill.floor)}."
    )
    said += (
        f" It is not shown to beat {_and([repr(name) for name in weak])}: read everything below with that in mind."
        if weak
        else (" It beats every naive baseline that was tried." if skill.beats else "")
    )
    rows = [finding_row(name, finding) for name, finding in skill.beats.items()]
    own = max((finite(finding.delta) or 0.0 for finding in skill.beats.values()), default=0.0)
    chart = intervals("naive", "The model beside naive predictions", rows, f"model's {unit.gain} over each", own)
    values = [("the model, refitted weekly", score(skill.value)), ("best constant", score(skill.floor))]
    values += [(name, score(value)) for name, value in skill.naive.items()]
    return [
        paragraph(said, "meaning"),
        figure_of(chart, "How much better the model is than each naive prediction; 95 % intervals"),
        table(("prediction", skill.metric), values, "On the same questions"),
        _matters(skill),
        unfold("How this was computed", findings_table(list(skill.beats.values()))),
    ]


def naive_warning(skill: Skill | None) -> Html:
    """What must be read before any gain: a naive prediction that is as good as the model, or better."""
    if skill is None:
        return Html("")
    worse = [name for name, finding in skill.beats.items() if _beaten(finding)]
    open_ = [name for name, finding in skill.beats.items() if finding.verdict != "needed" and name not in worse]
    if not worse and not open_:
        return Html("")
    title = "A naive prediction beats the model" if worse else "The model is not shown to beat a naive prediction"
    told = ", ".join(f"{name!r} reaches {score(skill.naive.get(name))}" for name in (*worse, *open_))
    said = (
        f"In {skill.metric} {told}; the model reaches {score(skill.value)}. Use the naive prediction, or better features, before "
        "anything below: gains of a model that is not worth its place are worth nothing."
    )
    return Html(f'<div class="banner"><p><strong>{title}</strong></p><p>{escape(said)}</p></div>')


def _beaten(finding: Finding) -> bool:
    high = finite(finding.gain.high) if finding.gain else None
    return high is not None and high < 0


def _matters(skill: Skill) -> Html | None:
    value, floor, delta = finite(skill.value), finite(skill.floor), finite(skill.delta)
    share = "a share"
    if delta is not None and value is not None and floor is not None and value != floor:
        share = percent(abs(delta / (value - floor)))
    source = f"{share} of the skill over the best constant, as none is declared" if skill.assumed else "as declared"
    return paragraph(f"The smallest gain that matters is {number(skill.delta)} {skill.metric}: {source}.", "change")


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def figure_of(chart: Html, caption: str) -> Html | None:
    """A chart under its caption, nothing if there is nothing to draw."""
    return Html(f"<figure><figcaption>{escape(caption)}</figcaption>{chart.text}</figure>") if chart.text else None


def ladder_part(ladder: Ladder | None, unit: Yardstick, labels: bool = False) -> list[Html | str | None]:
    """A ladder of freshness, or of label delays: the chart, what it says, and the numbers."""
    if ladder is None:
        return []
    name, what = ("labels", "labels") if labels else ("freshness", "features")
    title = "What faster labels are worth" if labels else "What fresher features are worth"
    rows = [_rung(rung, ladder.foot, labels, unit) for rung in ladder.rungs]
    foot = f"{what} {level_name(ladder.foot, labels)}"
    chart = intervals(name, title, rows, f"{unit.gain} over {foot}", _delta(ladder, unit))
    caption = f"Gain over {foot}, 95 % intervals over weeks; the band is too small to matter"
    findings = [rung.finding for rung in ladder.rungs if rung.finding is not None] + list(ladder.extra)
    best = _best(ladder)
    beside = [finding_row(finding.title or finding.name, finding) for finding in ladder.extra]
    apart = intervals(f"{name}-beside", "Other comparisons", beside, unit.gain, _delta(ladder, unit))
    values = [(level_name(rung.level, labels), score(rung.value)) for rung in ladder.rungs]
    return [
        heading(title, verdict(best.verdict) if best else None),
        paragraph(_ladder_says(ladder, unit, labels), "meaning"),
        figure_of(chart, caption),
        figure_of(apart, "Other comparisons, each over what its own name says; 95 % intervals over weeks"),
        listed(ladder.reasons),
        unfold(
            "How this was computed",
            LABEL_HOW if labels else FRESH_HOW,
            table(("labels known" if labels else "features", unit.metric), values, "The metric at each step")
            if values
            else None,
            findings_table(findings),
        ),
    ]


def level_name(level: str, labels: bool) -> str:
    """A level as people say it.

    >>> level_name("hour", labels=False), level_name("1d", labels=True), level_name("0s", labels=True)
    ('as of the last full hour', 'after 1d', 'at once')
    """
    if labels and level == "0s":
        return "at once"
    if labels:
        return f"after {level}" if level[:1].isdigit() else level
    return LEVELS.get(level, level)


def _rung(rung: Rung, foot: str, labels: bool, unit: Yardstick) -> Row:
    name = level_name(rung.level, labels)
    if rung.finding is None:
        at = (
            f"{'today: ' if labels else ''}{unit.metric} {score(rung.value)}"
            if rung.level == foot
            else str(score(rung.value))
        )
        return Row(name, None, 0.0 if rung.level == foot else None, None, at)
    return finding_row(name, rung.finding)


def _delta(ladder: Ladder, unit: Yardstick) -> float | None:
    own = [finite(rung.finding.delta) for rung in ladder.rungs if rung.finding is not None]
    return next((delta for delta in own if delta), unit.delta)


def _best(ladder: Ladder) -> Finding | None:
    found = [
        rung.finding for rung in ladder.rungs if rung.finding is not None and rung.level not in ("none", ladder.foot)
    ]
    needed = [finding for finding in found if finding.verdict == "needed"]
    return max(needed or found, key=_mean, default=None)


def _mean(finding: Finding) -> float:
    mean = finite(finding.gain.mean) if finding.gain else None
    return -math.inf if mean is None else mean


def _ladder_says(ladder: Ladder, unit: Yardstick, labels: bool) -> str:
    best = _best(ladder)
    if best is None or best.gain is None:
        return " ".join([*(f"{reason.rstrip('.')}." for reason in ladder.reasons)]) or "Nothing could be measured here."
    level = next((rung.level for rung in ladder.rungs if rung.finding is best), "")
    what = "Labels" if labels else "Features"
    over = f"{'' if labels else 'those '}{level_name(ladder.foot, labels)}"
    verb = f"bring {gain_text(best.gain)} {unit.metric} over {'labels ' if labels else ''}{over}"
    edge = f" (the smallest gain that matters is {number(best.delta)})"
    return f"{what} {level_name(level, labels)} {verb}{edge}: {best.verdict}. {meaning(best)}"


def cadence_part(cadence: Cadence | None, unit: Yardstick) -> list[Html | str | None]:
    """Quality against cadence and cost, what separates decay from more data, and the ageing of a model."""
    if cadence is None:
        return []
    head = ("retrained", unit.metric, "lost against weekly", "fits a year", "CPU s a year", "verdict", "")
    rows = [
        (
            point.name,
            score(point.value),
            gain_text(point.lost) if point.weeks != 1 else Figure(DASH),
            number(point.fits_a_year),
            number(point.cpu_s_a_year),
            point.verdict,
            point.note,
        )
        for point in cadence.points
    ]
    split = [finding for finding in (cadence.against_never, cadence.more_data, cadence.decay) if finding is not None]
    return [
        heading("Quality against cadence"),
        _both(cadence, unit),
        paragraph(_cadence_says(cadence), "meaning"),
        figure_of(
            _cadence_chart(cadence, unit),
            "Each cadence with what it costs a year; 95 % intervals of the loss against weekly",
        ),
        listed((*cadence.reasons, *cadence.notes)),
        stack(head, rows, "Cadences, laziest first"),
        *_split_part(split, unit),
        unfold("How this was computed", CADENCE_HOW, findings_table([cadence.finding, *split])),
        *ageing_part(cadence.ageing, unit),
        *_single_start(cadence, unit),
    ]


def _both(cadence: Cadence, unit: Yardstick) -> Html | None:
    """Retraining at all and retraining by a calendar are two questions with two answers."""
    asked = (("Retraining at all", cadence.against_never), ("Automatic retraining", cadence.finding))
    rows = [
        (name, verdict(finding.verdict), finding.title or finding.name, gain_text(finding.gain))
        for name, finding in asked
        if finding is not None
    ]
    return stack(
        ("question", "verdict", "compared", f"gain in {unit.metric}"),
        rows,
        "Retraining at all and retraining by a calendar are two questions",
    )


def _split_part(split: Sequence[Finding], unit: Yardstick) -> list[Html | None]:
    """What retraining gains, taken apart: decay of an old model, and simply more data."""
    rows = [finding_row(finding.title or finding.name, finding) for finding in split]
    chart = intervals("split", "What retraining gains, taken apart", rows, unit.gain, unit.delta)
    if not chart.text:
        return []
    return [
        heading("Decay, or just more data?"),
        figure_of(chart, "What retraining gains, taken apart; 95 % intervals over weeks"),
    ]


def _cadence_says(cadence: Cadence) -> str:
    said = []
    if finite(cadence.suffices) is not None:
        said.append(f"{_retraining(cadence, cadence.suffices)} is shown to suffice.")
    if finite(cadence.too_lazy) is not None:
        said.append(f"{_retraining(cadence, cadence.too_lazy)} is shown to be too lazy.")
    if cadence.knee:
        more = "retraining more often" if not cadence.knee.startswith("never") else "retraining"
        said.append(f"The knee is at '{cadence.knee}': by {more} nothing is shown to be gained.")
    if not said:
        said.append("No cadence is shown to suffice or to be too lazy yet.")
    told = meaning(cadence.finding)
    said.append(told.replace("It is", "Automatic retraining is", 1).replace("; it is", "; automatic retraining is", 1))
    hand = finite(cadence.hand_weeks)
    if hand:
        said.append(f"A person is taken to retrain {weeks(hand)} by hand.")
    return " ".join(part for part in said if part)


def _retraining(cadence: Cadence, every: float | None) -> str:
    point = next((point for point in cadence.points if finite(point.weeks) == finite(every)), None)
    if point is not None and point.name.startswith("never"):
        return f"Never retraining (measured up to {number(every)} weeks)"
    return f"Retraining {weeks(every)}"


def _cadence_chart(cadence: Cadence, unit: Yardstick) -> Html:
    weekly = next((finite(point.value) for point in cadence.points if finite(point.weeks) == 1), None)
    placed = _placed(cadence.points)
    shown = [(x, point, _whisker(x, point, weekly, unit)) for x, point in placed]
    whiskers = [(x, point, made) for x, point, made in shown if made is not None]
    if len(whiskers) < 2:
        return Html("")
    calendar = [(x, made.y) for x, point, made in whiskers if _on_calendar(point)]
    layers: list[Layer] = [Line(calendar, "thin"), *(made for _, _, made in whiskers)]
    edges = [edge for _, _, made in whiskers for edge in (made.low, made.high)]
    if weekly is not None and unit.delta:
        low, high = sorted((weekly, unit.worse(weekly, unit.delta)))
        layers.append(Zone(low, high, "too small a loss to matter"))
        edges += [low, high]
    knee = next((x for x, point in placed if point.name == cadence.knee), None)
    if knee is not None and any(x == knee for x, _, _ in whiskers):
        layers.append(Moment(knee, "knee"))
    names = tuple((x, _tick(point)) for x, point in placed)
    last = max((x for x, _ in placed), default=1.0)
    along = Axis(
        "retrained (w: every so many weeks) · fits a year · CPU s a year", -0.5, last + 0.5, "named", names=names
    )
    up = Axis(unit.quality, min(edges), max(edges), turned=not unit.larger).padded(0.1)
    says = "; ".join(
        f"{point.name}: {score(made.y)} [{score(min(made.low, made.high))}, {score(max(made.low, made.high))}], "
        f"{number(point.fits_a_year)} fits and {number(point.cpu_s_a_year)} CPU seconds a year"
        for _, point, made in whiskers
    )
    return plot("cadence", "Quality against cadence", f"{unit.quality}. {says}.", (along, up), layers, 340)


def _on_calendar(point: CadencePoint) -> bool:
    return finite(point.weeks) is not None or point.name.startswith("never")


def _tick(point: CadencePoint) -> str:
    known = finite(point.weeks)
    if not _on_calendar(point):
        short = ""
    elif point.name.startswith("never") or known is None:
        short = "never"
    else:
        short = "daily" if abs(known - 1 / 7) < 0.01 else f"{number(known)}w"
    return f"{short}\n{number(point.fits_a_year, 2)}\n{number(point.cpu_s_a_year, 2)}"


def _placed(points: Sequence[CadencePoint]) -> list[tuple[float, CadencePoint]]:
    """Where each cadence stands: calendars side by side, laziest first, and others after them, with room for their names."""
    calendar = sorted(
        (point for point in points if _on_calendar(point)),
        key=lambda point: -math.inf if point.name.startswith("never") else -(finite(point.weeks) or 0.0),
    )
    rest = [point for point in points if not _on_calendar(point)]
    placed: list[tuple[float, CadencePoint]] = [(float(at), point) for at, point in enumerate(calendar)]
    return placed + [(len(calendar) + 1.1 * at, point) for at, point in enumerate(rest)]


def _whisker(x: float, point: CadencePoint, weekly: float | None, unit: Yardstick) -> Whisker | None:
    """The point where the paired loss puts it below weekly; without a loss, where its own mean is."""
    own, calendar = finite(point.value), _on_calendar(point)
    name, shape = ("", "disc") if calendar else (point.name, "square")
    lost = point.lost
    mean = finite(lost.mean) if lost else None
    base = weekly if weekly is not None else (unit.worse(own, -mean) if own is not None and mean is not None else None)
    if lost is None or mean is None or base is None or finite(point.weeks) == 1:
        return None if own is None else Whisker(x, own, own, own, name, shape)
    low, high = (finite(lost.low), finite(lost.high))
    edges = (mean if high is None else high, mean, mean if low is None else low)
    worst, middle, best = (unit.worse(base, edge) for edge in edges)
    return Whisker(x, worst, middle, best, name, shape)


def ageing_part(ageing: Ageing | None, unit: Yardstick) -> list[Html | str | None]:
    """How a model that is left alone fades."""
    if ageing is None or not ageing.ages:
        return []
    band = points_of(zip(ageing.ages, ageing.lows, ageing.highs, strict=False))
    line = points_of(zip(ageing.ages, ageing.values, strict=False))
    head = ("age in weeks", unit.metric, "95 % interval, beside the fresh model")
    numbers = [
        (number(age), score(value), Figure(DASH if low == high else f"[{score(low)},{NBSP}{score(high)}]"))
        for age, value, low, high in zip(ageing.ages, ageing.values, ageing.lows, ageing.highs, strict=False)
    ]
    return [
        heading("How a model ages"),
        paragraph(_ageing_says(ageing), "meaning"),
        figure_of(
            _ageing_chart(line, band, unit, ageing),
            "The metric by the model's age, mean over all fits; the band is the 95 % interval of what is lost to a fresh model",
        ),
        unfold("The numbers, and how this was computed", AGE_HOW, table(head, numbers, "By age") if numbers else None),
    ]


def _ageing_says(ageing: Ageing) -> str:
    half, low, high = (finite(value) for value in (ageing.half_life_weeks, ageing.low_weeks, ageing.high_weeks))
    if half is not None:
        edges = f" [{number(low)}, {number(high) if high is not None else 'no upper end'}]" if low is not None else ""
        return f"A model left alone loses half of its skill in {number(half)} weeks{edges}."
    followed = max((known for age in ageing.ages if (known := finite(age))), default=0.0)
    if low is not None and low > FAR * followed > 0:
        return (
            f"No fading is shown: if skill fades at all, half of it lasts more than {FAR:g} times as long as the "
            f"{number(followed)} weeks that models were followed."
        )
    if low is not None:
        return f"No fading is shown: if skill fades at all, half of it lasts longer than {number(low)} weeks."
    return "Whether a model fades could not be measured."


def _half_life(ageing: Ageing, last: float) -> list[Layer]:
    """Where half of the skill is gone: a line where the plot reaches it, else words."""
    half = finite(ageing.half_life_weeks)
    if half is None:
        return []
    if half <= last:
        return [Moment(half, "half-life")]
    edges = "" if finite(ageing.low_weeks) is None else f" [{number(ageing.low_weeks)}, {number(ageing.high_weeks)}]"
    return [Note(f"half-life: {number(half)} weeks{edges} →")]


def _ageing_chart(
    line: list[tuple[float, ...]], band: list[tuple[float, ...]], unit: Yardstick, ageing: Ageing
) -> Html:
    if len(line) < 2:
        return Html("")
    edges = [value for point in (*line, *band) for value in point[1:]]
    along = Axis("age of the model in weeks", line[0][0], line[-1][0])
    along = along if along.high > along.low else along.padded()
    up = Axis(unit.quality, min(edges), max(edges), turned=not unit.larger).padded(0.15)
    layers: list[Layer] = [Line([(x, y) for x, y in line]), *(Whisker(x, y, y, y) for x, y in line)]
    layers += _half_life(ageing, line[-1][0])
    if len(band) > 1:
        layers.insert(0, Band([(x, low, high) for x, low, high in band]))
    says = "; ".join(f"{number(x)} weeks: {score(y)}" for x, y in line) + f". {_ageing_says(ageing).rstrip('.')}"
    return plot("ageing", "The model's ageing", f"{unit.quality}. {says}.", (along, up), layers, 260)


def _single_start(cadence: Cadence, unit: Yardstick) -> list[Html | str | None]:
    points = points_of(cadence.single_start)
    if len(points) < 3:
        return []
    values = [y for _, y in points]
    along = Axis("", points[0][0], points[-1][0], "time").padded(0.0001)
    up = Axis(unit.quality, min(values), max(values), turned=not unit.larger).padded(0.1)
    says = f"{unit.quality}, {len(points)} weeks, from {score(values[0])} to {score(values[-1])}, between {score(min(values))} and {score(max(values))}."
    chart = plot(
        "first", "One first model, never retrained", says, (along, up), [Line([(x, y) for x, y in points])], 220
    )
    return [
        unfold(
            "A picture only: one first model, never retrained",
            "One start is one draw of luck, so nothing is decided by it.",
            figure_of(chart, f"{unit.metric} week by week"),
        )
    ]
