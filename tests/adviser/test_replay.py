"""Models fitted again and again on what was known then."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from dayshift.adviser.cache import Cache
from dayshift.adviser.columns import Columns
from dayshift.adviser.history import Situation
from dayshift.adviser.judging import worth
from dayshift.adviser.replay import Replay, ReplayOptions, Track
from dayshift.adviser.weeks import weeks_of
from dayshift.adviser.worker import Outcome, answers
from dayshift.diagnostics import NotReady, Place
from dayshift.lifecycle.metrics import DAY_US
from tests.adviser.fake_history import MIDNIGHT, TRACK, FakeHistory

HERE = ReplayOptions(workers=0)


def replay_of(history: Any, **options: Any) -> Replay:
    return Replay(history, weeks_of(history), options=ReplayOptions(**{"workers": 0, **options}))


def test_a_training_set_holds_only_what_was_known_and_lies_in_the_window() -> None:
    """Prequential with purge: labels ripe at the origin, questions of the last 28 days of those."""
    history = FakeHistory(LogisticRegression())
    replay = replay_of(history)
    for week in (0, 5):
        origin = int(replay.weeks.starts[week])
        rows = replay.asked.known(None, TRACK.window_us, origin)
        assert history.ripe_at()[rows].max() <= origin
        assert len(rows) == 28 * 40
        faster = replay.asked.known(DAY_US, TRACK.window_us, origin)
        assert faster.max() == rows.max() + 2 * 40
        assert len(replay.asked.known(None, None, origin)) == rows.max() + 1


def test_a_grid_holds_each_week_by_the_age_of_its_model() -> None:
    """A model of week w - j judges week w; before the first origin there is none."""
    replay = replay_of(FakeHistory(LogisticRegression()))
    (grid,) = replay.run([TRACK], 3)
    count = replay.weeks.count
    assert grid.value.shape == (len(grid.metrics), count, 3)
    assert grid.metrics[0] == "roc_auc"
    there = ~np.isnan(grid.value[0])
    assert there.tolist() == [[age <= week for age in range(3)] for week in range(count)]
    assert grid.positives.sum() == replay.sample.label.sum()
    model = replay.fitted(TRACK, 2)
    first, end = replay.places(4)
    said = answers(model, replay.take(MIDNIGHT, replay.sample.rows[first:end]))
    judged = replay.sample.judged(first, end, said)
    found = [worth(metric, judged, replay.daily_metrics) for metric in replay.metrics]
    assert np.allclose(found, grid.value[:, 4, 2])


def test_values_are_means_of_days() -> None:
    """The same number, day by day by hand."""
    history = FakeHistory(LogisticRegression())
    replay = replay_of(history)
    (grid,) = replay.run([TRACK], 1)
    from sklearn.metrics import roc_auc_score

    model = replay.fitted(TRACK, 1)
    rows = replay.sample.rows[slice(*replay.places(1))]
    score = model.estimator.predict_proba(history.values[rows].astype(float))[:, 1]
    day = history.as_of[rows] // DAY_US
    daily = [roc_auc_score(history.label[rows][day == one], score[day == one]) for one in np.unique(day)]
    assert np.isclose(grid.value[0, 1, 0], np.mean(daily))


def test_workers_and_one_process_give_the_same_numbers() -> None:
    """To the bit; and the folder of mapped files is gone afterwards."""
    history = FakeHistory(DecisionTreeClassifier(max_depth=3), days=90)
    tracks = [TRACK, Track(Situation("none"), window_us=TRACK.window_us), Track(MIDNIGHT, "second", TRACK.window_us)]
    here = replay_of(history, train_rows=300, others_a_day=20).run(tracks, 2)
    with replay_of(history, train_rows=300, others_a_day=20, workers=2) as replay:
        there = replay.run(tracks, 2)
        folder = replay._folder
        assert folder is not None
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.value, other.value)
        np.testing.assert_array_equal(one.pooled, other.pooled)
    assert not folder.exists()


def test_a_second_run_refits_nothing(tmp_path: Path) -> None:
    """Results are found by what they were computed from; a new week of the log fits the new origin only."""
    for days, done, cached in ((120, 24, 0), (120, 0, 24), (127, 2, 24)):
        with Cache(tmp_path) as cache:
            replay = replay_of(FakeLonger(days), cache=cache, train_rows=500)
            grids = replay.run([TRACK, Track(MIDNIGHT, window_us=TRACK.window_us, seed=1)], 1)
            assert replay._fits == {"done": done, "cached": cached, "failed": 0}
            assert not np.isnan(grids[0].value[0]).any()


class FakeLonger(FakeHistory):
    """A log that grows: its beginning stays."""

    def __init__(self, days: int) -> None:
        super().__init__(DecisionTreeClassifier(max_depth=3), days=140)
        n = days * 40
        self.as_of, self.values, self.label = self.as_of[:n], self.values[:n], self.label[:n]
        self.known_until_us = int(self.as_of[-1]) + self.label_delay_us


def test_another_parameter_is_another_key(tmp_path: Path) -> None:
    """What changed is computed."""
    for depth in (2, 3):
        with Cache(tmp_path) as cache:
            replay = replay_of(FakeHistory(DecisionTreeClassifier(max_depth=depth), days=90), cache=cache)
            replay.run([TRACK], 1)
            assert replay._fits["cached"] == 0


def test_a_damaged_cache_is_begun_anew(tmp_path: Path) -> None:
    """It holds nothing that cannot be computed again."""
    (tmp_path / "replay.sqlite").write_bytes(b"no database at all" * 100)
    with Cache(tmp_path) as cache:
        assert cache.get(b"key") is None


def test_an_origin_that_cannot_be_fitted_is_counted_with_its_reason() -> None:
    """One class only: NaN, and the others are there."""
    history = FakeHistory(LogisticRegression())
    weeks = weeks_of(history)
    history.label[history.as_of < weeks.starts[2] - 4 * DAY_US] = 0.0
    (grid,) = Replay(history, weeks, options=HERE).run([TRACK], 1)
    assert "one class only" in grid.failed[0]
    assert np.isnan(grid.value[0, 0, 0])
    assert not np.isnan(grid.value[0, 4:, 0]).any()


@pytest.mark.parametrize("room", [0, 1, 2])
def test_a_full_disk_costs_the_workers_and_nothing_else(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a table finds no room (the first, which judges; or a later one, while workers are at theirs) the same numbers come
    from this process, the tables of before are still read, and a note names the folder."""
    history = FakeHistory(LogisticRegression())
    tracks = [TRACK, replace(TRACK, situation=Situation("hour"))]
    whole = replay_of(history).run(tracks, 3)
    save, saved = Columns.save, []

    def full(self: Columns, folder: Path) -> None:
        if len(saved) >= room:
            folder.mkdir(parents=True)
            raise OSError("12653 requested and 992 written")
        saved.append(folder)
        save(self, folder)

    monkeypatch.setattr(Columns, "save", full)
    with replay_of(history, workers=2) as replay:
        found = replay.run(tracks, 3)
        assert ["cannot hold what workers read" in note for note in replay.notes] == [True]
    for ours, theirs in zip(found, whole, strict=True):
        np.testing.assert_array_equal(ours.value, theirs.value)


def test_a_cache_that_cannot_be_written_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    """A full disk: what was kept before is found, what comes is not kept, the reason is there for the advice to tell."""
    outcome = Outcome(np.array([[0.5]]), np.array([0.4]), 0.1, 0.2, 3)
    with Cache(tmp_path) as cache:
        cache.put(b"before", outcome)
        cache._base.execute("PRAGMA max_page_count = 1")  # as a disk without another page
        for number in range(200):
            cache.put(b"%d" % number, outcome)
        assert cache.fault == "database or disk is full"
        assert cache.get(b"before") is not None
    with Cache(tmp_path) as again:
        assert again.fault is None
        assert again.get(b"before") is not None


def test_a_killed_worker_is_an_error_and_no_hang() -> None:
    """The system may kill a process; then it is said."""
    history = FakeHistory(DecisionTreeClassifier(), days=90)
    with replay_of(history, workers=1) as replay:
        workers = replay._runner._workers
        assert workers is not None
        os.kill(workers._workers[0].process.pid, signal.SIGKILL)
        with pytest.raises(NotReady, match="DS810"):
            replay.run([TRACK], 1)


def test_stop_gives_what_is_there() -> None:
    """The rest is NaN."""
    asked = []
    replay = replay_of(FakeHistory(DecisionTreeClassifier()), stop=lambda: len(asked) >= 3, told=asked.append)
    (grid,) = replay.run([TRACK], 1)
    assert replay.stopped
    assert (~np.isnan(grid.value[0])).sum() == 3


def test_ctrl_c_gives_what_is_there() -> None:
    """An interrupt in the middle ends the run, not the advice."""

    def told(progress: Any) -> None:
        if progress.done == 4:
            raise KeyboardInterrupt

    replay = replay_of(FakeHistory(DecisionTreeClassifier()), told=told)
    (grid,) = replay.run([TRACK], 1)
    assert replay.stopped
    assert (~np.isnan(grid.value[0])).sum() == 4


def test_the_time_that_is_over_is_told() -> None:
    """What was left out stands in `how`."""
    replay = replay_of(FakeHistory(DecisionTreeClassifier()), told=lambda _: time.sleep(0.02))
    replay.run([TRACK], 1, seconds=0.05)
    assert any("the time was over" in note or "tracks left out" in note for note in replay.how["notes"])  # type: ignore[attr-defined]


def test_daily_refits_gain_nothing_where_nothing_changes_and_something_where_it_does() -> None:
    """A rule that turns round each day is followed by daily refits only as far as labels are known; here it is calm."""
    replay = replay_of(FakeHistory(LogisticRegression()))
    gains = replay.daily(TRACK, [1, 3])
    assert gains.shape == (2,)
    assert np.all(np.abs(gains) < 0.05)


def test_a_learner_that_is_taught_step_by_step_keeps_up() -> None:
    """In a calm history it is about as good as weekly refits; other learners give None."""
    model = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0))
    replay = replay_of(FakeHistory(model))
    taught = replay.incremental(TRACK, every_us=DAY_US)
    (refitted,) = replay.run([TRACK], 1)
    assert taught is not None
    assert abs(np.nanmean(taught.value[0] - refitted.value[0])) < 0.05
    assert taught.rows.sum() == pytest.approx(replay.weeks.count * 280, rel=0.05)
    assert replay_of(FakeHistory(LogisticRegression())).incremental(TRACK) is None


def test_a_metric_per_entity_is_judged_on_all_rows() -> None:
    """Rows that stand for several cannot be counted per card."""
    history = FakeHistory(LogisticRegression(), metric="precision@2_per_day_by_card")
    replay = replay_of(history, others_a_day=5)
    (grid,) = replay.run([TRACK], 2)
    assert replay.sample.weight is None
    assert len(replay.sample.rows) == replay.weeks.count * 280
    assert 0 < np.nanmean(grid.value[0]) <= 1


def test_a_sampled_answer_is_near_the_full_one() -> None:
    """A quarter of the commoner class, weighted, judges nearly as all of it does."""
    history = FakeHistory(LogisticRegression(), a_day=200)
    (full,), (part,) = (replay_of(history, others_a_day=most).run([TRACK], 1) for most in (1000, 50))
    assert np.nanmean(full.value[0]) == pytest.approx(np.nanmean(part.value[0]), abs=0.01)
    assert part.positives.sum() == pytest.approx(full.positives.sum())


def test_too_few_positives_a_day_judge_whole_weeks() -> None:
    """And it is said."""
    replay = replay_of(FakeHistory(LogisticRegression(), above=2.6))
    (grid,) = replay.run([TRACK], 1)
    assert not replay.daily_metrics
    assert "whole weeks" in str(replay.how["metrics"])
    np.testing.assert_array_equal(grid.value[0], grid.pooled)


def test_a_regressor_is_replayed_too() -> None:
    """Its own metric first, lower is better."""
    (grid,) = replay_of(FakeHistory(Ridge(), kind="regressor")).run([TRACK], 2)
    assert grid.metrics == ("rmse", "mae", "r2")
    assert np.nanmean(grid.value[0]) == pytest.approx(1.0, abs=0.1)


def test_a_track_without_features_gives_everybody_the_same_answer() -> None:
    """The AUC of a constant is one half."""
    (grid,) = replay_of(FakeHistory(LogisticRegression())).run([Track(Situation("none"))], 1)
    assert np.all(grid.value[0] == 0.5)


def test_an_estimator_that_cannot_be_sent_is_read_from_its_file(tmp_path: Path) -> None:
    """A lambda has no pickle; where there is no file either, one process does the work and says so."""
    model = make_pipeline(FunctionTransformer(lambda table: table * 2), LogisticRegression())
    file = tmp_path / "fake.py"
    file.write_text(
        "import dayshift as ds\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import FunctionTransformer\n"
        "model = make_pipeline(FunctionTransformer(lambda table: table * 2), LogisticRegression())\n"
        'pipeline = ds.Pipeline("fake", predict=None, features=[], model=model)\n',
        encoding="utf-8",
    )
    grids = []
    for place in (Place(str(file), 1), None):
        with replay_of(FakeHistory(model, days=90, place=place), workers=1) as replay:
            grids.append(replay.run([TRACK], 1)[0].value)
            assert bool(replay._runner.notes) is (place is None)
    np.testing.assert_array_equal(grids[0], grids[1])


class Unweighted(ClassifierMixin, BaseEstimator):
    """A classifier whose fit takes no weights."""

    def fit(self, table: Any, label: Any) -> "Unweighted":
        self.classes_ = np.unique(label)
        self.share_ = float(np.mean(label))
        return self

    def predict_proba(self, table: Any) -> Any:
        return np.column_stack([np.full(len(table), 1 - self.share_), np.full(len(table), self.share_)])

    def predict(self, table: Any) -> Any:
        return np.zeros(len(table))


def test_an_estimator_without_weights_learns_from_rows_drawn_without_regard_to_their_label() -> None:
    """Else it would take the rarer class for more frequent than it is."""
    history = FakeHistory(Unweighted(), a_day=200)
    replay = replay_of(history, train_rows=500)
    model = replay.fitted(TRACK, 0)
    assert model.estimator.share_ == pytest.approx(history.label.mean(), abs=0.06)


def test_the_history_lets_its_events_go_when_the_last_table_stands() -> None:
    """Not before the last situation that was announced has its table, and then once."""

    class Letting(FakeHistory):
        gone = 0

        def let_go(self) -> None:
            self.gone += 1

    history = Letting(LogisticRegression())
    with replay_of(history) as replay:
        replay.only([Situation("midnight"), Situation("hour"), Situation("none")])
        replay.take(Situation("midnight"), [0])
        replay.take(Situation("none"), [0])
        assert history.gone == 0
        replay.take(Situation("hour"), [0])
        replay.take(Situation("event"), [0])
        assert history.gone == 1


def test_features_of_some_questions_are_those_of_all() -> None:
    """By number, in any order, as a model reads them."""
    history = FakeHistory(LogisticRegression())
    found = replay_of(history).take(MIDNIGHT, [5, 3])
    assert isinstance(found, pl.DataFrame)
    assert found.to_numpy().tolist() == history.values[[5, 3]].tolist()
