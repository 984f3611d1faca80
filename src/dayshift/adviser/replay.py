"""The replay: what the model would have been worth, fitted again and again on what was known then.

At the start of each week a model is fitted on the labels that were ripe by then (prequential with purge; Gama, Sebastião
and Rodrigues 2013; delayed labels: Grzenda et al. 2020), and judged on that week and on later ones as it ages. From these
weekly origins every cadence of whole weeks is a lookup: in week w, the model of the last refit r answers, value[w, w - r].
Averaged over all starts, the luck of one fit goes into the interval where it belongs.

Each task's key is asked of the cache first; what is left goes to worker processes, or is done here.
"""

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from dayshift.adviser.asked import Asked
from dayshift.adviser.cache import Keys
from dayshift.adviser.columns import Columns, columns_of
from dayshift.adviser.effort import Effort, Limit
from dayshift.adviser.interval import WEEK_US
from dayshift.adviser.judging import Sample, worth
from dayshift.adviser.plan import FIRST, Cost, Plan, in_order, planned
from dayshift.adviser.pool import Workers
from dayshift.adviser.runner import Runner
from dayshift.adviser.sampling import salt_of
from dayshift.adviser.tracks import DECLARED, SECOND, Grid, Progress, ReplayOptions, Track, followed, times_rows
from dayshift.adviser.weeks import Weeks
from dayshift.adviser.worker import SAMPLE, Bench, Desk, Outcome, Task, mapped, table_of
from dayshift.definition.metric import Metric, usual_metrics
from dayshift.engines.local.memory import give_back
from dayshift.learners.estimator import Model
from dayshift.lifecycle.evaluate import metric_for
from dayshift.lifecycle.metrics import DAY_US, Floats

if TYPE_CHECKING:
    from dayshift.adviser.history import History, Situation

BESIDE = ("roc_auc", "average_precision", "log_loss")
"""What a classifier is judged by beside the user's metric: two ways to rank, and whether its chances are true."""
IN_MEMORY_CELLS = 8_000_000


class Replay:
    """One history, replayed. A context manager: it holds processes and a folder of mapped files.

    Attributes:
        history, weeks, options: as given.
        effort: the clock of all limits.
        metrics: the user's metric first, then those of `BESIDE`, or the usual ones of a regressor.
        sample: the rows that judge, the same for all tracks.
        daily_metrics: whether values are means over days; False where days hold too little and whole weeks are judged.
        notes: what went another way than usual, for whoever reads the advice.
        stopped: whether Ctrl-C or `options.stop` ended it; then runs give only what is there.
    """

    def __init__(
        self,
        history: "History",
        weeks: Weeks,
        *,
        options: ReplayOptions | None = None,
        workers: Workers | None = None,
    ) -> None:
        """`workers` are processes that were started before, while the history was read, and are ended here; without,
        `options.workers` are started now."""
        self.history, self.weeks, self.options = history, weeks, options or ReplayOptions()
        self.effort = self.options.effort or Effort()
        self.metrics = _metrics(history)
        self.asked = Asked(history, weeks)
        counts = any(metric.by is not None for metric in self.metrics)
        self.sample: Sample = self.asked.sample(None if counts else self.asked.others_a_day(self.options.others_a_day))
        self.daily_metrics = self.asked.days_suffice(self.sample)
        self.notes: list[str] = []
        self._open(workers)
        self._edges = np.searchsorted(self.sample.as_of, weeks.t0 + WEEK_US * np.arange(weeks.count + 1))
        self._done: dict[tuple[Track, int], Outcome] = {}
        self.train_rows = self.options.train_rows
        self._cost: Cost | None = None
        self._says: list[str] = []
        self._fits = {"done": 0, "cached": 0, "failed": 0}
        self._cpu_s = 0.0
        self._awaited: set[Any] = set()

    def only(self, situations: "Iterable[Situation]") -> None:
        """Say that no others will be asked for: once their tables are made, what makes them is let go."""
        self._awaited = {_key(each) for each in situations} - self._names.keys()

    def _open(self, workers: Workers | None) -> None:
        history = self.history
        if workers is None and self.options.workers:
            workers = Workers(history.pipeline, self.options.workers)
        columns = len(history.pipeline.columns)
        small = len(history.as_of) * max(columns, 1) <= IN_MEMORY_CELLS
        self._folder = None if workers is None and small else self._scratch()
        self._tables: dict[str, Columns] = {}
        self._held: dict[str, Columns] = {}
        self._names: dict[Any, str] = {}
        folder = str(self._folder) if self._folder else None
        bench = Bench(history.kind, self.metrics, self.daily_metrics, tuple(self.sample.by), folder)
        self._put(SAMPLE, table_of(self.sample))
        self._desk = Desk(history.pipeline.model, bench, self._table)
        cache = self.options.cache
        keys = (cache, Keys(history.pipeline.model, bench, self.sample)) if cache is not None else None
        able = None if self._folder is None or self._held else workers
        self._runner = Runner(self._desk, able, keys, self.options.stop)
        self.weighs = _weighs(history.pipeline.model)
        self._parallel = 1 if able is None else min(len(able), os.cpu_count() or 1)
        self._close = weakref.finalize(self, _closed, workers, self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and remove the folder; once is enough."""
        self._tables.clear()
        self._held.clear()
        self._close()

    def stopped_now(self) -> bool:
        """Asks `options.stop` too."""
        stop = self.options.stop
        self._runner.stopped = self._runner.stopped or (stop is not None and stop())
        return self._runner.stopped

    @property
    def stopped(self) -> bool:
        """Whether somebody ended it."""
        return self._runner.stopped

    @property
    def how(self) -> dict[str, object]:
        """How it was computed, for whoever doubts it: plain values."""
        weighted = self.sample.weight is not None
        return {
            "weeks": self.weeks.count,
            "first_week": int(self.weeks.t0),
            "lead_in_days": self.weeks.lead_in_us / DAY_US,
            "window_days": self.weeks.window_us / DAY_US,
            "train_rows": self.train_rows,
            "evaluation_rows": len(self.sample.rows),
            "evaluation": "a sample of each day, weighted" if weighted else "all rows",
            "metrics": "means over days"
            if self.daily_metrics
            else "of whole weeks: days hold too few of the rarer class",
            "fits": dict(self._fits),
            "fit_cpu_s": round(self._cpu_s, 3),
            "notes": [*self.weeks.notes, *self._says, *self._runner.notes],
        }

    def run(self, tracks: Sequence[Track], ages: int | Sequence[int], seconds: float | None = None) -> list[Grid]:
        """A grid for each track, NaN where nothing was measured (no time, stopped, a fit that failed).

        Args:
            ages: up to which age (`followed`), 1 for models of the week only; one number for all tracks or one for each.
            seconds: what this run may take; `options.seconds` when None. The first run that has a limit fixes how many
                rows fits learn from, for all runs.

        Raises:
            NotReady: DS810, a worker was ended from outside.
        """
        seconds = self.options.seconds if seconds is None else seconds
        count = self.weeks.count
        wanted = [ages] * len(tracks) if isinstance(ages, int) else list(ages)
        asked = Plan(tuple(max(min(age, count), 1) for age in wanted), self.train_rows)
        plan = asked
        with self.until_stopped():
            if count and tracks:
                limit = None if seconds is None else self.effort.until(seconds)
                plan = self._planned(tracks, asked, seconds)
                self._compute(tracks, asked, plan, limit)
        return [self._grid(track, age) for track, age in zip(tracks, asked.ages, strict=True)]

    def daily(self, track: Track, weeks: Sequence[int], seconds: float | None = None) -> Floats:
        """What refits every day gain over the weekly one in each of these weeks, positive when better: float64[len(weeks)].

        In such a week a model is fitted at each midnight and answers that day. NaN where a fit failed, it was stopped, or
        `seconds` (None: without limit) were over.
        """
        gains = np.full(len(weeks), np.nan)
        with self.until_stopped():
            found: dict[tuple[int, int], Outcome] = {}
            tasks = (((week, day), self._day_task(track, week, day)) for week in weeks for day in range(7))
            limit = None if seconds is None else self.effort.until(seconds)
            for name, outcome, cached in self._runner.run(tasks, limit):
                found[name] = outcome
                self._count(outcome, cached)
            for place, week in enumerate(weeks):
                gains[place] = self._daily_gain(week, [found.get((week, day)) for day in range(7)])
        return gains

    def incremental(self, track: Track, every_us: int = DAY_US // 24) -> Grid | None:
        """The track's learner taught step by step with the labels that became known, against which `run([track], 1)` refits.

        Of age 0 only. None: the learner cannot be taught step by step (it has no `partial_fit`).
        """
        from dayshift.adviser.online import teach

        return teach(self, track, every_us)

    def fitted(self, track: Track, week: int) -> Model:
        """The model of this track that is fitted at the start of a week, here and now.

        Raises:
            DayshiftError: it cannot be fitted.
        """
        return self._desk.model(self._task(track, int(self.weeks.starts[week]), ()))

    def take(self, situation: "Situation", rows: Any) -> pl.DataFrame:
        """The features of some questions, by number, as a model reads them: NaN for null, 0 and 1 for false and true."""
        return self._columns(situation).take(np.asarray(rows, np.int64))

    def _task(self, track: Track, origin: int, slices: tuple[tuple[int, int], ...], keep: bool = False) -> Task:
        weighs = track.family == SECOND or self.weighs
        rows = self.asked.known(track.situation.label_delay_us, track.window_us, origin)
        drawn = self.asked.drawn(
            rows, self.train_rows * times_rows(track), salt_of(origin // DAY_US, track.seed), weighs
        )
        weight = None if not weighs or bool(np.all(drawn.weight == drawn.weight[:1])) else drawn.weight
        seed = salt_of(origin // DAY_US, track.seed, 1) % 2**31
        name = self._features(track.situation)
        return Task(name, track.family, seed, drawn.rows, self.asked.label[drawn.rows], weight, slices, keep)

    def _week_task(self, track: Track, week: int, ages: int) -> Task:
        judged = [week + age for age in followed(min(ages, self.weeks.count - week))]
        return self._task(track, int(self.weeks.starts[week]), tuple(map(self.places, judged)))

    def _day_task(self, track: Track, week: int, day: int) -> Task:
        start = int(self.weeks.starts[week])
        edges = np.searchsorted(self.sample.as_of, [start + day * DAY_US, start + (day + 1) * DAY_US]).tolist()
        piece = self.places(week) if day == 0 else (edges[0], edges[1])
        return self._task(track, start + day * DAY_US, (piece,), keep=True)

    def places(self, week: int) -> tuple[int, int]:
        """Where a week's rows stand in the sample."""
        return int(self._edges[week]), int(self._edges[week + 1])

    def _planned(self, tracks: Sequence[Track], asked: Plan, seconds: float | None) -> Plan:
        """From the first fit alone, not from the time left: a second run finds that fit kept, and so plans the same."""
        if seconds is None:
            return asked
        number, week = in_order(tracks, asked.ages, self.weeks.count)[0]
        rows_are_fixed = self._cost is not None
        if self._cost is None:
            task = self._week_task(tracks[number], week, asked.ages[number])
            for _, outcome, cached in self._runner.run([((tracks[number], week), task)]):
                self._note(tracks[number], week, outcome, cached)
                if outcome.failed is None:
                    self._cost = Cost(outcome.fit_cpu_s, outcome.judge_cpu_s / len(task.slices), outcome.rows)
        if self._cost is None:
            return asked
        budget = (seconds * self._parallel, rows_are_fixed)
        plan = planned(tracks, asked, self._cost, self.weeks.count, budget)
        if plan.train_rows != self.train_rows:
            self.train_rows = plan.train_rows
            self._done.clear()
        self._says += plan.says
        return plan

    def _compute(self, tracks: Sequence[Track], asked: Plan, plan: Plan, limit: Limit | None) -> None:
        order = in_order(tracks, plan.ages, self.weeks.count)
        ages = {(number, week): plan.ages[number] if week >= FIRST else asked.ages[number] for number, week in order}
        left = [(number, week) for number, week in order if not self._has(tracks[number], week, ages[number, week])]
        tasks = ((place, self._week_task(tracks[place[0]], place[1], ages[place])) for place in left)
        done = len(order) - len(left)
        for (number, week), outcome, cached in self._runner.run(tasks, limit):
            done += 1
            self._note(tracks[number], week, outcome, cached)
            if self.options.told is not None:
                self.options.told(self._progress(tracks, number, (done, len(order)), cached))
        if self._runner.late:
            self._says.append(f"the time was over after {done:,} of {len(order):,} fits")

    def _has(self, track: Track, week: int, ages: int) -> bool:
        found = self._done.get((track, week))
        return found is not None and len(found.pooled) >= len(followed(min(ages, self.weeks.count - week)))

    def _note(self, track: Track, week: int, outcome: Outcome, cached: bool) -> None:
        self._done[track, week] = outcome
        self._count(outcome, cached)

    def _count(self, outcome: Outcome, cached: bool) -> None:
        self._fits["cached" if cached else "done"] += 1
        self._fits["failed"] += outcome.failed is not None
        if not cached:
            self._cpu_s += outcome.fit_cpu_s
            if self._parallel > 1:
                self.effort.worked(outcome.fit_cpu_s + outcome.judge_cpu_s, self._parallel)

    def _progress(self, tracks: Sequence[Track], number: int, counts: tuple[int, int], cached: bool) -> Progress:
        track = tracks[number]
        found = {week: outcome for week in range(self.weeks.count) if (outcome := self._done.get((track, week)))}
        foot = next(one for one in tracks if one.seed == track.seed)
        sign = 1 if self.metrics[0].larger_is_better else -1
        grid = sign * self._grid(track, self.weeks.count).value[0]
        gain = None if foot == track else _mean(grid[:, 0] - sign * self._grid(foot, 1).value[0, :, 0])
        lost = _mean(grid[:, :1] - grid[:, 1:])
        return Progress(track, len(found), self.weeks.count, *counts, gain, lost, self.effort.waited, cached)

    def _grid(self, track: Track, ages: int) -> Grid:
        count, metrics = self.weeks.count, len(self.metrics)
        value, pooled = np.full((metrics, count, ages), np.nan), np.full((count, ages), np.nan)
        cpu_s, rows, failed = np.full(count, np.nan), np.zeros(count, np.int64), {}
        for week in range(count):
            outcome = self._done.get((track, week))
            if outcome is None:
                continue
            cpu_s[week], rows[week] = outcome.fit_cpu_s, outcome.rows
            if outcome.failed is not None:
                failed[week] = outcome.failed
            for place, age in enumerate(followed(min(ages, count - week))[: len(outcome.pooled)]):
                value[:, week + age, age] = outcome.value[:, place]
                pooled[week + age, age] = outcome.pooled[place]
        names = tuple(metric.name for metric in self.metrics)
        return Grid(track, names, value, pooled, cpu_s, rows, self.positives(), failed)

    def positives(self) -> Floats:
        """For each week how many positives judge (of a regressor: rows), each as many as it stands for."""
        sample = self.sample
        each = sample.label if self.asked.classifies else np.ones(len(sample.label))
        total = np.concatenate([[0.0], np.cumsum(each if sample.weight is None else each * sample.weight)])
        return np.asarray(total[self._edges[1:]] - total[self._edges[:-1]])

    def _daily_gain(self, week: int, found: Sequence[Outcome | None]) -> float:
        parts = [outcome.prediction for outcome in found if outcome is not None and outcome.failed is None]
        if len(parts) < 7 or any(part is None for part in parts):
            return float("nan")
        first, end = self.places(week)
        weekly = parts[0]
        assert weekly is not None
        start = int(self.weeks.starts[week])
        monday = int(np.searchsorted(self.sample.as_of[first:end], start + DAY_US))
        daily = np.concatenate([weekly[:monday], *(part for part in parts[1:] if part is not None)])
        values = [
            worth(self.metrics[0], self.sample.judged(first, end, prediction), self.daily_metrics)
            for prediction in (weekly, daily)
        ]
        return (values[1] - values[0]) * (1 if self.metrics[0].larger_is_better else -1)

    def _features(self, situation: "Situation") -> str:
        """The name of their table; they are made at the first use."""
        key = _key(situation)
        if key not in self._names:
            name = f"features-{len(self._names)}"
            self._put(name, columns_of(self.history.features(situation)))
            self._names[key] = name
            give_back()
            if self._awaited:
                self._awaited.discard(key)
                if not self._awaited:
                    self.history.let_go()
        return self._names[key]

    def _columns(self, situation: "Situation") -> Columns:
        return self._table(self._features(situation))

    def _table(self, name: str) -> Columns:
        if name in self._held:
            return self._held[name]
        return self._tables[name] if self._folder is None else mapped(self._tables, self._folder, name)

    def _put(self, name: str, columns: Columns) -> None:
        """A table where workers can read it; where the disk has no room for it it is held here, and nothing more is
        handed to workers."""
        if self._folder is None:
            self._tables[name] = columns
            return
        try:
            columns.save(self._folder / name)
        except OSError as fault:
            shutil.rmtree(self._folder / name, ignore_errors=True)
            if not self._held:
                self._no_room(fault)
            self._held[name] = columns
            self._parallel = 1
            if hasattr(self, "_runner"):
                self._runner.alone()

    def _scratch(self) -> Path | None:
        try:
            return Path(tempfile.mkdtemp(prefix="dayshift-replay-"))
        except OSError as fault:
            self._no_room(fault)
            return None

    def _no_room(self, fault: OSError) -> None:
        why = fault.strerror or "no space left on device"
        where = f"{tempfile.gettempdir()} cannot hold what workers read ({why}; TMPDIR names another folder)"
        self.notes.append(f"fitted in one process, which takes longer: {where}")

    @contextlib.contextmanager
    def until_stopped(self) -> Iterator[None]:
        """Ctrl-C ends what runs and leaves what is there; a second one, or one after `options.stop` said so, is the caller's."""
        try:
            yield
        except KeyboardInterrupt:
            if self.stopped_now():
                raise
            self._runner.stopped = True


def _metrics(history: "History") -> tuple[Metric, ...]:
    usual = BESIDE if history.kind == "classifier" else usual_metrics(history.kind)
    names = dict.fromkeys([history.metric.name, *usual])
    return tuple(metric_for(name, history.kind) for name in names)


def _weighs(estimator: Any) -> bool:
    """Whether a fit takes weights; where it does not, rows are drawn without regard to their label."""
    from sklearn.utils.validation import has_fit_parameter

    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return bool(has_fit_parameter(last, "sample_weight"))


def _key(situation: "Situation") -> Any:
    """Those without window features are all alike."""
    return "none" if situation.freshness == "none" else situation


def _mean(differences: Floats) -> float | None:
    there = differences[~np.isnan(differences)]
    return float(there.mean()) if len(there) else None


def _closed(workers: Workers | None, folder: Path | None) -> None:
    if workers is not None:
        workers.close()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


__all__ = ["DECLARED", "SECOND", "Grid", "Progress", "Replay", "ReplayOptions", "Track"]
