"""The advice as a page: what it says, in which order, and that everybody can read it."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dayshift.adviser.evidence import Advice, Gain
from dayshift.exports.advice_report import advice_html, write_advice
from dayshift.exports.advice_words import NBSP
from tests.exports.advice_samples import SAMPLES, flights, interrupted, losses, short, stopped, transactions

VOID = {"meta", "br", "wbr", "hr", "line", "circle", "rect", "path", "polygon", "polyline"}
ABSENT = re.compile(r"\b(nan|None|inf|NaN)\b")


class Outline(HTMLParser):
    """Tags in order with their attributes; unbalanced ones are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text.append(data)


def said(text: str) -> str:
    """What the page says, as one line of plain text."""
    return " ".join(" ".join(Outline(text.replace("<wbr>", "")).text).replace(NBSP, " ").split())


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_needs_nothing_from_elsewhere(name: str) -> None:
    """No script, no address, no font and no picture but what stands in the file."""
    text = advice_html(SAMPLES[name]())
    assert "<script" not in text
    assert not re.search(r"src=|url\(|@import|http|<link|<iframe", text)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_is_built_for_those_who_hear_it(name: str) -> None:
    """Language, one first heading, none left out below it, scopes of tables, names of charts, and no dangling reference."""
    tags = Outline(advice_html(SAMPLES[name]())).tags
    assert ("html", {"lang": "en"}) in tags
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    ids = [given["id"] for _, given in tags if "id" in given]
    assert len(ids) == len(set(ids))
    for tag, given_ in tags:
        if tag == "th":
            assert given_.get("scope") in ("col", "row")
        for reference in ("aria-labelledby", "aria-describedby"):
            assert given_.get(reference, ids[0] if ids else None) in (*ids, None)
        if tag == "a":
            assert (given_["href"] or "")[1:] in ids
        if tag == "svg":
            assert given_.get("aria-hidden") == "true" or given_["role"] == "img"
            assert "viewbox" in given_


@pytest.mark.parametrize("name", SAMPLES)
def test_what_was_not_measured_is_a_dash(name: str) -> None:
    """No reader sees the language's words for nothing."""
    assert not ABSENT.search(said(advice_html(SAMPLES[name]())))


def test_the_verdict_stands_first() -> None:
    """Headline, capabilities, design, path, and only then the factors."""
    text = advice_html(flights())
    places = (
        "verdict",
        "design",
        "factors",
        "naive",
        "velocity",
        "cadence",
        "monitoring",
        "team",
        "growth",
        "money",
        "limits",
    )
    order = [text.index("Move towards MLOps"), *(text.index(f'id="{place}"') for place in places)]
    assert order == sorted(order)


def test_a_verdict_is_a_word_and_a_shape() -> None:
    """The three verdicts differ without any colour."""
    text = advice_html(flights())
    shapes = {
        word: set(re.findall(rf'<span class="verdict \w+">(<svg(?:(?!</svg>).)*</svg>){word}</span>', text))
        for word in ("needed", "not needed", "undecided")
    }
    assert all(len(found) == 1 for found in shapes.values())
    assert len({next(iter(found)) for found in shapes.values()}) == 3


@pytest.mark.parametrize(
    "words",
    [
        "Features as of the event bring +0.0591 [+0.0529, +0.0653] roc_auc over those as of last midnight",
        "The knee is at 'every 2 weeks'",
        "No fading is shown: if skill fades at all, half of it lasts longer than 61 weeks",
        "Of 4 alarm rules, 2 break the budget of 1 false alarm in 30 calm days",
        "At the declared prices streaming features, automatic retraining, monitoring surely pay",
        "PSI over own noise",
        "a night full only at 2.8 M events a day",
        "roc_auc rises by 0.0041 with weekly retraining while log_loss rises",
        "not operable by this team yet",
        "required: an answer within 5 min (declared)",
        "cheap insurance",
        "smallest gain that matters: 2 % of skill = 0.0044 roc_auc",
        "dags/nightly.py:12",
        "The smallest gain that matters is 0.0044 roc_auc: 2 % of the skill",
    ],
)
def test_each_part_says_what_it_means(words: str) -> None:
    """Beside each plot stands the sentence that a reader takes home."""
    assert words in said(advice_html(flights()))


def test_a_chart_tells_its_numbers() -> None:
    """The description of a drawing holds what the drawing shows."""
    text = unescape(advice_html(transactions())).replace(NBSP, " ")
    described = re.findall(r"<title[^>]*>([^<]*)</title><desc[^>]*>([^<]*)</desc>", text)
    by_title = dict(described)
    assert "after 1d: +0.143 [+0.128, +0.158]" in by_title["What faster labels are worth"]
    assert (
        "every 4 weeks: 0.7170 [0.7115, 0.7225], 13 fits and 2.34 CPU seconds a year"
        in by_title["Quality against cadence"]
    )
    assert {title for title, _ in described} >= {
        "The model's ageing",
        "Growth and capacity",
        "What each capability would gain",
    }


def test_without_prices_there_is_no_money() -> None:
    """A price is never invented."""
    assert "Money" not in said(advice_html(transactions()))


def test_less_can_be_better() -> None:
    """For a loss the axis is turned, so that up is better everywhere, and a naive prediction that wins is named."""
    text = said(advice_html(losses()))
    assert "log_loss (less is better, axis turned)" in text
    assert "It is not shown to beat 'same as the last half hour'" in text
    assert "loses half of its skill in 5.1 weeks [4, 7.2]" in text


def test_what_was_stopped_by_a_leak_shows_the_leak_only() -> None:
    """No figure, no headline and no design stand beside a suspicion."""
    leaky = replace(flights(), stopped_by=stopped().stopped_by)
    text = said(advice_html(leaky))
    assert "suspected leakage" in text
    assert "dep_delay" in text
    assert "0.997" in text
    assert not re.search(r"MLOps|streaming|0\.0591|verdict|Money", text)
    assert "chart" not in re.sub(r"<style>.*?</style>", "", advice_html(leaky), flags=re.DOTALL)


def test_an_incomplete_advice_says_so_before_anything_else() -> None:
    """Who reads only the top knows that something is missing, and what."""
    text = said(advice_html(interrupted()))
    assert text.index("Incomplete") < text.index("label delays") < text.index("Move towards")
    assert "Incomplete" not in said(advice_html(flights()))


def test_too_short_a_history_says_when_to_come_back() -> None:
    """No plot is drawn of what there is not, and the reason stands there."""
    text = said(advice_html(short()))
    assert "come back on 2026-04-02" in text
    assert "What the model is worth in roc_auc could not be measured" in text


def test_users_text_is_never_markup() -> None:
    """A name from a file can't become part of the page."""
    text = advice_html(replace(flights(), pipeline="<b>x", headline="<i>y", notes=("<u>z",), how={"<s>k": "<q>v"}))
    assert not re.search(r"<(b|i|u|s|q)>", text)


def test_it_is_written_where_it_was_asked_for(tmp_path: Path) -> None:
    """The folder is made."""
    path = write_advice(short(), tmp_path / "reports" / "advice.html")
    assert path.read_text(encoding="utf-8") == advice_html(short())


# ---------------------------------------------------------------- contrast


def _schemes() -> Mapping[str, dict[str, str]]:
    """The colours of each scheme by name, as the style sheets of the page declare them."""
    folder = resources.files("dayshift.exports")
    css = "".join(
        folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "charts.css", "advice.css")
    )
    made: dict[str, dict[str, str]] = {"light": {}, "dark": {}, "print": {}}
    for around, inside in re.findall(r"(@media [^{]*\{\s*(?:@page[^}]*\}\s*)?)?:root \{([^}]*)\}", css):
        scheme = "dark" if "dark" in around else "print" if "print" in around else "light"
        made[scheme].update(re.findall(r"--(\w+):\s*(#[0-9a-f]+)", inside))
    return made


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize("words", ["ink", "soft", "mark", "needed", "spared", "open", "second"])
@pytest.mark.parametrize("ground", ["ground", "card", "zone"])
def test_text_can_be_read(scheme: str, words: str, ground: str) -> None:
    """WCAG 2.2 AA: text has a contrast of at least 4.5 on everything it may stand on."""
    colours = _schemes()[scheme]
    assert _contrast(colours[words], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize("line", ["mark", "needed", "spared", "open", "alarm", "second", "zero", "edge"])
@pytest.mark.parametrize("ground", ["ground", "card", "zone"])
def test_lines_and_marks_can_be_seen(scheme: str, line: str, ground: str) -> None:
    """WCAG 2.2 AA: what must be seen of a drawing has a contrast of at least 3 with what lies behind it."""
    colours = _schemes()[scheme]
    assert _contrast(colours[line], colours[ground]) >= 3


# ---------------------------------------------------------------- whatever comes

WORDS = (
    "",
    "weekly",
    "never",
    "midnight",
    "event",
    "7d",
    "needed",
    "not needed",
    "undecided",
    "mlops",
    "batch",
    "<b>&",
    "x" * 90,
    "two words",
)
LAWS = ("compounding", "linear", "weekly", "a")
BASES = (Advice("p", 0, "h"), losses(), short())
NUMBERS = st.one_of(
    st.none(), st.floats(), st.floats(-2, 2), st.sampled_from([0.0, 1.0, -0.0, 1e300, 5e-324, math.inf])
)


@functools.cache
def _any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, of which numbers may be absent or not finite whatever the type says."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{field.name: _any_of(hints[field.name]) for field in dataclasses.fields(kind)})
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*(st.none() if each is type(None) else _any_of(each) for each in inside))
    if origin is tuple:
        if inside[-1] is Ellipsis:
            return st.lists(_any_of(inside[0]), max_size=3).map(tuple)
        return st.tuples(*(_any_of(each) for each in inside))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(st.sampled_from(LAWS), _any_of(inside[1]), max_size=3)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        float: NUMBERS,
        int: st.one_of(st.integers(-5, 5), st.integers(-(10**18), 10**18), st.integers(0, 2_000_000_000_000_000)),
        str: st.sampled_from(WORDS),
        bool: st.booleans(),
        object: st.one_of(NUMBERS, st.sampled_from(WORDS), st.lists(NUMBERS, max_size=2)),
    }
    return simple[kind]


FIELDS = typing.get_type_hints(Advice)


@pytest.mark.parametrize("name", FIELDS)
@settings(max_examples=12, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_part_becomes_a_page(name: str, data: st.DataObject) -> None:
    """Whatever is absent, empty or not finite: the page is whole, and never shows the language's words for nothing."""
    part = data.draw(_any_of(FIELDS[name]))
    text = advice_html(replace(data.draw(st.sampled_from(BASES)), **{name: part}))
    assert not ABSENT.search(said(text))
    assert not re.search(r'="[^"]*\b(nan|inf)\b', text)


@settings(max_examples=10, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(set(SAMPLES) - {"stopped"})), st.data())
def test_any_part_may_be_missing(name: str, data: st.DataObject) -> None:
    """An advice of which parts were not measured shows the others."""
    full = SAMPLES[name]()
    parts = [
        field.name
        for field in dataclasses.fields(full)
        if getattr(full, field.name) is not None
        and field.name in ("skill", "volume", "freshness", "label_delay", "cadence", "monitoring", "team", "growth")
    ]
    gone = data.draw(st.sets(st.sampled_from(parts))) if parts else set()
    text = said(advice_html(replace(full, **dict.fromkeys(gone))))
    assert full.headline in text
    assert not ABSENT.search(text)


def test_a_gain_of_one_week_has_no_interval() -> None:
    """What has no interval is shown as a number with dashes, not left out."""
    lone = Gain(0.02, math.nan, math.nan, (0.02,), (0,))
    part = replace(flights().parts[0], gain=lone)
    assert "+0.020" in said(advice_html(replace(flights(), parts=(part,))))


# ---------------------------------------------------------------- as real histories have it


def test_a_week_is_told_as_more_or_less_than_the_mean() -> None:
    """A weekday of 1.06 times the mean is above it by that, one of 0.82 times 18 % below."""
    growth = flights().growth
    assert growth is not None
    season = (1.0563, 1.0392, 1.0416, 1.0385, 1.0441, 0.8192, 1.0)
    text = said(advice_html(replace(flights(), growth=replace(growth, season=season))))
    assert "Mon +5.6 %" in text
    assert "Sat −18 %" in text
    assert "Sun 0.0 %" in text
    assert "+106 %" not in text


def test_minus_is_minus_and_vast_is_short() -> None:
    """Sentences of the advice are printed as the figures beside them; days and options keep their hyphens."""
    said_so = (
        "weekly: -0.0002 [-0.0051, +0.0047]; carries 153,795,568 times the need of 2014-01-02, ask --what-if volume=10x"
    )
    part = replace(flights().parts[0], evidence=said_so)
    text = said(advice_html(replace(flights(), parts=(part,), path=(said_so,), notes=(said_so,))))
    assert "−0.0002 [−0.0051, +0.0047]; carries 150 million times the need of 2014-01-02, ask --what-if" in text
    assert not re.search(r"(?<![\w.])-\d", text)


def test_a_naive_prediction_that_wins_is_said_before_any_verdict() -> None:
    """Whoever reads only the top knows it; where the model beats all of them nothing is said there."""
    text = said(advice_html(losses()))
    assert text.index("A naive prediction beats the model") < text.index("The verdict")
    assert "'same as the last half hour' reaches 0.4176; the model reaches 0.4520" in text
    assert "beats the model" not in said(advice_html(flights()))


def test_retraining_at_all_and_by_a_calendar_are_two_answers() -> None:
    """One may be needed while the other is not, and both stand together with what was compared."""
    cadence = flights().cadence
    assert cadence is not None
    assert cadence.against_never is not None
    calendar = replace(cadence.finding, verdict="not needed")
    text = said(advice_html(replace(flights(), cadence=replace(cadence, finding=calendar))))
    assert "Retraining at all needed" in text
    assert "Automatic retraining not needed" in text
    assert "Automatic retraining is not needed unless gains below" in text


def test_a_half_life_is_no_longer_than_anybody_looked() -> None:
    """Models followed for 13 weeks tell nothing of 751; a half-life that was found stands in the plot."""
    cadence = flights().cadence
    assert cadence is not None
    ages = tuple(range(14))
    curve = tuple(0.7 - 0.001 * age for age in ages)
    ageing = replace(
        cadence.ageing, ages=ages, values=curve, lows=curve, highs=curve, half_life_weeks=None, low_weeks=751.1
    )
    text = said(advice_html(replace(flights(), cadence=replace(cadence, ageing=ageing))))
    assert "more than 4 times as long as the 13 weeks that models were followed" in text
    assert "751" not in text
    found = replace(ageing, half_life_weeks=43.0, low_weeks=34.0, high_weeks=58.3)
    text = said(advice_html(replace(flights(), cadence=replace(cadence, ageing=found))))
    assert "half-life: 43 weeks [34, 58.3] →" in text


def test_a_mark_that_differs_from_its_interval_is_explained() -> None:
    """Hourly features that are worth something, and yet not needed because the event itself is, carry a star."""
    part = replace(flights().parts[0], name="hourly features", verdict="not needed")
    text = said(advice_html(replace(flights(), parts=(flights().parts[0], part))))
    assert "hourly features *" in text
    assert "* by its interval alone it would be needed" in text
    assert "streaming features *" not in text


def test_comparisons_of_other_pairs_stand_apart() -> None:
    """What is not compared with the ladder's foot is not drawn on the axis that says so."""
    ladder = flights().freshness
    assert ladder is not None
    extra = replace(next(rung.finding for rung in ladder.rungs if rung.finding), title="the event over the last hour")
    text = unescape(advice_html(replace(flights(), freshness=replace(ladder, extra=(extra,)))))
    described = dict(re.findall(r"<title[^>]*>([^<]*)</title><desc[^>]*>([^<]*)</desc>", text))
    assert "the event over the last hour" in described["Other comparisons"]
    assert "the event over the last hour" not in described["What fresher features are worth"]


def test_how_it_was_computed_is_told_in_days_and_units() -> None:
    """No microseconds since 1970 and no number without its unit."""
    how = {"first_week": 1_360_022_400_000_000, "seconds": 57.78, "fit_cpu_s": 48.17, "train_rows": 10_000}
    text = said(advice_html(replace(flights(), how=how)))
    assert "first week judged 2013-02-05" in text
    assert "time of the whole advice 57.8 s" in text
    assert "rows a model learns from 10,000" in text


def test_shifts_that_nobody_would_have_seen_are_counted() -> None:
    """The table says it row by row, the sentence once."""
    monitoring = flights().monitoring
    assert monitoring is not None
    blind = tuple(
        replace(one, days_live=None, days_nightly=None, days_weekly_accuracy=None) for one in monitoring.shifts
    )
    text = said(advice_html(replace(flights(), monitoring=replace(monitoring, shifts=blind))))
    assert "Each of the 2 shifts would not have been shown by any way of watching" in text
    assert "any way of watching" not in said(advice_html(flights()))


def test_a_forecast_ends_where_scenarios_begin() -> None:
    """Further ahead than twice the history nobody knows; the plot says from where."""
    growth = flights().growth
    assert growth is not None
    start, end = (growth.forecast["linear"][at][0] for at in (0, -1))
    marked = replace(growth, scenario_from_us=(start + end) // 2)
    assert "from here a scenario" in said(advice_html(replace(flights(), growth=marked)))


def test_why_there_is_no_replay_stands_on_top() -> None:
    """The reason and the day to come back."""
    text = said(advice_html(replace(short(), reasons=("4 weeks are judged, 6 are needed",), come_back="2026-04-02")))
    assert text.index("4 weeks are judged, 6 are needed Come back on 2026-04-02.") < text.index("The verdict")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_is_small(name: str) -> None:
    """It can be sent by mail."""
    assert len(advice_html(SAMPLES[name]()).encode()) < 400_000
