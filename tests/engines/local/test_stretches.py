"""Long logs in stretches: cut anywhere in the order, nothing read twice, nothing held for ever, no answer changed."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift.definition import Pipeline, Source
from dayshift.engines.contract import LOAD, POSITION, TIME, FrameLog
from dayshift.engines.local import sizes
from dayshift.engines.local.cuts import Cut, split
from dayshift.engines.local.engine import LocalEngine
from dayshift.engines.local.numbering import Numberings
from dayshift.engines.local.past import Past
from dayshift.engines.local.questions import stretches
from dayshift.engines.local.task import Task
from tests.engines.local.drawn import Drawn, asks, logs, pipeline

ORDER = [LOAD, POSITION]
FEW = max(settings().max_examples // 4, 1)
"""An example runs the engine on a dozen stretches."""
bets = Source("bets", time="at", key="id", schema={"id": int, "player": str, "game": int, "stake": int})


def bounded(predict: object = asks) -> Pipeline:
    """All drawn features that do not look at the whole past."""
    whole = pipeline(predict)  # type: ignore[arg-type]
    kept = [feature for feature in whole.window_features if feature.window.width is not None]
    return Pipeline("bounded", predict=whole.predict, features=kept)


@settings(max_examples=FEW)
@given(logs(), st.sampled_from([1, 2, 5]), st.booleans())
def test_what_a_stretch_hands_on_changes_no_answer(log: Drawn, stretch: int, by_calendar: bool) -> None:
    """Events, entities and words are carried from stretch to stretch; the bits are those of one stretch."""
    asked = bounded(asks.every("6h", by=["card", "shop"]) if by_calendar else asks)
    whole = list(LocalEngine(threads=1, stretch=10**6).features(asked, log.log))
    parts = list(LocalEngine(threads=1, stretch=stretch).features(asked, log.log))
    assert rows(parts) == rows(whole)


@settings(max_examples=FEW)
@given(logs(), st.sampled_from([1, 3]))
def test_windows_without_a_lower_bound_are_folded_not_read_again(log: Drawn, stretch: int) -> None:
    """As a stream or at once, for some loads or all: the same bits."""
    asked = pipeline()
    assert Task.of(asked, log.log).is_unbounded
    for loads in (None, (2, 3)):
        whole = list(LocalEngine(threads=1, stretch=10**6).features(asked, log.log, loads=loads))
        parts = list(LocalEngine(threads=1, stretch=stretch).features(asked, log.log, loads=loads))
        assert rows(parts) == rows(whole)


def rows(frames: list[pl.DataFrame]) -> list[tuple[object, ...]]:
    """The rows of some frames, one after the other."""
    return [row for frame in frames for row in frame.rows()]


def table(number_of_rows: int, *, position: object, players: int = 7, spread: int = 1) -> pl.DataFrame:
    """Bets, one a minute."""
    number = np.arange(number_of_rows)
    at = pl.Series("at", number * 60_000_000).cast(TIME)
    return pl.DataFrame(
        [at, pl.Series("id", number), pl.Series("player", [f"p{n // spread % players}" for n in number])]
    ).with_columns(game=pl.Series(number // 3 * 1_000_000), stake=pl.Series(number % 5), _load=1, _position=position)


def test_a_load_that_became_known_at_one_moment_is_cut_by_event_time() -> None:
    """All rows share `_load` and `_position`; no stretch holds more than asked for, and no answer changes."""
    log = FrameLog({"bets": table(500, position=pl.lit(99)).sample(fraction=1.0, shuffle=True, seed=1)})
    asked = Pipeline("p", predict=bets, features=bets.by("player").over("1h", closed="right").sum("stake"))
    parts = list(LocalEngine(threads=1, stretch=60).features(asked, log))
    (whole,) = LocalEngine(threads=1, stretch=1000).features(asked, log)
    assert pl.concat(parts).equals(whole)
    assert len(parts) >= 8
    assert max(part.height for part in parts) <= 60


def test_events_of_one_moment_are_cut_by_key() -> None:
    """Also the event time is the same."""
    frame = table(100, position=pl.lit(99)).with_columns(at=pl.lit(5).cast(TIME))
    asked = Pipeline("p", predict=bets, features=bets.by("player").over("1h", closed="right").count())
    parts = list(LocalEngine(threads=1, stretch=30).features(asked, FrameLog({"bets": frame})))
    (whole,) = LocalEngine(threads=1, stretch=1000).features(asked, FrameLog({"bets": frame}))
    assert pl.concat(parts).equals(whole)
    assert [part.height for part in parts] == [30, 30, 30, 10]


@pytest.mark.parametrize("outlier", [-(10**17), 10**17])
def test_one_far_place_does_not_spoil_the_cuts(outlier: int) -> None:
    """All but one row fall into one bucket of positions, which is looked into."""
    position = np.arange(5_000)
    position[0 if outlier < 0 else -1] = outlier
    log = FrameLog({"bets": table(5_000, position=pl.Series(position))})
    cuts = split(log, [bets], Cut(), 1_000)
    frame = log.scan("bets").select("id", "at", *ORDER).collect()
    counts = [frame.filter(cut.inside(bets)).height for cut in cuts]
    assert sum(counts) == 5_000
    assert max(counts) <= 1_000
    assert len(cuts) <= 7


def test_what_is_held_does_not_grow_with_the_log() -> None:
    """Events, and words that come and go, are let go when no window can see them."""
    features = [*bets.by("player").over("1h").count(), *bets.by("game").over("1h").last("player")]
    task = Task.of(Pipeline("p", predict=bets, features=features), log := FrameLog({"bets": changing()}))
    past, held, words = Past(task), [], []
    for stretch in stretches(task, log, Cut(), None, most=100):
        LocalEngine(threads=1).answer(task, stretch, past=past)
        held.append(sum(events.time.size for events in past._events.values()))
        words.append(max(each.size for each in past.numberings.dictionaries.values()))
    assert len(held) == 30
    assert held[-1] == 0
    assert max(held) <= 70
    assert max(words) <= 300


def changing() -> pl.DataFrame:
    """Bets whose players and games are always new ones."""
    return table(3_000, position=pl.col("at").to_physical(), players=10**9, spread=2)


def test_a_stretch_reads_only_what_the_one_before_has_not() -> None:
    """The events behind the first cut are handed over in arrays, not in tables."""
    asked = Pipeline("p", predict=bets, features=bets.by("player").over("1h").count())
    task = Task.of(asked, log := FrameLog({"bets": table(1_000, position=pl.col("at").to_physical())}))
    read = [each.frames["bets"].height for each in stretches(task, log, Cut(), None, most=250)]
    assert len(read) >= 4
    assert sum(read) == 1_000


def test_numbers_that_spread_too_far_become_words() -> None:
    """Integers that lie close together are their own numbers until they do not; their meaning is kept."""
    numberings, name = Numberings(), ("s", "k")
    first = numberings.extend(name, pl.DataFrame({"k": [5, None, 7]}), np.empty(0, np.int64))
    wider = numberings.extend(name, pl.DataFrame({"k": [3, 7]}), first)
    assert wider.tolist() == [2, -1, 4, 0, 4]
    far = numberings.extend(name, pl.DataFrame({"k": [10**12, 7, 3]}), wider)
    assert far[[0, 1, 2, 4, 6]].tolist() == [far[0], -1, far[2], far[2], far[2]]
    assert far[3] == far[7]
    assert len(set(far.tolist())) == 5
    assert numberings.codes(name, pl.DataFrame({"k": [5, 10**12, 8]})).tolist() == [far[0], far[5], -1]


def test_a_stretch_is_as_long_as_memory_and_the_look_back_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """More look-back, longer stretches; less memory, shorter ones, but never less than half of the look-back."""
    frame = table(4_000, position=pl.col("at").to_physical())
    log = FrameLog({"bets": frame})
    task = Task.of(Pipeline("p", predict=bets, features=bets.by("player").over("2000m").count()), log)
    monkeypatch.setattr(sizes, "LEAST", 10)
    assert sizes.stretch(task, log, Cut()) == sizes.LONG
    monkeypatch.setattr(sizes, "LONG", 10)
    assert sizes.stretch(task, log, Cut()) == pytest.approx(2000, abs=2)
    monkeypatch.setattr(sizes, "MEMORY", 1)
    assert sizes.stretch(task, log, Cut()) == pytest.approx(1000, abs=2)
