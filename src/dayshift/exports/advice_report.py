"""The advice as one HTML file: the verdict first, then the design and the path, then what each factor shows.

Everything is in the file, it asks for nothing from elsewhere and runs no script. Each plot stands beside the sentence that
says what it means; how it was computed unfolds. What was suspected to leak is shown alone: with a leak there is no advice.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from dayshift.adviser.evidence import Advice, Factor, Part
from dayshift.adviser.written import whole_or_not
from dayshift.exports.advice_money import money_part
from dayshift.exports.advice_operation import growth_part, monitoring_part, team_part, volume_part
from dayshift.exports.advice_quality import (
    Yardstick,
    cadence_part,
    figure_of,
    ladder_part,
    naive_part,
    naive_warning,
    yardstick,
)
from dayshift.exports.advice_words import (
    day,
    definitions,
    gain_text,
    length,
    listed,
    paragraph,
    sentence,
    soft,
    stack,
    typeset,
    unfold,
    verdict,
)
from dayshift.exports.charts import Row, intervals
from dayshift.exports.page import Html, page, section
from dayshift.exports.scales import finite

STYLES = ("charts.css", "advice.css")
LIMITS = (
    "It judges the past of this history. A change of another kind than the history holds is not in any interval.",
    "Rare jumps are hard to see: what counts is how many there were, not how many days were watched.",
    "Age, calendar time and the moment of a fit can't be separated entirely; gains are paired within the same week.",
    "A model that acts on what it predicts changes what happens next; a replay does not see that.",
    "Forecasts further ahead than twice the history are scenarios.",
    "A verdict holds for the smallest gain that matters; the values at which it would turn stand beside it.",
)
FACTORS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("velocity", ("velocity", "volume"), "Data volume and velocity"),
    ("cadence", ("update", "cadence", "retrain"), "Model update frequency"),
    ("monitoring", ("monitor",), "Monitoring and observability"),
    ("team", ("team",), "Team and tooling"),
    ("growth", ("growth", "scale"), "Growth and scale"),
)


STAR = "by its interval alone it would be needed; another capability or a doubt decides"
HOW = {
    "weeks": "weeks judged",
    "first_week": "first week judged",
    "lead_in_days": "days left out at the start",
    "window_days": "days of a sliding training window",
    "train_rows": "rows a model learns from",
    "evaluation_rows": "rows a model is judged on",
    "fit_cpu_s": "CPU time of all fits",
    "seconds": "time of the whole advice",
}
SHORT = {
    "verdict": "Verdict",
    "design": "Design and path",
    "naive": "Naive predictions",
    "velocity": "1 Volume",
    "cadence": "2 Updates",
    "monitoring": "3 Monitoring",
    "team": "4 Team",
    "growth": "5 Growth",
    "contradictions": "Contradictions",
    "assumptions": "Assumptions",
    "limits": "Limits",
    "how": "Method",
}


def write_advice(advice: Advice, path: Path) -> Path:
    """Writes the page to `path`, making its folder, and gives the path; what stood there stays where that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_or_not(path, advice_html(advice))
    return path


def advice_html(advice: Advice) -> str:
    """The whole page as text.

    >>> text = advice_html(Advice(pipeline="fraud", at=0, headline="Stay with the nightly pipeline"))
    >>> "Stay with the nightly pipeline" in text, "<script" in text
    (True, False)
    """
    title = f"{advice.pipeline}: which pipeline is needed"
    if advice.stopped_by:
        return page(title, f"Advice of {day(advice.at)}, stopped", _stopped(advice), styles=STYLES)
    lead = f"Advice of {day(advice.at)}, measured by replaying this pipeline's own history."
    body = _sections(advice, yardstick(advice))
    return page(
        title,
        lead,
        _unfinished(advice),
        _headline(advice),
        _not_yet(advice),
        naive_warning(advice.skill),
        _contents(body),
        *(part for _, _, part in body),
        styles=STYLES,
    )


def _stopped(advice: Advice) -> Html:
    rows = [(one.column, one.kind, one.says, one.hint) for one in advice.stopped_by]
    head = ("column", "suspicion", "what was seen", "what to do")
    return Html(
        '<div class="banner stop"><p><strong>Stopped: suspected leakage</strong></p><p>These columns seem to know the answer '
        "before it is known. Any figure measured with them would be too good to be true, so no advice is given.</p></div>"
        + section("What was seen", (stack(head, rows, "Suspected columns", boxed=True) or Html(""))).text
    )


def _unfinished(advice: Advice) -> Html:
    if advice.complete and not advice.unfinished:
        return Html("")
    missing = listed(advice.unfinished)
    return Html(
        '<div class="banner"><p><strong>Incomplete: stopped before its end</strong></p><p>What was finished stands; '
        f"missing is:</p>{missing.text if missing else '<p>not said</p>'}</div>"
    )


def _headline(advice: Advice) -> Html:
    return paragraph(advice.headline, "lead") or Html("")


def _not_yet(advice: Advice) -> Html:
    """Why nothing could be replayed, and when it can be."""
    if not advice.reasons and not advice.come_back:
        return Html("")
    back = paragraph(f"Come back on {advice.come_back}." if advice.come_back else "")
    told = (listed(advice.reasons) or Html("")).text + (back.text if back else "")
    return Html(f'<div class="banner"><p><strong>Not enough evidence yet</strong></p>{told}</div>')


def _contents(body: Sequence[tuple[str, str, Html]]) -> Html:
    links = "".join(
        f'<li><a href="#{anchor}">{escape(SHORT.get(anchor, title))}</a></li>'
        for anchor, title, part in body
        if part.text
    )
    return Html(f'<nav aria-label="Contents"><ul>{links}</ul></nav>' if links else "")


def _sections(advice: Advice, unit: Yardstick) -> list[tuple[str, str, Html]]:
    inside: dict[str, list[Html | str | None]] = {
        "velocity": [
            *volume_part(advice.volume),
            *ladder_part(advice.freshness, unit),
            *ladder_part(advice.label_delay, unit, labels=True),
        ],
        "cadence": cadence_part(advice.cadence, unit),
        "monitoring": monitoring_part(advice.monitoring, unit),
        "team": team_part(advice.team),
        "growth": growth_part(advice.growth, advice.volume),
    }
    made: list[tuple[str, str, Sequence[Html | str | None]]] = [
        ("verdict", "The verdict", [_parts(advice.parts, unit), _gains(advice, unit)]),
        ("design", "The cheapest sufficient design", _design(advice)),
        ("factors", "Five factors", [_factors(advice.factors)]),
        ("naive", "Is the model better than a naive prediction?", naive_part(advice.skill)),
    ]
    for number, (anchor, keys, title) in enumerate(FACTORS, 1):
        factor = _factor(advice, keys)
        if any(inside[anchor]):
            made.append(
                (anchor, f"{number}. {factor.title if factor else title}", [*_opening(factor), *inside[anchor]])
            )
    made += [
        ("money", "Money", money_part(advice)),
        ("contradictions", "Where measures contradict each other", [listed(advice.contradictions)]),
        ("notes", "Notes", [listed(advice.notes)]),
        ("assumptions", "Assumptions that nobody declared", [listed(advice.assumptions)]),
        ("limits", "What this can't tell", [listed(LIMITS)]),
        ("how", "How it was computed", [_how(advice)]),
    ]
    return [(anchor, title, section(title, *parts, anchor=anchor)) for anchor, title, parts in made]


def _factor(advice: Advice, keys: Sequence[str]) -> Factor | None:
    named = ((one, f"{one.name} {one.title}".lower()) for one in advice.factors)
    return next((one for one, text in named if any(key in text for key in keys)), None)


def _opening(factor: Factor | None) -> list[Html | None]:
    if factor is None:
        return []
    return [
        Html(f"<p>{verdict(factor.verdict).text}</p>"),
        paragraph(sentence(factor.evidence)),
        paragraph(f"What would change it: {factor.changes}" if factor.changes else "", "change"),
    ]


def _gains(advice: Advice, unit: Yardstick) -> Html | None:
    rows = [
        Row(_starred(part, unit), part.gain.low, part.gain.mean, part.gain.high, gain_text(part.gain), part.verdict)
        for part in advice.parts
        if part.gain is not None
    ]
    chart = intervals("parts", "What each capability would gain", rows, unit.gain, unit.delta)
    star = f" * {STAR}." if any(row.name.endswith(" *") for row in rows) else ""
    return figure_of(
        chart,
        f"What each capability would gain in {unit.metric}; 95 % intervals. The band is too small to matter.{star}",
    )


def _starred(part: Part, unit: Yardstick) -> str:
    """The name, marked where the interval alone would have given another verdict."""
    return f"{part.name} *" if _overruled(part, unit) else part.name


def _overruled(part: Part, unit: Yardstick) -> bool:
    low = finite(part.gain.low) if part.gain else None
    return low is not None and unit.delta is not None and low >= unit.delta and part.verdict != "needed"


def _changes(part: Part, unit: Yardstick) -> str:
    return STAR if _overruled(part, unit) else part.changes


def _parts(parts: Sequence[Part], unit: Yardstick) -> Html | None:
    rows = [
        (
            Html(escape(part.name) + _tags(part)),
            verdict(part.verdict),
            Html(f"{soft(typeset(sentence(part.evidence)))}{_change(_changes(part, unit), part.evidence)}"),
        )
        for part in parts
    ]
    return stack(("capability", "verdict", "evidence"), rows, "Each capability by its own evidence", boxed=True)


def _tags(part: Part) -> str:
    said = []
    if part.insurance:
        said.append("cheap insurance")
    if part.operable is False and (part.verdict != "not needed" or part.insurance):
        said.append("not operable by this team yet")
    if part.required:
        said.append(f"required: {part.required}")
    return "".join(f'<br><span class="tag">{escape(text)}</span>' for text in said)


def _change(changes: str, evidence: str) -> str:
    if changes == STAR:
        return f"<small>{sentence(STAR)}</small>"
    return f"<small>Would change it: {soft(typeset(changes))}</small>" if changes and changes not in evidence else ""


def _factors(factors: Sequence[Factor]) -> Html | None:
    rows = [
        (
            one.title,
            verdict(one.verdict),
            Html(f"{soft(typeset(sentence(one.evidence)))}{_change(one.changes, one.evidence)}"),
        )
        for one in factors
    ]
    return stack(("factor", "verdict", "evidence"), rows, "Each by its own evidence; no score, no weights", boxed=True)


def _design(advice: Advice) -> list[Html | str | None]:
    if not advice.design and not advice.path:
        return []
    steps = "".join(f"<li>{soft(typeset(sentence(step)))}</li>" for step in advice.path)
    path = Html(f'<h3>What to switch on, in this order</h3><ol class="path">{steps}</ol>') if steps else None
    return [paragraph(sentence(advice.design), "meaning"), path]


def _told(name: str, value: object) -> object:
    """Times as days and lengths with their unit; the rest as it is."""
    if name == "first_week":
        return day(value)
    known = finite(value)
    return str(length(known * 1e6)) if known is not None and name in ("seconds", "fit_cpu_s") else value


def _how(advice: Advice) -> Html | None:
    facts = definitions(
        {HOW.get(name, name): _told(name, value) for name, value in advice.how.items() if name != "currency"}
    )
    text = (
        "The pipeline's history was replayed week by week. A model could use only what was known at its fit; a first stretch "
        "is left out, because there a longer history looks like a fresher model. Verdicts: needed if the interval's lower end "
        "reaches the smallest gain that matters, not needed if its upper end stays below it, else undecided."
    )
    return Html(f"<p>{text}</p>" + (unfold("The replay in figures", facts).text if facts else ""))
