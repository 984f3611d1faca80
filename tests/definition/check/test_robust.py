"""No definition, however wrong, breaks `check`: it tells faults and never raises."""

import datetime as dt
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

import dayshift as ds
from dayshift.definition import Aggregate, Features, Window, WindowFeature
from dayshift.definition.check import check
from dayshift.diagnostics import render

NAMES = st.sampled_from(["id", "card", "amount", "at", "absent", "", "as_of", "_load", "a b", "Card"])
TYPES = st.sampled_from(
    [str, int, float, bool, dt.datetime, dt.date, ds.decimal(2), ds.optional(str), "flaot", None, 3]
)
LENGTHS = st.sampled_from(["1d", "0s", "1h", "1 month", "", "24h", None, 7])
EXPRESSIONS = st.sampled_from(
    [pl.col("amount") > 1, pl.col("absent"), pl.lit(1), pl.all(), pl.col("card").sum(), pl.col("amount").shift(1), ds.sql("amount + 1"),
     ds.sql("nonsense ("), ds.sql("sum(amount)"), "amount", None, 3, pl.col("amount", "card"), pl.col("at").dt.hour(), pl.len()]
)  # fmt: skip
AGGREGATES = st.sampled_from(
    [
        Aggregate("count"), Aggregate("mean", "amount"), Aggregate("mean", "card"), Aggregate("last", "absent"), Aggregate("median", "amount"),
        Aggregate("last_n", "card", (("n", 0),)), Aggregate("last_n", "card", (("n", "x"),)), Aggregate("quantile", "amount", (("q", 2), ("accuracy", 0))),
        Aggregate("distinct_count", "card", (("exact_up_to", -1),)), Aggregate("max", "at"), Aggregate("sum"), Aggregate("first", None),
    ]
)  # fmt: skip
WINDOWS = st.builds(Window, LENGTHS, LENGTHS.filter(lambda text: text is not None), st.sampled_from(["left", "right", "both", None]), st.booleans())  # fmt: skip
OTHERS = st.sampled_from([None, "text", 3, (), [], pl.col("a")])


@st.composite
def sources(draw: st.DrawFn) -> ds.Source:
    schema = draw(st.dictionaries(NAMES, TYPES, max_size=4))
    return ds.Source(
        draw(st.sampled_from(["payments", "disputes", "a b", ""])),
        time=draw(NAMES),
        key=draw(st.one_of(NAMES, st.lists(NAMES, max_size=2))),
        schema=schema,
        delay=draw(st.sampled_from(["0s", "1d", "soon"])),
        arrival=draw(st.one_of(st.none(), NAMES)),
        derive=draw(st.dictionaries(NAMES, EXPRESSIONS, max_size=1)),
        where=draw(EXPRESSIONS),
    )


@st.composite
def features(draw: st.DrawFn, known: list[ds.Source]) -> Any:
    source = draw(st.sampled_from(known))
    kind = draw(st.sampled_from(["window", "window", "row", "other"]))
    if kind == "other":
        return draw(OTHERS)
    if kind == "row":
        return source.row(**{draw(st.sampled_from(["hour", "card", "Card", "as_of"])): draw(EXPRESSIONS)})
    keys = tuple(draw(st.lists(st.tuples(NAMES, NAMES), max_size=2)))
    relative = draw(st.sampled_from([None, "ratio"]))
    feature = WindowFeature(
        source, keys, draw(WINDOWS), draw(AGGREGATES), draw(st.sampled_from([None, "a b", "x"])), draw(st.sampled_from([None, 0, "x", float("nan")])),
        relative, draw(WINDOWS) if relative else None,
    )  # fmt: skip
    return Features([feature])


@st.composite
def pipelines(draw: st.DrawFn) -> ds.Pipeline:
    known = draw(st.lists(sources(), min_size=1, max_size=2))
    asker = draw(st.sampled_from(known))
    calendar = asker.every(draw(st.sampled_from(["1d", "0s", "x"])), by=draw(st.lists(NAMES, max_size=2)))
    label = ds.Label(
        draw(st.sampled_from([*known, None])),
        draw(EXPRESSIONS),
        within=draw(st.sampled_from(["7d", "0s", "x"])),
        by=draw(st.one_of(st.none(), st.lists(NAMES, max_size=2))),
        pick=draw(st.sampled_from(["first", "last", "all", "any"])),
        missing=draw(st.sampled_from([None, False, 0, "no"])),
    )
    gate = ds.Gate(draw(st.sampled_from(["roc_auc", "x"])), at_least=draw(st.sampled_from([None, 0.5, "x"])))  # type: ignore[arg-type]
    return ds.Pipeline(
        draw(st.sampled_from(["p", "", "a/b"])),
        predict=draw(st.sampled_from([asker, calendar, None])),
        features=draw(st.lists(features(known), max_size=3)),
        label=draw(st.sampled_from([label, None, "x"])),
        model=draw(st.sampled_from([None, 3, dict])),
        metric=draw(st.sampled_from([None, "roc_auc", "rmse", "precision@3_per_day_by_card", 7])),
        gates=draw(st.sampled_from([[], [gate], ["x"]])),
    )


@settings(max_examples=150, deadline=None)
@given(pipelines())
def test_check_never_raises(pipeline: ds.Pipeline) -> None:
    """Whatever is put together, the answer is a list of problems that can be printed."""
    found = check(pipeline, history={"payments": (0, 10**12)})
    assert isinstance(render(found), str)
    assert all(problem.message and "\n" not in problem.message for problem in found)


def test_a_feature_in_place_of_a_length_is_told_in_one_readable_line() -> None:
    """A value that is no text is told by its type, however much it holds."""
    payments = ds.Source("payments", time="at", key="id", schema={"id": str, "amount": int})
    mean = payments.by("id").over("7d").mean("amount")
    problems = check(ds.Pipeline("p", predict=payments, features=[mean.ratio_to(mean)]))  # type: ignore[arg-type]
    assert [problem.message for problem in problems] == [
        "the window that a feature is related to is of type Features, which is not a length of time"
    ]
