"""A live run from its taps to the lake: the numbers are the nightly ones, wherever it was stopped or broken off."""

from __future__ import annotations

import csv
import datetime as dt
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dayshift.diagnostics import DayshiftError, NotReady
from dayshift.lifecycle.project import Project
from dayshift.runtimes import nightly, training
from dayshift.runtimes.live import run as live
from dayshift.runtimes.live import status
from dayshift.runtimes.live.output import Output
from tests.runtimes.conftest import FIRST, Shop
from tests.runtimes.live.taps import Feed, Record, Shelf

DAYS = 9
TIMES = {"orders": "placed_at", "returns": "returned_at"}


def feed_of(shop: Shop, days: range) -> list[Record]:
    """The shop's files as records, in the order of time, then source, then key: a nightly load's order."""
    found = []
    for name, time in TIMES.items():
        for day in days:
            with (shop.root / "data" / name / f"{day:03d}.csv").open(encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    at = dt.datetime.fromisoformat(row[time])
                    found.append((name, round(at.timestamp() * 1_000_000), row))
    return sorted(found, key=lambda one: (one[1], one[0], one[2]["order_id"]))


def nights(shop: Shop, days: int) -> Project:
    """A shop that has lived some nights, with a model; it is trained by hand only."""
    settings = shop.root / "dayshift.toml"
    settings.write_text(settings.read_text().replace('train = "0 3 * * 1"\n', ""))
    for day in range(days):
        shop.write_day(day)
    project = shop.open()
    nightly.run(project, shop.night(days - 1))
    training.run(project, shop.night(days - 1))
    return project


def set_live(project: Project, **changes: Any) -> None:
    """The project with other settings of `[live]`."""
    settings = project.settings.live.model_copy(update=changes)
    object.__setattr__(project, "settings", project.settings.model_copy(update={"live": settings}))


def go(
    project: Project, feed: Feed, *shelves: Shelf, until: bool = True, told: Callable[[str], None] = lambda text: None
) -> Any:
    """One live run over a feed, as fast as it can unless the project says otherwise."""
    if "pace" not in project.settings.live.model_fields_set:
        set_live(project, pace="0s")
    contents = ("predictions", "features", "quarantine")
    outputs = tuple(Output(f"out{n}", contents[n], shelf) for n, shelf in enumerate(shelves))
    clock = iter(range(10**9))
    start = FIRST + dt.timedelta(days=300)

    def now() -> dt.datetime:
        return start + dt.timedelta(milliseconds=next(clock))

    given = live.Given((feed,), outputs)
    return live.run(project, now, live.Stop(), until_caught_up=until, told=told, given=given)


def served(project: Project) -> pl.DataFrame:
    """The features table of the project, by question."""
    return project.features.scan().sort("order_id", "as_of").collect()


def recomputed(project: Project) -> pl.DataFrame:
    """The same by the history engine, from the lake's log."""
    frames = project.engine.features(project.pipeline, project.lake.as_log())
    return pl.concat(list(frames)).sort("order_id", "as_of")


@pytest.fixture
def later(shop: Shop) -> tuple[Project, list[Record]]:
    """A shop after five nights, and what happens in the three days behind them."""
    project = nights(shop, DAYS)
    for day in range(DAYS, DAYS + 3):
        shop.write_day(day)
    return project, feed_of(shop, range(DAYS, DAYS + 3))


def test_the_numbers_of_a_live_run_are_the_nightly_ones(later: tuple[Project, list[Record]]) -> None:
    """Served live, every value equals, bit for bit, what the history engine computes from the same log."""
    project, records = later
    report = go(project, Feed(records))
    assert report.events == len(records)
    assert_frame_equal(served(project), recomputed(project), check_exact=True)


def test_a_nightly_run_of_the_same_events_gives_the_same_numbers(
    later: tuple[Project, list[Record]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another project that gets the same events as files, at night, has the same features and predictions of each question."""
    project, records = later
    other_root = tmp_path_factory.mktemp("other")
    for name in ("pipeline.py", "dayshift.toml"):
        (other_root / name).write_text((project.root / name).read_text())
    other = nights(Shop(other_root), DAYS)
    go(project, Feed(records))
    other_shop = Shop(other_root)
    for day in range(DAYS, DAYS + 3):
        other_shop.write_day(day)
    nightly.run(other, other_shop.night(DAYS + 2))
    apart = ["_load", "_position"]
    assert_frame_equal(served(project).drop(apart), served(other).drop(apart), check_exact=True)
    mine, theirs = (one.predictions.scan().sort("order_id").collect() for one in (project, other))
    wanted = ["order_id", "as_of", "prediction"]
    assert_frame_equal(mine.select(wanted), theirs.select(wanted), check_exact=True)


def test_night_live_night_loses_nothing(later: tuple[Project, list[Record]], shop: Shop) -> None:
    """Nights go on from a live run, and a live run from nights; every question is answered once."""
    project, records = later
    go(project, Feed(records, limit=None))
    for day in range(DAYS, DAYS + 4):
        shop.write_day(day)
    nightly.run(project, shop.night(DAYS + 3))  # the files' rows of three days are known already
    loads = project.lake.loads()
    assert loads["duplicates"].sum() == len(records)
    assert_frame_equal(served(project), recomputed(project), check_exact=True)
    events = project.lake.events("orders").collect()
    assert events["order_id"].is_duplicated().sum() == 0
    assert project.predictions.scan().collect()["order_id"].is_duplicated().sum() == 0


def test_predictions_features_and_held_rows_go_out_once(later: tuple[Project, list[Record]]) -> None:
    """Each output holds what the lake holds, each row once, also when an output was out of reach for a while."""
    project, records = later
    records = [*records[:40], ("orders", records[40][1], {"order_id": "bad", "placed_at": "never"}), *records[40:]]
    shelves = (Shelf(), Shelf(), Shelf())
    go(project, Feed(records, limit=20), *shelves)
    shelves[0].refuses_after = 60
    report = go(project, Feed(records, limit=250), *shelves)
    assert any("could not be reached" in note for note in report.notes)
    state = status.read(project.lake.root.path)
    assert state is not None
    assert [state["outputs"][f"out{n}"]["lacks_rows"] for n in range(3)] == [True, False, False]
    shelves[0].refuses_after = None
    go(project, Feed(records), *shelves)
    since = FIRST + dt.timedelta(days=DAYS)
    lake = project.predictions.scan().filter(pl.col("as_of") >= since).sort("_load", "_position").collect()
    assert [row["order_id"] for row in shelves[0].rows] == lake["order_id"].to_list()
    assert [row["prediction"] for row in shelves[0].rows] == lake["prediction"].to_list()
    features = project.features.scan().filter(pl.col("as_of") >= since).sort("_load", "_position").collect()
    assert [row["order_id"] for row in shelves[1].rows] == features["order_id"].to_list()
    assert [row["code"] for row in shelves[2].rows] == ["DS351"] or len(shelves[2].rows) == 1


@pytest.mark.parametrize("seed", range(4))
def test_broken_off_anywhere_it_goes_on_as_if_nothing_had_been(
    later: tuple[Project, list[Record]], seed: int, tmp_path: Path
) -> None:
    """Runs that break at random places, in the tap, at the journal or at the lake, leave the log of an unbroken run."""
    project, records = later
    chance = random.Random(seed)
    shelf = Shelf()
    for _ in range(12):
        feed = Breaking(records, sizes=lambda: chance.randrange(1, 9), after=chance.randrange(1, 60))
        project = project_again(project)
        try:
            go(project, feed, shelf)
        except Broken:
            continue
    go(project_again(project), Feed(records), shelf)
    orders = project.lake.events("orders").collect()
    assert orders.filter(pl.col("placed_at") >= FIRST + dt.timedelta(days=DAYS)).height == sum(
        one[0] == "orders" for one in records
    )
    assert orders["order_id"].is_duplicated().sum() == 0
    assert_frame_equal(served(project), recomputed(project), check_exact=True)
    sent = [row["order_id"] for row in shelf.rows]
    assert len(sent) == len(set(sent)) == sum(one[0] == "orders" for one in records)
    assert project.lake.loads()["duplicates"].sum() == 0


class Broken(Exception):
    """What breaks a run off."""


class Breaking(Feed):
    """A feed that breaks the run off after some records: when they are taken, or when they are on the disk."""

    def __init__(self, records: list[Record], sizes: Any, after: int) -> None:
        super().__init__(records, sizes)
        self._left = after
        self._early = after % 2 == 0

    def take(self, most: int) -> Any:
        """Breaks when its records are used up."""
        if self._early and self._left <= 0:
            raise Broken
        batch = super().take(most)
        if batch is not None:
            self._left -= batch.read
        return batch

    def keep(self, batch: Any, outcomes: Any) -> None:
        """Breaks behind the journal, before anything is sent."""
        super().keep(batch, outcomes)
        if not self._early and self._left <= 0:
            raise Broken


def project_again(project: Project) -> Project:
    """The project as another process opens it."""
    from dayshift.runtimes.project import open_project

    return open_project(project.root)


def test_a_night_settles_what_a_broken_run_left(later: tuple[Project, list[Record]], shop: Shop) -> None:
    """The journal of a run that broke off becomes a load of the next night, with the predictions that were served."""
    project, records = later
    shelf = Shelf()
    with pytest.raises(Broken):
        go(project, Breaking(records, lambda: 3, after=31), shelf)
    project = project_again(project)
    assert sorted(path.suffix for path in (project.lake.root.path / "live").iterdir()) == [".journal", ".json", ".json"]
    report = nightly.run(project, shop.night(DAYS + 3))
    assert any("journal" in note for note in report.notes)
    table = project.predictions.scan().collect()
    for row in shelf.rows:
        mine = table.filter(pl.col("order_id") == row["order_id"])
        assert mine["prediction"].to_list() == [row["prediction"]]
    assert_frame_equal(served(project), recomputed(project), check_exact=True)


def test_an_error_between_the_session_and_the_journal_saves_no_state(
    later: tuple[Project, list[Record]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A micro-batch that breaks off after the engine has taken it is taken again: its events are counted once."""
    project, records = later
    from dayshift.lifecycle.score import Scorer

    real, calls = Scorer.those_it_can, iter(range(10**6))

    def sometimes(self: Scorer, features: pl.DataFrame, now: dt.datetime) -> Any:
        if next(calls) == 9:
            raise Broken
        return real(self, features, now)

    with monkeypatch.context() as patched:
        patched.setattr(Scorer, "those_it_can", sometimes)
        with pytest.raises(Broken):
            go(project, Feed(records))
    project = project_again(project)
    go(project, Feed(records))
    assert_frame_equal(served(project), recomputed(project), check_exact=True)


def test_a_row_that_the_model_cannot_take_costs_no_other_its_answer(
    later: tuple[Project, list[Record]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a question has features and no prediction, and the run says why; all others are answered."""
    project, records = later
    from dayshift.diagnostics import DefinitionError
    from dayshift.lifecycle import score

    real = score.predict

    def picky(model: Any, features: pl.DataFrame) -> Any:
        if features["amount"].is_in([float(records[-1][2].get("amount") or 0)]).any():
            raise DefinitionError("DS605", "feature 'amount' is strange")
        return real(model, features)

    records = [one for one in records if one[0] == "orders"]
    monkeypatch.setattr(score, "predict", picky)
    report = go(project, Feed(records))
    asked = project.features.scan().filter(pl.col("as_of") >= FIRST + dt.timedelta(days=DAYS)).collect()
    answered = project.predictions.scan().collect()
    assert asked.height == len(records)
    assert answered.height == len(records) - 1
    assert any("amount" in note for note in report.notes)


def test_of_two_taps_neither_waits_for_the_other(later: tuple[Project, list[Record]]) -> None:
    """A tap with a long backlog leaves the others their share of each micro-batch."""
    project, records = later
    orders = Feed([one for one in records if one[0] == "orders"], sizes=lambda: 10**6)
    returns = Feed([one for one in records if one[0] == "returns"], sizes=lambda: 10**6)
    set_live(project, batch_rows=8)
    clock = iter(range(10**9))
    start = FIRST + dt.timedelta(days=300)
    live.run(
        project,
        lambda: start + dt.timedelta(milliseconds=next(clock)),
        live.Stop(),
        until_caught_up=True,
        given=live.Given((orders, returns)),
    )
    assert returns.kept[0] == 4
    assert_frame_equal(served(project), recomputed(project), check_exact=True)


def test_an_idle_run_saves_the_state_behind_its_last_load(later: tuple[Project, list[Record]]) -> None:
    """Ended when the load it fills is empty, it still leaves a state behind the last one: the next start reads nothing again."""
    project, records = later
    set_live(project, commit_rows=len(records))
    go(project, Feed(records, sizes=lambda: 10**6))
    state = project.lake.state("returns").load(project.fingerprint)
    assert state is not None
    assert state[0] == project.lake.last_load


def test_a_model_is_exchanged_while_running(
    later: tuple[Project, list[Record]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A champion that is promoted during the run serves from then on, and that is told; no event is dropped."""
    project, records = later
    from dayshift.lifecycle.promote import promote

    report = training.run(project, FIRST + dt.timedelta(days=DAYS, hours=4))
    versions = sorted(version.version for version in project.registry.versions("returns"))
    promote(project.registry, "returns", versions[0], FIRST + dt.timedelta(days=DAYS, hours=5))
    calls = iter(range(10**6))

    def sizes() -> int:
        if next(calls) == 20:
            promote(project.registry, "returns", versions[-1], FIRST + dt.timedelta(days=DAYS, hours=6))
            import time

            time.sleep(0.3)
        return 3

    settings = project.settings.model_copy(update={"live": project.settings.live.model_copy(update={"models": "20ms"})})
    object.__setattr__(project, "settings", settings)
    told: list[str] = []
    go(project, Feed(records, sizes=sizes), told=told.append)
    (swap,) = [one for one in told if "serves from load" in one]
    assert swap.startswith(f"model {versions[-1]} serves from load ")
    since = FIRST + dt.timedelta(days=DAYS)
    used = project.predictions.scan().filter(pl.col("as_of") >= since).sort("_load", "_position").collect()
    assert used["model_version"].unique(maintain_order=True).to_list() == [str(versions[0]), str(versions[-1])]
    assert used.height == sum(one[0] == "orders" for one in records)
    assert report is not None


def test_a_second_run_of_the_same_lake_is_refused(later: tuple[Project, list[Record]]) -> None:
    """While one process is live, another one, live or nightly, is told who holds the lake."""
    project, records = later
    other = project_again(project)
    seen: list[DayshiftError] = []

    def sizes() -> int:
        if not seen:
            with pytest.raises(NotReady) as caught:
                nightly.run(other, FIRST + dt.timedelta(days=20))
            seen.append(caught.value)
        return 50

    go(project, Feed(records, sizes=sizes))
    assert seen[0].problems[0].code == "DS401"


def test_under_load_micro_batches_keep_their_pace(later: tuple[Project, list[Record]]) -> None:
    """One begins no sooner than `pace` after the one before; a run that is at its end does not wait for another."""
    project, records = later
    set_live(project, pace="200ms")
    began: list[float] = []

    def sizes() -> int:
        began.append(monotonic())
        return len(records) // 4 + 1

    go(project, Feed(records, sizes=sizes))
    assert len(began) >= 4
    assert min(later - earlier for earlier, later in pairwise(began[:4])) > 0.19
