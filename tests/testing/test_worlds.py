"""Worlds: the truth that a world tells about itself is the truth that a replay by hand finds in it."""

import dataclasses
import time

import numpy as np
import polars as pl
import pytest

from dayshift.definition.check import check
from dayshift.definition.metric import metric_named
from dayshift.engines.local.engine import LocalEngine
from dayshift.learners.estimator import fit, predict
from dayshift.lifecycle.metrics import Judged, estimate
from dayshift.testing import truth, worlds

SMALL = {"weeks": 16, "a_day": 60}
FIRST = 70


@pytest.mark.parametrize("kind", worlds.KINDS)
def test_the_same_arguments_make_the_same_world(kind: str) -> None:
    """A world is a function of its kind, its seed and what was chosen."""
    one, again, other = (worlds.make(kind, seed, **SMALL) for seed in (3, 3, 4))
    assert all(one.log.frames[name].equals(again.log.frames[name]) for name in ("orders", "outcomes"))
    assert not one.log.frames["orders"].equals(other.log.frames["orders"])
    assert one.truth == again.truth


@pytest.mark.parametrize("kind", worlds.KINDS)
def test_a_world_is_a_definition_without_fault(kind: str) -> None:
    """An adviser sees what a user could have written: `check` finds nothing to say."""
    assert check(worlds.make(kind, 0, **SMALL).pipeline) == []


def test_a_world_looks_as_it_was_asked_to() -> None:
    """Orders a day, the rate of bad ones, the length and the first Monday are those of the shape."""
    world = worlds.calm(1, weeks=20, a_day=300, rate=0.1)
    orders, outcomes = world.log.frames["orders"], world.log.frames["outcomes"]
    assert orders.height / (20 * 7) == pytest.approx(300, rel=0.05)
    assert outcomes["bad"].mean() == pytest.approx(0.1, rel=0.08)
    assert orders["at"].min().weekday() == 0
    assert orders["at"].is_sorted()


def test_outcomes_of_the_last_days_are_not_known_yet() -> None:
    """The log ends at one moment: nothing stands in it that became known later."""
    frames = worlds.calm(0, **SMALL).log.frames
    end = worlds.START_US + 16 * 7 * worlds.DAY_US
    assert frames["orders"]["_position"].max() < end
    assert frames["outcomes"]["_position"].max() < end
    missing = frames["orders"].join(frames["outcomes"], on="id", how="anti")
    assert missing["at"].min() >= frames["outcomes"]["at"].max()


def test_a_cold_start_brings_few_orders_first() -> None:
    """Three weeks at a tenth of the volume and less, the full volume from then on."""
    daily = worlds.cold_start(0, **SMALL).log.frames["orders"].group_by(pl.col("at").dt.date()).len().sort("at")["len"]
    assert daily[:20].mean() < 0.2 * daily[21:].mean()


def test_a_world_is_made_quickly() -> None:
    """Hundreds of worlds are affordable: the CPU time of one stays below a second even on a loaded machine."""
    worlds.calm(0)
    begun = time.process_time()
    worlds.calm(1)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("kind", ["calm", "cold_start", "bursts"])
def test_where_the_direction_stands_still_retraining_is_worth_exactly_nothing(kind: str) -> None:
    """Every gain of retraining and of faster labels is 0.0, not only small."""
    found = worlds.make(kind, 2).truth
    assert set(found.retraining.values()) == {0.0}
    assert set(found.label_delay.values()) == {0.0}


def test_in_a_calm_world_fresh_features_are_worth_exactly_nothing() -> None:
    """Bursts happen in it, and mean nothing."""
    world = worlds.calm(0)
    assert world.truth.freshness == {"hour": 0.0, "event": 0.0}
    gaps = world.log.frames["orders"].sort("card", "at").select(pl.col("at").diff().over("card"))
    assert gaps.filter(pl.col("at") < pl.duration(minutes=3)).height > 1_000


def test_a_lazier_cadence_loses_more_and_a_faster_turn_too() -> None:
    """Under drift the gain of weekly refits grows with the other cadence's length and with the speed."""
    slow, fast = (worlds.slow_drift(0, turn=turn).truth.retraining for turn in (0.05, 0.1))
    assert list(slow.values()) == sorted(slow.values())
    assert all(fast[weeks] > 2 * slow[weeks] > 0 for weeks in slow)


def test_bursts_are_for_the_event_and_not_for_the_hour() -> None:
    """At least nine tenths of what fresh features gain is lost when they are as of the last full hour."""
    found = worlds.bursts(0).truth
    assert found.freshness["event"] > 0.02
    assert found.freshness["hour"] < 0.1 * found.freshness["event"]


def test_the_area_under_the_curve_of_a_known_score() -> None:
    """The integral agrees with a drawn sample: score and log-odds normal with a given correlation."""
    drawn = np.random.default_rng(0)
    logit = drawn.normal(0, 1.3, 400_000)
    score = 0.7 * logit / 1.3 + np.sqrt(1 - 0.49) * drawn.normal(0, 1, len(logit))
    label = (drawn.random(len(logit)) < 1 / (1 + np.exp(-(logit - 2)))).astype(float)
    for name in ("roc_auc", "average_precision"):
        metric = metric_named(name)
        assert metric is not None
        sampled = estimate(metric, Judged(label, score, np.zeros(len(label), np.int64))).value
        assert truth.ranking(name, 0.7, 1.3, -2.0) == pytest.approx(sampled, abs=0.004)


def test_a_switch_that_the_score_does_not_see_costs_what_a_sample_says() -> None:
    """A share of the questions with higher log-odds, seen and unseen: the integral agrees with a drawn sample."""
    drawn = np.random.default_rng(1)
    metric = metric_named("roc_auc")
    assert metric is not None
    hot = drawn.random(400_000) < 0.1
    part = drawn.normal(0, 1, len(hot))
    label = (drawn.random(len(hot)) < 1 / (1 + np.exp(-(part + 2 * hot - 1)))).astype(float)
    for seen in (0.0, 2.0):
        sampled = estimate(metric, Judged(label, part + seen * hot, np.zeros(len(hot), np.int64))).value
        groups = (truth.Group(0.9, 0.0, 0.0), truth.Group(0.1, 2.0, seen))
        assert truth.ranking("roc_auc", 1.0, 1.0, -1.0, groups) == pytest.approx(sampled, abs=0.004)


# ------------------------------------------------------- the truth, by hand


def _asked_at(world: worlds.World, every: str) -> pl.DataFrame:
    """The features of each order as of the last multiple of `every`: another source asks for them at that time."""
    import dayshift as ds
    from dayshift.engines.contract import FrameLog

    floor = pl.col("at").dt.truncate(every)
    asks = ds.Source("asks", time="at", key="id", schema={"id": int, "card": int, "shop": int})
    asked = world.log.frames["orders"].select("id", "card", "shop", floor, "_load", _position=floor.dt.epoch("us"))
    stale = dataclasses.replace(
        world.pipeline, predict=asks, features=world.pipeline.window_features, label=None, model=None
    )
    found = pl.concat(list(LocalEngine().features(stale, FrameLog({**world.log.frames, "asks": asked}))))
    return found.join(world.log.frames["orders"].select("id", "distance", "basket"), on="id")


def _replayed(world: worlds.World, every: str | None = None, ages: int = 4) -> np.ndarray:
    """The metric by (week, age), by a loop of its own."""
    engine = LocalEngine()
    declared = pl.concat(list(engine.features(world.pipeline, world.log)))
    known = engine.labels(world.pipeline, declared, world.log).select("id", "label").drop_nulls()
    features = declared if every is None else _asked_at(world, every)
    rows = known.join(features, on="id").join(declared.select("id", asked="as_of"), on="id").sort("id")
    day = (rows["asked"].dt.epoch("us").to_numpy() - worlds.START_US) // worlds.DAY_US
    label, metric = rows["label"].cast(pl.Float64).to_numpy(), metric_named(world.shape.metric)
    assert metric is not None
    weeks = (world.shape.days - 7 - FIRST) // 7
    found = np.full((weeks, ages), np.nan)
    for origin in range(weeks):
        start = FIRST + 7 * origin
        learned = (day >= start - 35) & (day < start - 7)
        training = rows.filter(pl.Series(learned))
        model = fit(world.pipeline.model, training, world.pipeline.columns, training["label"], seed=origin)
        for age in range(min(ages, weeks - origin)):
            days = range(start + 7 * age, start + 7 * age + 7)
            held = [day == one for one in days]
            values = [
                estimate(
                    metric,
                    Judged(label[one], predict(model, rows.filter(pl.Series(one))), np.zeros(one.sum(), np.int64)),
                ).value
                for one in held
            ]
            found[origin + age, age] = np.mean(values)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), [("calm", 0), ("slow_drift", 0), ("jumps", 1), ("cold_start", 0)])
def test_the_gain_of_retraining_is_the_one_that_a_replay_finds(kind: str, seed: int) -> None:
    """Weekly over every four weeks: within a tenth of the computed gain, or 0.002."""
    world = worlds.make(kind, seed)
    assert truth.retraining(_replayed(world))[4] == pytest.approx(world.truth.retraining[4], rel=0.1, abs=0.002)


@pytest.mark.slow
def test_the_gain_of_fresh_features_is_the_one_that_a_replay_finds() -> None:
    """Over midnight: nothing in a calm world; under bursts most of what an ideal model would gain, and nothing by the hour."""
    for world in (worlds.calm(0), worlds.bursts(0)):
        event, hour, midnight = (_replayed(world, every, 1)[:, 0].mean() for every in (None, "1h", "1d"))
        gain = world.truth.freshness["event"]
        assert 0.6 * gain - 0.001 < event - midnight < 1.1 * gain + 0.001
        assert hour - midnight == pytest.approx(world.truth.freshness["hour"], abs=0.002)
