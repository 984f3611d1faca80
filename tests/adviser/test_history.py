"""The history that is replayed: the engine's own features in the declared situation, labels by their time, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import dayshift as ds
from dayshift.adviser.history import History, Situation, read_history
from dayshift.adviser.small import small
from dayshift.diagnostics import DayshiftError
from dayshift.engines.contract import FrameLog
from dayshift.engines.local.engine import LocalEngine
from tests.adviser.history_worlds import DAY_US, START_US, Orders, log, pipeline, regressor, sources


def history(**changes: Any) -> History:
    """The plain orders."""
    world = Orders(rows=3_000)
    asks, tells = sources()
    rate = tells.by("id").over("7d", closed="right").count()
    return read_history(pipeline(asks, tells, rate, **changes), log(world.orders(), world.verdicts()))


def test_in_the_declared_situation_features_are_the_engines_own() -> None:
    """As of the event, with the declared label delay: the same bits, before they become small."""
    found = history()
    engine = pl.concat(LocalEngine().features(found.pipeline, found.log)).select(found.pipeline.columns)
    assert found.features(Situation("event")).equals(pl.DataFrame([small(column) for column in engine]))


def test_without_history_only_row_features_are_left() -> None:
    """Freshness "none": what the question's own row says; a frame without columns still has its rows."""
    found = history()
    assert found.features(Situation("none")).columns == ["risk"]
    asks, tells = sources()
    world = Orders(rows=300)
    bare = ds.Pipeline(
        "p",
        predict=asks,
        features=asks.by("card").over("1d").count(),
        label=ds.Label(tells, pl.col("bad") == 1, within="0s"),
        model=found.pipeline.model,
    )
    none = read_history(bare, log(world.orders(), world.verdicts())).features(Situation("none"))
    assert (none.height, none.width) == (300, 0)


def test_every_situation_asks_the_same_questions() -> None:
    """Features have the questions' rows in their order, and the same columns; only numbers differ."""
    found = history()
    frames = [found.features(Situation(name)) for name in ("midnight", "hour", "event")]
    assert {tuple(frame.columns) for frame in frames} == {found.pipeline.columns}
    assert all(frame["risk"].equals(frames[0]["risk"]) for frame in frames)
    name = found.pipeline.columns[1]
    assert not frames[0][name].equals(frames[1][name])
    assert not frames[1][name].equals(frames[2][name])


def test_what_was_let_go_is_read_again_to_the_same_features() -> None:
    """Giving the events' memory back changes nothing but the time that the next features take."""
    found = history()
    situations = [Situation("event"), Situation("midnight", DAY_US)]
    before = [found.features(each) for each in situations]
    fingerprint = found.fingerprint
    found.let_go()
    assert [found.features(each).equals(frame) for each, frame in zip(situations, before, strict=True)] == [True, True]
    found.let_go()
    del found.fingerprint
    assert found.fingerprint == fingerprint


def test_labels_are_numbers_and_known_by_the_end_of_the_log() -> None:
    """0 and 1; NaN for questions whose label is not ripe when the log ends."""
    world, (asks, tells) = Orders(rows=3_000), sources()
    early = world.verdicts(keep=world.at < world.at[-1] - DAY_US)
    found = read_history(pipeline(asks, tells), log(world.orders(), early))
    ripe = found.ripe_at() <= found.known_until_us
    assert np.array_equal(~np.isnan(found.label), ripe & (world.at < world.at[-1] - DAY_US))
    assert np.array_equal(found.label[ripe & ~np.isnan(found.label)] == 1, world.bad[ripe & ~np.isnan(found.label)])


def test_a_missing_answer_is_no_answer_before_its_time() -> None:
    """Where no event means "no", the newest questions still have no label: their event may yet come."""
    world, (asks, tells) = Orders(rows=3_000), sources()
    label = ds.Label(tells, pl.col("bad") == 1, within="0s", missing=False)
    reported = world.verdicts(keep=world.bad & (world.at < world.at[-1] - DAY_US))
    found = read_history(pipeline(asks, tells, label=label), log(world.orders(), reported))
    assert np.isnan(found.label[found.ripe_at() > found.known_until_us]).all()
    assert set(found.label[found.ripe_at() <= found.known_until_us]) == {0.0, 1.0}


def test_labels_known_sooner_are_ripe_sooner_but_not_before_their_question() -> None:
    """Half a day sooner; all at once when the delay is none."""
    found = history()
    assert np.array_equal(found.ripe_at(DAY_US // 2), found.as_of + DAY_US // 2)
    assert np.array_equal(found.ripe_at(0), found.as_of)
    assert np.array_equal(found.ripe_at(), found.as_of + DAY_US)


def test_what_it_says_of_itself() -> None:
    """Times, windows, resolution, the columns that the metric counts by."""
    found = history(metric="precision@5_per_day_by_card")
    assert found.label_delay_us == DAY_US
    assert found.longest_window_us == 7 * DAY_US
    assert found.resolution_us == 60_000_000
    assert found.known_until_us == START_US + 2_999 * 60_000_000 + DAY_US
    assert found.by["card"].to_list() == [number % 50 for number in range(3_000)]
    assert found.reasons == ()
    times = found.sources_times()
    assert set(times["verdicts"][1] - times["verdicts"][0]) == {DAY_US}


def test_a_label_known_at_the_instant_of_its_question_is_a_reason_to_doubt() -> None:
    """Nobody knows an answer when it is asked: the delay has not been declared."""
    world, (asks, tells) = Orders(rows=300), sources("0s")
    found = read_history(pipeline(asks, tells), log(world.orders(), world.verdicts(known_us=0)))
    assert "label delay unknown" in found.reasons[0]


def test_the_fingerprint_changes_with_the_log_and_the_definition_only() -> None:
    """Same content, same name; one value, one feature or one label more or less, another."""
    world, (asks, tells) = Orders(rows=300), sources()
    frames = world.orders(), world.verdicts()
    first = read_history(pipeline(asks, tells), log(*frames)).fingerprint
    assert (
        read_history(
            pipeline(asks, tells), log(frames[0].sample(fraction=1, shuffle=True, seed=1), frames[1])
        ).fingerprint
        == first
    )
    other = frames[0].with_columns(risk=pl.when(pl.col("id") == 7).then(0.5).otherwise("risk"))
    assert read_history(pipeline(asks, tells), log(other, frames[1])).fingerprint != first
    assert read_history(pipeline(asks, tells, asks.over("1d").count()), log(*frames)).fingerprint != first
    less = frames[1].with_columns(bad=pl.when(pl.col("id") == 7).then(1 - pl.col("bad")).otherwise("bad"))
    assert read_history(pipeline(asks, tells), log(frames[0], less)).fingerprint != first


def test_a_calendar_is_replayed_too() -> None:
    """Its questions are its ticks; as of midnight the tick of noon knows less."""
    world, (asks, tells) = Orders(rows=5_000), sources(verdicts={"card": int})
    verdicts = world.verdicts(card=pl.Series(np.arange(5_000) % 50))
    ticks = asks.every("12h", by="card")
    chosen = ds.Pipeline(
        "p",
        predict=ticks,
        features=[asks.by("card").over("2d").count(), ticks.row(hour=pl.col("as_of").dt.hour())],
        label=ds.Label(tells, pl.col("bad") == 1, within="6h", by="card"),
        model=history().pipeline.model,
    )
    found = read_history(chosen, log(world.orders(), verdicts))
    frames = [found.features(Situation(name)) for name in ("event", "midnight")]
    noon = frames[0]["hour"] == 12
    assert found.questions.columns == ["card", "as_of"]
    assert frames[0].filter(~noon).equals(frames[1].filter(~noon))
    assert (found.resolution_us, found.stamps_us) == (DAY_US // 24, 60_000_000)
    name = chosen.columns[0]
    assert (frames[0].filter(noon)[name] > frames[1].filter(noon)[name]).any()


def refused(code: str, pipeline_: ds.Pipeline, log_: FrameLog) -> None:
    """Reading it is refused with this code."""
    with pytest.raises(DayshiftError) as caught:
        read_history(pipeline_, log_)
    assert [problem.code for problem in caught.value.problems] == [code]


def test_what_cannot_be_replayed_is_refused_by_name() -> None:
    """No question, no label, no model, no answers, an empty lake."""
    world, (asks, tells) = Orders(rows=300), sources()
    full = log(world.orders(), world.verdicts())
    refused("DS801", pipeline(asks, tells), log(world.orders().clear(), world.verdicts()))
    refused("DS801", pipeline(asks, tells), FrameLog({"orders": pl.DataFrame(), "verdicts": pl.DataFrame()}))
    refused("DS802", pipeline(asks, tells, label=None), full)
    refused("DS803", pipeline(asks, tells, model=None), full)
    refused("DS804", pipeline(asks, tells), log(world.orders(), world.verdicts().clear()))
    refused(
        "DS804", pipeline(asks, tells), log(world.orders(), world.verdicts().with_columns(bad=pl.lit(None, pl.Int64)))
    )


def test_what_cannot_be_asked_is_refused_by_name() -> None:
    """An unknown freshness; a label delay that is longer than declared."""
    with pytest.raises(DayshiftError, match="DS805"):
        Situation("daily")
    with pytest.raises(DayshiftError, match="DS806"):
        history().features(Situation("event", 2 * DAY_US))
    with pytest.raises(DayshiftError, match="DS806"):
        history().ripe_at(-1)


def test_a_regressors_labels_stay_numbers() -> None:
    """And its usual metric is an error."""
    world, (asks, tells) = Orders(rows=300), sources()
    found = read_history(regressor(asks, tells), log(world.orders(), world.verdicts()))
    assert (found.kind, found.metric.name) == ("regressor", "rmse")


def test_questions_that_are_themselves_known_late_are_told_of() -> None:
    """Orders that reach the log two hours after they happened: the same features as the engine's, and a note."""
    world, (asks, tells) = Orders(rows=2_000), sources()
    late = world.orders().with_columns(_position=pl.col("_position") + 7_200_000_000)
    found = read_history(pipeline(asks, tells), log(late, world.verdicts()))
    engine = pl.concat(LocalEngine().features(found.pipeline, found.log)).select(found.pipeline.columns)
    assert found.features(Situation("event")).equals(pl.DataFrame([small(column) for column in engine]))
    assert "100% of the questions" in found.notes[0]
    assert "half of those after 2 h" in found.notes[0]
    assert history().notes == ()
