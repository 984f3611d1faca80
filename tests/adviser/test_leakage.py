"""Leaks are named by their column, and what is none is left in peace."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

import dayshift as ds
from dayshift.adviser.evidence import Suspicion
from dayshift.adviser.history import read_history
from dayshift.adviser.leakage import suspicions
from dayshift.engines.contract import FrameLog
from dayshift.testing import worlds
from tests.adviser.history_worlds import DAY_US, START_US, Orders, log, pipeline, regressor, sources

WORLD = Orders()


def found(pipeline_: ds.Pipeline, log_: FrameLog) -> list[tuple[str, str]]:
    """(column, kind) of each suspicion; each says something with the column in it, and gives a hint."""
    made: tuple[Suspicion, ...] = suspicions(read_history(pipeline_, log_))
    assert all(each.says and each.hint for each in made)
    return [(each.column, each.kind) for each in made]


def with_column(
    values: Any, dtype: Any = float, *, told: dict[str, Any] | None = None, **kept: Any
) -> list[tuple[str, str]]:
    """What is found when orders have a column `more`, and verdicts the columns `told`."""
    declared = ds.optional(ds.Column(float, bits=10) if dtype is float else dtype)
    asks, tells = sources(orders={"more": declared}, verdicts=dict.fromkeys(told or {}, declared))
    orders = WORLD.orders(more=pl.Series(values, strict=False))
    extra = {name: pl.Series(each, strict=False) for name, each in (told or {}).items()}
    return found(pipeline(asks, tells, asks.row(seen=pl.col("more"))), log(orders, WORLD.verdicts(**kept, **extra)))


def test_a_good_pipeline_is_left_in_peace() -> None:
    """Features that help, labels a day later: nothing to say, for either kind of model."""
    asks, tells = sources()
    assert found(pipeline(asks, tells), log(WORLD.orders(), WORLD.verdicts())) == []
    assert found(regressor(asks, tells), log(WORLD.orders(), WORLD.verdicts())) == []


@pytest.mark.parametrize("kind", worlds.KINDS)
def test_worlds_without_leaks_raise_no_alarm(kind: str) -> None:
    """One world of each kind here; 120 of them raised none when the limits were chosen."""
    world = worlds.make(kind, 3, weeks=10, a_day=200)
    assert suspicions(read_history(world.pipeline, world.log, threads=1)) == ()


def test_a_feature_that_equals_the_label_is_too_good() -> None:
    """With its sign turned; where it is the very value of the answering event, that is said."""
    assert with_column(WORLD.bad.astype(float)) == [("more", "known later")]
    assert with_column(-3.0 * WORLD.bad) == [("more", "too good")]


def test_a_feature_that_equals_a_number_is_too_good() -> None:
    """The regressor's own target in another unit."""
    asks, tells = sources(orders={"more": ds.Column(float, bits=10)}, verdicts={"cost": ds.Column(float, bits=10)})
    cost = np.round(WORLD.drawn.normal(size=WORLD.rows) * 64) / 64
    label = ds.Label(tells, pl.col("cost"), within="0s")
    chosen = regressor(asks, tells, asks.row(seen=pl.col("more")))
    chosen = ds.Pipeline("p", predict=asks, features=chosen.features, label=label, model=chosen.model, metric="rmse")
    assert found(chosen, log(WORLD.orders(more=2 * cost), WORLD.verdicts(cost=cost))) == [("more", "too good")]


def test_a_word_that_gives_the_answer_away_is_too_good() -> None:
    """A status that was written when the case was closed."""
    words = np.where(WORLD.bad, "charged back", "closed")
    assert with_column(words, str) == [("more", "too good")]


def test_a_strong_but_honest_feature_is_not_too_good() -> None:
    """Right in nine of ten cases: good for the team."""
    honest = np.where(WORLD.drawn.random(WORLD.rows) < 0.9, WORLD.bad, ~WORLD.bad)
    assert with_column(honest.astype(float)) == []


def test_a_column_that_repeats_what_a_later_event_tells_is_known_later() -> None:
    """It answers well, and the verdict says the same a day later."""
    helped = np.round((np.where(WORLD.bad, 1.5, 0.0) + WORLD.drawn.normal(size=WORLD.rows)) * 1024) / 1024
    assert with_column(helped, told={"loss": helped}) == [("more", "known later")]
    assert with_column(helped) == []


def test_a_column_that_is_merely_repeated_is_innocent() -> None:
    """Events often carry what was known before: an amount, a name."""
    amount = np.round(WORLD.drawn.normal(size=WORLD.rows) * 1024) / 1024
    assert with_column(amount, told={"amount": amount}) == []


def test_a_repeated_column_that_is_empty_where_no_event_came_is_known_later() -> None:
    """Even when it hardly helps: what is there only if something happens later was written later."""
    came = WORLD.drawn.random(WORLD.rows) < 0.9
    amount = np.round(WORLD.drawn.normal(size=WORLD.rows) * 1024) / 1024
    filled = [float(value) if there else None for value, there in zip(amount, came, strict=True)]
    assert with_column(filled, told={"amount": amount}, keep=came) == [("more", "known later")]


def test_empty_only_where_no_answer_came_is_known_later() -> None:
    """No other source tells it, yet it is there exactly when there is an answer."""
    came = WORLD.drawn.random(WORLD.rows) < 0.9
    helped = np.where(WORLD.bad, 2.0, 0.0) + WORLD.drawn.normal(size=WORLD.rows)
    filled = [float(value) if there else None for value, there in zip(helped, came, strict=True)]
    assert with_column(filled, keep=came) == [("more", "known later")]
    some = [
        float(value) if there else None
        for value, there in zip(helped, WORLD.drawn.random(WORLD.rows) < 0.9, strict=True)
    ]
    assert with_column(some, keep=came) == []


def test_the_time_until_a_later_event_is_known_later() -> None:
    """Minutes until the parcel came, in the row of the order."""
    asks, tells = sources(orders={"minutes": int})
    minutes = np.where(WORLD.bad, 500, 200) + WORLD.drawn.integers(0, 400, WORLD.rows)
    came = ds.Source("parcels", time="at", key="id", schema={"id": int})
    parcels = WORLD.verdicts().select("id", at=pl.col("at"), _load="_load").sort("id")
    parcels = parcels.with_columns(at=pl.col("at") + pl.Series(minutes * 60_000_000).cast(pl.Duration("us")))
    parcels = parcels.with_columns(_position=pl.col("at").to_physical()).sort("_position")
    chosen = pipeline(asks, tells, asks.row(slow=pl.col("minutes") / 60), came.over("1d").count())
    frames = {"orders": WORLD.orders(minutes=minutes), "verdicts": WORLD.verdicts(), "parcels": parcels}
    assert found(chosen, FrameLog(frames)) == [("minutes", "known later")]


def test_positives_that_come_faster_bias_early_labels() -> None:
    """Frauds are reported in hours, the rest is cleared after ten days; the label counts as ripe after one."""
    asks, tells = sources("1d")
    known = np.where(WORLD.bad, DAY_US // 8, 10 * DAY_US)
    made = suspicions(read_history(pipeline(asks, tells), log(WORLD.orders(), WORLD.verdicts(known))))
    assert [(each.column, each.kind) for each in made] == [("bad", "early labels are biased")]
    assert "100.00% of the labels that were there in time are positive" in made[0].says


def test_no_answer_that_means_no_is_biased_when_answers_come_late() -> None:
    """Half of the frauds are reported after their label counted as ripe: they were learned as honest."""
    asks, tells = sources("1d")
    label = ds.Label(tells, pl.col("bad") == 1, within="0s", missing=False)
    chosen = pipeline(asks, tells, label=label)
    reported = np.where(np.arange(WORLD.rows) % 2 == 0, DAY_US // 8, 2 * DAY_US)
    late = log(WORLD.orders(), WORLD.verdicts(reported, keep=WORLD.bad))
    assert found(chosen, late) == [("bad", "early labels are biased")]
    in_time = log(WORLD.orders(), WORLD.verdicts(reported // 2, keep=WORLD.bad))
    assert found(chosen, in_time) == []


def test_answers_that_are_late_by_chance_bias_nothing() -> None:
    """Some come late, whatever they say; most being late is another matter."""
    asks, tells = sources("1d")
    chance = np.where(WORLD.drawn.random(WORLD.rows) < 0.1, 3 * DAY_US, DAY_US // 2)
    assert found(pipeline(asks, tells), log(WORLD.orders(), WORLD.verdicts(chance))) == []
    assert found(pipeline(asks, tells), log(WORLD.orders(), WORLD.verdicts(3 * DAY_US))) == [("bad", "known later")]


def test_an_expression_that_reads_a_clock_cannot_be_rebuilt() -> None:
    """Computed again it says something else."""
    asks, tells = sources()
    now = asks.row(
        now=pl.col("risk").map_elements(lambda _: float(time.perf_counter_ns() // 10**6), return_dtype=pl.Float64)
    )
    kinds = _without_comparison(pipeline(asks, tells, now))
    assert kinds == [("now", "cannot be rebuilt")]


def _without_comparison(chosen: ds.Pipeline) -> list[tuple[str, str]]:
    from dayshift.engines.local import rows

    with pytest.MonkeyPatch.context() as patch:  # the engine itself compares some rows, and mostly notices such a thing
        patch.setattr(rows, "_compare", lambda *_: None)
        return found(chosen, log(WORLD.orders(), WORLD.verdicts()))


# ----------------------------------------------------------------- real data


def flights(folder: Path, *more: str) -> tuple[ds.Pipeline, FrameLog]:
    """Departures from New York, asked an hour before; `more` columns of the table are put into the asking rows."""
    shown = {name: ds.optional(int) for name in more}
    keys = {"id": int, "carrier": str, "origin": str}
    asks = ds.Source("flights", time="asked", key="id", schema={**keys, "distance": int, **shown})
    left = ds.Source("departures", time="left", key="id", schema={**keys, "dep_delay": int})
    came = ds.Source("arrivals", time="came", key="id", schema={"id": int, "dest": str, "arr_delay": int})
    utc = {"asked": "sched_dep", "left": "dep_ts", "came": "arr_known_ts"}
    table = pl.read_parquet(folder / "flights.parquet").sort("sched_dep").with_row_index("id").head(120_000)
    table = table.with_columns(
        pl.col("id", "distance", "dep_delay", "arr_delay", "cancelled").cast(pl.Int64),
        pl.col("carrier", "origin", "dest").cast(pl.String),
        *(pl.col(old).dt.cast_time_unit("us").dt.replace_time_zone("UTC").alias(new) for new, old in utc.items()),
    ).with_columns(pl.col("asked") - pl.duration(hours=1))
    frames = {}
    for source in (asks, left, came):
        rows = table.select(*source.columns).drop_nulls([name for name in source.columns if name not in more])
        placed = rows.sort(source.time, "id").with_columns(_load=pl.lit(1, pl.Int64))
        frames[source.name] = placed.with_columns(_position=pl.col(source.time).to_physical())
    chosen = ds.Pipeline(
        "late",
        predict=asks,
        features=[
            left.by("origin").over("1h", "7d").mean("dep_delay"),
            came.over("6h").mean("arr_delay"),
            asks.row(distance=pl.col("distance"), **{f"f_{name}": pl.col(name) for name in more}),
        ],
        label=ds.Label(came, pl.col("arr_delay") >= 15, within="1d"),
        model=LogisticRegression(),
        metric="roc_auc",
    )
    return chosen, FrameLog(frames)


def test_flights_are_left_in_peace(shared_data: Path) -> None:
    """Features of earlier flights, cancelled ones among the questions: nothing leaks."""
    assert found(*flights(shared_data)) == []


@pytest.mark.parametrize("column", ["dep_delay", "arr_delay"])
def test_a_flights_own_delay_is_named(shared_data: Path, column: str) -> None:
    """Known only after it left, or landed; in the row of the question it is a leak."""
    assert found(*flights(shared_data, column)) == [(column, "known later")]


def test_the_price_of_the_same_half_hour(shared_data: Path) -> None:
    """Asked as the half hour begins, its own price is known when it is over; honest features are left in peace."""
    table = pl.read_parquet(shared_data / "electricity.parquet").sort("ts").with_row_index("id").head(20_000)
    table = table.with_columns(
        pl.col("id", "up").cast(pl.Int64), pl.col("ts").dt.replace_time_zone("UTC"), _load=pl.lit(1, pl.Int64)
    ).with_columns(_position=pl.col("ts").to_physical())
    price = {"nswprice": ds.decimal(6)}
    asks = ds.Source("periods", time="ts", key="id", schema={"id": int, **price})
    market = ds.Source("market", time="ts", key="id", schema={"id": int, "up": int, **price}, delay="30m")
    told = table.with_columns(pl.col("_position") + 30 * 60_000_000)
    frames = FrameLog(
        {
            "periods": table.select(*asks.columns, "_load", "_position"),
            "market": told.select(*market.columns, "_load", "_position"),
        }
    )
    label = ds.Label(market, pl.col("up") == 1, within="0s")
    honest = [market.over("1h").last("nswprice"), market.over("1h").last("up")]
    made = {"predict": asks, "label": label, "model": LogisticRegression(), "metric": "roc_auc"}
    assert found(ds.Pipeline("p", features=honest, **made), frames) == []
    trap = [*honest, *asks.row(price=pl.col("nswprice"))]
    assert found(ds.Pipeline("p", features=trap, **made), frames) == [("nswprice", "known later")]


def test_questions_start_at_the_beginning_of_time() -> None:
    """The worlds of these tests begin where they say."""
    assert read_history(pipeline(*sources()), log(WORLD.orders(), WORLD.verdicts())).as_of[0] == START_US


def test_a_key_that_is_the_time_itself_is_looked_at_too() -> None:
    """A series with one row an instant names its rows by their time."""
    day = 86_400_000_000
    hours = ds.Source("hours", time="at", key="at", schema={"level": float})
    later = ds.Source("later", time="at", key="at", schema={"up": int}, delay="1h")
    pipeline = ds.Pipeline(
        "series",
        predict=hours,
        features=[hours.row(level=pl.col("level"))],
        label=ds.Label(later, pl.col("up") == 1, within="0s"),
        model=LogisticRegression(),
    )
    at = pl.Series(np.arange(2_000) * (day // 24)).cast(pl.Datetime("us", "UTC"))
    drawn = np.random.default_rng(0)
    up = drawn.integers(0, 2, 2_000)
    level = np.clip(0.05 + 0.1 * up + 0.05 * drawn.normal(size=2_000), 0, 1)  # answers well, and lies within one unit
    placed = {"_load": pl.lit(1, pl.Int64), "_position": pl.col("at").dt.epoch("us")}
    frames = {
        "hours": pl.DataFrame({"at": at, "level": level}).with_columns(**placed),
        "later": pl.DataFrame({"at": at, "up": up})
        .with_columns(**placed)
        .with_columns(pl.col("_position") + day // 24),
    }
    log = FrameLog(frames, {"hours": {"level": 40}})
    assert suspicions(read_history(pipeline, log)) == ()
