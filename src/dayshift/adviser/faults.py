"""Faults put into the features of real weeks, to see what each costs and who would notice.

Five that happen: a number in another unit (times 100), a joined feature that is 0 because its join broke, a whole source
that gives 0, a snapshot of features that was not renewed for seven days, and nulls in 30 % of the rows. Which columns they
befall is taken from the pipeline, so any pipeline can be tried: the number with the most different values among the row
features that read one of the event's numbers (else among window features), the features read from the label's own events or another source than the asker's, and of the sources the one
that gives most features. The label and the questions stay as they were; the running model answers; a week is a repetition.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.adviser.days import Days, Running, metric_on
from dayshift.adviser.rules import OWN_PAST, Rule, observed, own_past
from dayshift.adviser.sampling import mixed
from dayshift.adviser.scores import Column, distances, references, sliding
from dayshift.adviser.worker import answers
from dayshift.definition.feature import WindowFeature
from dayshift.diagnostics import DayshiftError
from dayshift.engines.local.cuts import read
from dayshift.engines.local.order import order_columns, sort_log
from dayshift.lifecycle.metrics import DAY_US
from dayshift.lifecycle.monitor import FEWEST, LATEST, PAST, Observation

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
WEEK, FROZEN_DAYS, NULL_SHARE, UNIT = 7, 7, 0.3, 100.0
NUMBERS = ("float", "decimal", "int")
_SALT = 823
Change = Callable[[pl.DataFrame, "Stage"], pl.DataFrame]


@dataclass(frozen=True)
class Stage:
    """Where faults are played: the watched days, their features (`sub`, a row for each of `days.rows`), the watched columns,
    the running model, what a monitor observed, and `starts`, the places of first days. `take(questions)` gives the features
    of any questions by number."""

    history: Any
    take: Callable[[Ints], pl.DataFrame]
    days: Days
    sub: pl.DataFrame
    columns: Sequence[tuple[Column, Floats]]
    running: Running
    seen: Sequence[Observation]
    starts: Ints

    @cached_property
    def rows(self) -> Ints:
        """The places in `days.rows` of all rows of the fault weeks, week after week."""
        edge = self.days.edge
        parts = [np.arange(edge[start], edge[start + WEEK]) for start in self.starts]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    @cached_property
    def window(self) -> Ints:
        """For each of `rows` the window: 7 times the start's place plus the day."""
        sizes = [np.diff(self.days.edge[start : start + WEEK + 1]) for start in self.starts]
        return np.repeat(np.arange(len(self.starts) * WEEK), np.concatenate(sizes)) if sizes else np.empty(0, np.int64)

    @cached_property
    def clean(self) -> pl.DataFrame:
        """The features of `rows` as they were."""
        return self.sub[self.rows]

    @cached_property
    def keys(self) -> dict[str, pl.Series] | None:
        """The question's columns by which windows are kept, for all questions; None where they cannot be had."""
        return _keys(self)

    @cached_property
    def clean_metric(self) -> Floats:
        """The metric of each window as it was: float64[start, 7]."""
        return judged(self, self.running.prediction[self.rows])


@dataclass(frozen=True)
class Injected:
    """A fault: which columns it changes, and how."""

    name: str
    columns: tuple[str, ...]
    change: Change


@dataclass(frozen=True)
class FaultOutcome:
    """What a fault did: `loss[start]` of the metric a day, positive when worse; `metric[start, day]` under the fault;
    `found[rule][start, day]` whether the rule alarms on that day; `live[start]` days until a look every hour alarms, NaN if
    not within a week. `prediction` is the greatest change of a prediction."""

    name: str
    columns: tuple[str, ...]
    loss: Floats
    metric: Floats
    found: Mapping[str, Bools]
    live: Floats
    prediction: float


def fault_starts(days: Days, running: Running, weeks: Any, most: int = 14) -> Ints:
    """First days of at most `most` of the replay's weeks, evenly spaced, that are judged whole and have a past to compare."""
    first = np.asarray(weeks.starts) // DAY_US - days.first
    fit = [
        int(day)
        for day in first
        if day >= FEWEST + LATEST
        and day + WEEK <= days.count
        and (running.model_of[day : day + WEEK] >= 0).all()
        and np.isfinite(running.metric[day : day + WEEK]).sum() >= (4 if running.daily else 1)
    ]
    places = np.linspace(0, len(fit) - 1, min(most, len(fit))).round().astype(int) if fit else np.empty(0, int)
    return np.array([fit[place] for place in np.unique(places)], np.int64)


def faults_of(stage: Stage) -> tuple[Injected, ...]:
    """The faults that this pipeline can have."""
    pipeline, here = stage.history.pipeline, set(stage.sub.columns)
    found: list[Injected] = []
    number = _number(stage)
    if number is not None:
        found.append(Injected(f"{number} times 100", (number,), _times(number)))
    joined = _joined(pipeline, here)
    if joined:
        found.append(Injected(f"{_short(joined)} constant 0 (a join is broken)", joined, _zero(joined)))
    name, group = _largest_group(pipeline, here)
    if group and set(group) != set(joined):
        found.append(Injected(f"all features of {name} 0", group, _zero(group)))
    windows = tuple(c for f in pipeline.window_features for c in f.columns if c in here)
    if windows and stage.keys is not None:
        found.append(Injected(f"features frozen for {FROZEN_DAYS} days", windows, _frozen))
    if number is not None:
        nulls = _nulls(number, 0.0 if not _takes_nulls(stage, number) else None)
        said = "null" if _takes_nulls(stage, number) else "0"
        found.append(Injected(f"{number} {said} in 30 % of rows", (number,), nulls))
    return tuple(found)


def _number(stage: Stage) -> str | None:
    """The number that another unit would hit: with the most values among those row features that read a number of the
    event, else among window features that do, else among all."""
    pipeline = stage.history.pipeline
    measured = {name for name, column in getattr(pipeline.asker, "columns", {}).items() if column.type in NUMBERS}
    rows = {c for f in pipeline.row_features if measured & _roots(f.expression) for c in f.columns}
    reads = (f for f in pipeline.window_features if f.column is not None and f.aggregate.name != "distinct_count")
    windows = {c for f in reads if f.column is not None and f.column.type in NUMBERS for c in f.columns}
    numbers = [(len(c.grid), c.name) for c, _ in stage.columns if not c.few and c.name in stage.sub.columns]
    numbers = [one for one in numbers if stage.sub[one[1]].dtype.is_numeric()]
    for names in (rows, windows, {name for _, name in numbers}):
        best = [one for one in numbers if one[1] in names]
        if best:
            return max(best, key=lambda one: one[0])[1]
    return None


def _roots(expression: Any) -> set[str]:
    return set(expression.meta.root_names()) if isinstance(expression, pl.Expr) else set()


def _joined(pipeline: Any, here: set[str]) -> tuple[str, ...]:
    """One line of the definition that joins other events: of the label's source if any, else of another source, else the last."""
    lines: dict[tuple[Any, ...], list[WindowFeature]] = {}
    for feature in pipeline.window_features:
        key = (feature.source.name, feature.keys, feature.aggregate, feature.relative)
        lines.setdefault(key, []).append(feature)
    if not lines:
        return ()
    label = pipeline.label.source.name if pipeline.label is not None else None

    def rank(item: tuple[int, list[WindowFeature]]) -> tuple[bool, bool, bool, int]:
        place, line = item
        other = line[0].source.name != pipeline.asker.name
        return other and line[0].source.name == label, other, line[0].aggregate.column is not None, place

    _, best = max(enumerate(lines.values()), key=rank)
    return tuple(c for f in best for c in f.columns if c in here)


def _largest_group(pipeline: Any, here: set[str]) -> tuple[str, tuple[str, ...]]:
    """The source and key that give most features."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for feature in pipeline.window_features:
        groups.setdefault((feature.source.name, feature.keys), []).extend(c for c in feature.columns if c in here)
    if not groups:
        return "", ()
    (source, keys), columns = max(groups.items(), key=lambda item: len(item[1]))
    by = " and ".join(asked for _, asked in keys)
    return f"{source}{' by ' + by if by else ''}", tuple(columns)


def _short(columns: Sequence[str]) -> str:
    return columns[0] if len(columns) == 1 else f"{columns[0]} and {len(columns) - 1} more"


def _times(name: str) -> Change:
    return lambda frame, stage: frame.with_columns(pl.col(name).cast(pl.Float64) * UNIT)


def _zero(names: Iterable[str]) -> Change:
    chosen = list(names)

    def change(frame: pl.DataFrame, stage: Stage) -> pl.DataFrame:  # noqa: ARG001
        zero = [
            (pl.lit(0) if frame.schema[n].is_numeric() else pl.lit(None)).cast(frame.schema[n]).alias(n) for n in chosen
        ]
        return frame.with_columns(zero)

    return change


def _nulls(name: str, value: float | None) -> Change:
    def change(frame: pl.DataFrame, stage: Stage) -> pl.DataFrame:
        hit = mixed(stage.days.rows[stage.rows], _SALT) < np.uint64(NULL_SHARE * 2**64)
        lost = pl.lit(value).cast(frame.schema[name])
        return frame.with_columns(pl.when(pl.Series(hit)).then(lost).otherwise(pl.col(name)).alias(name))

    return change


def _takes_nulls(stage: Stage, name: str) -> bool:
    some = stage.clean.head(3).with_columns(pl.lit(None).cast(stage.clean.schema[name]).alias(name))
    try:
        answers(stage.running.models[-1], some)
    except DayshiftError:
        return False
    return True


def _keys(stage: Stage) -> dict[str, pl.Series] | None:
    history, wanted = stage.history, {asked for f in stage.history.pipeline.window_features for _, asked in f.keys}
    absent = [name for name in sorted(wanted) if name not in history.questions.columns]
    found = {name: history.questions[name] for name in wanted if name not in absent}
    if not absent:
        return found
    asker, log = history.pipeline.asker, getattr(history, "log", None)
    if log is None or not set(absent) <= set(asker.columns):
        return None
    wide = sort_log(
        read(log, asker, list(dict.fromkeys([*order_columns(asker), *absent]))).collect(engine="streaming"), asker
    )
    return {**found, **{name: wide[name] for name in absent}} if wide.height == history.as_of.size else None


def _frozen(frame: pl.DataFrame, stage: Stage) -> pl.DataFrame:
    """Each window feature as it last stood in a question of the same key before the fault week; as it is without one."""
    keys = stage.keys or {}
    groups: dict[tuple[str, ...], list[str]] = {}
    for feature in stage.history.pipeline.window_features:
        asked = tuple(name for _, name in feature.keys)
        groups.setdefault(asked, []).extend(c for c in feature.columns if c in frame.columns)
    for asked, names in groups.items():
        last = _last_before(stage, _codes([keys[name] for name in asked], len(stage.history.as_of)))
        old = stage.take(np.maximum(last, 0)).select(names)
        known = pl.Series(last >= 0)
        frame = frame.with_columns(pl.when(known).then(old[name]).otherwise(frame[name]).alias(name) for name in names)
    return frame


def _codes(keys: Sequence[pl.Series], height: int) -> Ints:
    if not keys:
        return np.zeros(height, np.int64)
    one = keys[0] if len(keys) == 1 else pl.DataFrame(list(keys)).hash_rows(0)
    return one.rank("dense").fill_null(0).to_numpy().astype(np.int64)


def _last_before(stage: Stage, codes: Ints) -> Ints:
    """For each of `stage.rows` the last question with its code before its week began, -1 without one."""
    as_of = np.asarray(stage.history.as_of)
    order = np.arange(len(as_of)) if (np.diff(as_of) >= 0).all() else np.argsort(as_of, kind="stable")
    bounds = np.searchsorted(as_of[order], stage.days.starts_us[stage.starts])
    latest = np.full(int(codes.max()) + 1, -1, np.int64)
    found, done = np.empty(len(stage.rows), np.int64), 0
    week = stage.window // WEEK
    for place, bound in enumerate(bounds):
        np.maximum.at(latest, codes[order[done:bound]], np.arange(done, bound))
        done = max(done, int(bound))
        mine = week == place
        found[mine] = latest[codes[stage.days.rows[stage.rows[mine]]]]
    return np.where(found >= 0, order[np.maximum(found, 0)], -1)


def play(stage: Stage, fault: Injected, rules: Callable[[Sequence[int]], Sequence[Rule]], live: Any) -> FaultOutcome:
    """The fault in every week of the stage.

    Args:
        rules: the rules of distances, for the places (in `stage.columns`) of the columns that they will be shown.
        live: `live(places, psi[place, window, hour]) -> bool[window, hour]`, the rule that looks every hour.
    """
    changed = fault.change(stage.clean, stage)
    said = _predicted(stage, changed)
    metric = judged(stage, said)
    sign = 1.0 if stage.running.judged_by.larger_is_better else -1.0
    loss = np.nanmean(sign * (stage.clean_metric - metric), axis=1)
    values = _shown(stage, changed, said, fault.columns)
    found, first = _noticed(stage, values, rules, live)
    found |= _by_own_past(stage, values, said)
    away = float(np.nanmax(np.abs(said - stage.running.prediction[stage.rows])))
    return FaultOutcome(fault.name, fault.columns, loss, metric, found, first, away)


def judged(stage: Stage, said: Floats) -> Floats:
    """The metric of each window by these predictions of `stage.rows`: float64[start, 7]; where days hold too little, the
    week's on its last day."""
    days, running = stage.days, stage.running
    size = 1 if running.daily else WEEK
    edge = np.searchsorted(stage.window, np.arange(0, len(stage.starts) * WEEK + 1, size))
    found = np.full((len(stage.starts) * WEEK // size, size), np.nan)
    for place, (a, b) in enumerate(zip(edge[:-1], edge[1:], strict=True)):
        rows = stage.rows[a:b]
        found[place, -1] = metric_on(stage.history, running.judged_by, days.rows[rows], said[a:b], days.weight[rows])
    return found.reshape(-1, WEEK)


def _predicted(stage: Stage, changed: pl.DataFrame) -> Floats:
    model_of = stage.running.model_of[stage.days.day[stage.rows]]
    said = np.full(len(stage.rows), np.nan)
    for place, model in enumerate(stage.running.models):
        mine = np.flatnonzero(model_of == place)
        if len(mine):
            said[mine] = answers(model, changed[mine])
    return said


def _shown(stage: Stage, changed: pl.DataFrame, said: Floats, names: Sequence[str]) -> dict[int, Floats]:
    """The values of the drawn rows under the fault, by the place of the column in `stage.columns`."""
    drawn = np.flatnonzero(stage.days.drawn[stage.rows])
    found = {}
    for place, (column, _) in enumerate(stage.columns):
        if column.name == "prediction":
            found[place] = said[drawn]
        elif column.name in names:
            found[place] = column.numbers(changed[column.name][drawn])
    return found


def _noticed(
    stage: Stage, values: Mapping[int, Floats], rules: Callable[[Sequence[int]], Sequence[Rule]], live: Any
) -> tuple[dict[str, Bools], Floats]:
    places, days = list(values), stage.days
    drawn = stage.days.drawn[stage.rows]
    window, hour = stage.window[drawn], days.hour[stage.rows][drawn]
    count, starts = len(stage.starts) * WEEK, stage.starts
    shape = (len(starts), WEEK)
    measured, hourly = [], []
    for place in places:
        column, clean = stage.columns[place]
        daily = column.counts(clean, days.day[days.drawn], days.count)
        reference = np.repeat(references(daily)[starts], WEEK, axis=0)
        measured.append(distances(column, reference, column.counts(values[place], window, count)))
        hourly.append(_hours(stage, column, (clean, values[place]), window * 24 + hour, reference))
    stacked = np.stack(measured, axis=1)
    found = {rule.name: rule.alarms(stacked, len(stage.columns)).reshape(shape) for rule in rules(places)}
    looks = live(places, np.stack(hourly)).reshape(len(starts), WEEK * 24)
    first = np.where(looks.any(axis=1), (looks.argmax(axis=1) + 1) / 24, np.nan)
    return found, first


def _hours(stage: Stage, column: Column, both: tuple[Floats, Floats], group: Ints, reference: Floats) -> Floats:
    """PSI at the end of each hour of each fault window, of the 24 hours before it: float64[window, hour]."""
    from dayshift.adviser.detectors import psi

    days, (clean, faulty) = stage.days, both
    count = len(stage.starts)
    now = column.binned(column.counts(faulty, group, count * WEEK * 24)).reshape(count, WEEK, 24, -1)
    group = days.day[days.drawn] * 24 + days.hour[days.drawn]
    eve = np.isin(days.day[days.drawn], stage.starts - 1)
    place = np.searchsorted(stage.starts - 1, days.day[days.drawn][eve]) * 24 + days.hour[days.drawn][eve]
    before = column.binned(column.counts(clean[eve], place, count * 24)).reshape(count, 1, 24, -1)
    whole = np.concatenate([before, now], axis=1)
    slid = np.stack([sliding(one)[1:] for one in whole]).reshape(count * WEEK, 24, -1)
    return psi(column.binned(reference)[:, None, :], slid)


def _by_own_past(stage: Stage, values: Mapping[int, Floats], said: Floats) -> dict[str, Bools]:
    """The alarms of the own-past rule on the changed columns and the predictions, day after day of each week."""
    drawn = stage.days.drawn[stage.rows]
    edge = np.searchsorted(stage.window[drawn], np.arange(len(stage.starts) * WEEK + 1))
    names = {p: stage.columns[p][0].name for p in values if stage.columns[p][0].name != "prediction"}
    text = {stage.columns[p][0].name for p in values if stage.columns[p][0].codes is not None}
    given = said[drawn]
    found: dict[str, Bools] = {}
    for place, start in enumerate(stage.starts):
        past = [_only(one, set(names.values())) for one in stage.seen[max(start - PAST - LATEST, 0) : start]]
        for day in range(WEEK):
            a, b = edge[place * WEEK + day], edge[place * WEEK + day + 1]
            inputs = {names[p]: values[p][a:b] for p in names}
            window = observed(inputs, text, given[a:b], int(stage.days.volume[start + day]))
            for kind, alarm in own_past(past, window).items():
                found.setdefault(f"{OWN_PAST}: {kind}", np.zeros((len(stage.starts), WEEK), np.bool_))[place, day] = (
                    alarm
                )
            past.append(window)
    if found:
        found[OWN_PAST] = np.any(list(found.values()), axis=0)
    return found


def _only(seen: Observation, names: set[str]) -> Observation:
    nulls = {name: share for name, share in seen.nulls.items() if name in names}
    quantiles = {name: values for name, values in seen.quantiles.items() if name in names}
    return Observation(seen.rows, nulls, quantiles, seen.prediction, seen.prediction_spread, None)


__all__ = ["FaultOutcome", "Injected", "Stage", "fault_starts", "faults_of", "play"]
