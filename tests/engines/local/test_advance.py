"""The local engine as a stream: the same numbers as history, wherever it is cut, saved and continued."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dayshift as ds
from dayshift.definition import Pipeline
from dayshift.engines.contract import LOAD, FrameLog
from dayshift.engines.local.engine import LocalEngine
from dayshift.testing.running import damaged
from tests.engines.local.drawn import MIDNIGHT, Drawn, asks, logs, pipeline


def through(engine: LocalEngine, asked: Pipeline, log: FrameLog, steps: list[tuple[int, int]]) -> pl.DataFrame:
    """All features by advancing over these loads one after the other, the state saved in between."""
    state, found = None, []
    for loads in steps:
        frames, save = engine.advance(asked, log, state, loads=loads)
        found += list(frames)
        state = save()
    return pl.concat(found) if found else pl.DataFrame()


@given(
    logs(),
    st.sampled_from([[(1, 3)], [(1, 1), (2, 2), (3, 3)], [(1, 2), (3, 3)]]),
    st.sampled_from([1, 2, 10**6]),
    st.booleans(),
)
def test_a_stream_gives_what_history_gives(log: Drawn, steps: list[tuple[int, int]], stretch: int, ticks: bool) -> None:
    """Events and calendar; any stretch, any cut between loads; late questions are answered from the log."""
    asked = pipeline(asks.every("1d", by=["card", "shop"])) if ticks else pipeline()
    whole = list(LocalEngine(threads=1).features(asked, log.log))
    streamed = through(LocalEngine(threads=1, stretch=stretch), asked, log.log, steps)
    if not whole or not pl.concat(whole).height:
        assert streamed.height == 0
        return
    assert streamed.equals(pl.concat(whole))


@given(logs())
def test_without_a_state_earlier_loads_are_read_but_not_given(log: Drawn) -> None:
    """`state=None` starts at the beginning; only the loads asked for come out."""
    asked, engine = pipeline(), LocalEngine(threads=1)
    frames, save = engine.advance(asked, log.log, None, loads=(3, 3))
    found = [frame for frame in frames if frame.height]
    whole = [frame for frame in engine.features(asked, log.log, loads=(3, 3)) if frame.height]
    assert len(found) == len(whole)
    assert not whole or pl.concat(found).equals(pl.concat(whole))
    assert save()


def _log() -> FrameLog:
    rows = {"id": [1, 2, 3], "card": ["a", "b", "a"], "at": [MIDNIGHT, MIDNIGHT + 5, MIDNIGHT + 9], LOAD: [1, 2, 3]}
    frame = pl.DataFrame(rows).with_columns(
        pl.col("at").alias("_position"), pl.col("at").cast(pl.Datetime("us", "UTC"))
    )
    return FrameLog({"asks": frame})


ONE = Pipeline("p", predict=asks, features=[asks.by("card").over("1d").count()])
TWO = Pipeline("p", predict=asks, features=[asks.by("card").over("2d").count()])


def _state() -> bytes:
    frames, save = LocalEngine(threads=1).advance(ONE, _log(), None, loads=(1, 2))
    assert sum(frame.height for frame in frames) == 2
    return save()


@pytest.mark.parametrize(
    "damage",
    [
        "it is empty",
        "the last byte is gone",
        "the second half is gone",
        "a byte was added",
        "a bit is flipped in the middle",
        "a bit is flipped at the start",
        "a bit is flipped at the end",
        "it is another file",
    ],
)
def test_a_damaged_state_is_refused(damage: str) -> None:
    """Never a smaller answer."""
    with pytest.raises(ds.DayshiftError, match="DS523"):
        LocalEngine().advance(ONE, _log(), damaged(_state(), damage), loads=(3, 3))


def test_a_state_of_other_features_or_of_a_later_load_is_refused() -> None:
    """It belongs to one fingerprint and one place in the log."""
    with pytest.raises(ds.DayshiftError, match="DS523: the saved state belongs to other features"):
        LocalEngine().advance(TWO, _log(), _state(), loads=(3, 3))
    with pytest.raises(ds.DayshiftError, match="DS523: the saved state is after load 2, and load 2 was asked for"):
        LocalEngine().advance(ONE, _log(), _state(), loads=(2, 3))


def test_the_state_is_given_only_after_the_last_frame() -> None:
    """A state in the middle of a load would be after no load."""
    frames, save = LocalEngine().advance(ONE, _log(), _state(), loads=(3, 3))
    with pytest.raises(ds.DayshiftError, match="before the features were read to the end"):
        save()
    assert [frame[ONE.columns[0]].to_list() for frame in frames] == [[1]]
    assert save() == save()
