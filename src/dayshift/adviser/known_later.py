"""Columns of the asking row that were filled in afterwards.

A table of questions that was put together later often holds what nobody knew when they were asked: how late a flight left,
whether an order was returned. Three proofs, each of a column that some feature reads of the asking row:

- it is the time of a later event of the same key, or how long that took;
- it repeats what a later event of the same key tells, and is empty where none came, or answers the question well by itself
  (what is merely repeated, like a carrier's name, is innocent);
- it is empty where no answer ever came, and nowhere else, and answers well by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dayshift.adviser.evidence import Suspicion
from dayshift.adviser.history import History
from dayshift.adviser.skill_of_one import skill_of_one
from dayshift.definition import Calendar, Source
from dayshift.engines.contract import AS_OF, POSITION
from dayshift.engines.local.cuts import read
from dayshift.engines.local.rows import inputs

UNANSWERED = 20_000
FEWEST = 30
ALIKE = 0.99
GOOD = {"classifier": (0.7, 0.8, 0.75), "regressor": (0.2, 0.5, 0.4)}
"""ROC AUC or R2 of the column alone that makes a proof of a time's likeness, of emptiness, of repetition."""
NO_ANSWER, EMPTY = 0.995, 0.6
"""Of the rows where the column is empty at least so many have no answer; of those without one it is empty in so many."""
SPREAD = 2.0
"""Units by which a column's values must differ: numbers that all lie within one unit are like any constant time."""
UNITS = (1, 1_000, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000)


@dataclass(frozen=True)
class AskingRows:
    """Some questions: the asking rows with `as_of` in microseconds, labels (NaN: none), and which are old enough for one."""

    frame: pl.DataFrame
    label: np.ndarray
    ripe: np.ndarray


def known_later(history: History, rows: np.ndarray) -> list[Suspicion]:
    """A suspicion for each such column; none for a calendar's questions, whose rows hold keys only."""
    asker = history.pipeline.asker
    if isinstance(history.pipeline.predict, Calendar):
        return []
    columns = _own_columns(history)
    if not columns:
        return []
    asked = _asked(history, rows, columns)
    skill = {name: _skill(history, asked, name) for name in columns}
    found: dict[str, Suspicion] = {}
    for source in history.pipeline.sources:
        if source.name == asker.name or not set(asker.key_columns) <= set(source.columns):
            continue
        both = _beside(history, asked, source)
        for name in columns:
            said = _is_time(history, both, name, skill[name]) or _repeats(history, both, name, skill[name])
            if said is not None:
                later = f"an event of source '{source.name}' that comes after the question"
                found.setdefault(name, _suspicion(name, said.replace("{later}", later)))
    for name in columns:
        said = _is_empty_without(history, asked, name, skill[name])
        if said is not None:
            found.setdefault(name, _suspicion(name, said))
    return list(found.values())


def _suspicion(name: str, says: str) -> Suspicion:
    return Suspicion(
        column=name,
        kind="known later",
        says=f"column '{name}' of the asking row {says}",
        hint=f"leave '{name}' out of the asking source: what is known of earlier events comes through a window; "
        "if it was known when it was asked, leave it out of the later source",
    )


def _own_columns(history: History) -> list[str]:
    """The columns that some feature reads of the asking row itself, or of asking rows from the moment of their question."""
    asker = history.pipeline.asker
    read_ = inputs(history.pipeline.row_features, tuple(asker.columns))
    for feature in history.pipeline.window_features:
        column = feature.aggregate.column
        if feature.source.name == asker.name and column is not None and not feature.window.delay_us:
            read_.append(column)
    fixed = {asker.time, asker.arrival, *asker.key_columns, AS_OF}
    return [name for name in dict.fromkeys(read_) if name not in fixed]


def _asked(history: History, rows: np.ndarray, columns: list[str]) -> AskingRows:
    """The sampled questions, and some of those that have no label."""
    ripe = history.ripe_at() <= history.known_until_us
    silent = np.flatnonzero(np.isnan(history.label) & ripe)
    if silent.size > UNANSWERED:
        silent = silent[(np.arange(UNANSWERED) * (silent.size / UNANSWERED)).astype(np.int64)]
    chosen = np.concatenate([rows, silent])
    chosen = chosen[np.argsort(history.as_of[chosen], kind="stable")]
    asker = history.pipeline.asker
    wanted = history.questions[chosen]
    keys = list(dict.fromkeys([*asker.key_columns, asker.time]))
    named = wanted.with_columns(pl.col(AS_OF).alias(asker.time)).select(keys)
    rows_ = read(history.log, asker, list(dict.fromkeys([*keys, *columns])))
    rows_ = rows_.join(named.lazy(), on=keys, how="semi").unique(keys, keep="any")
    frame = named.join(rows_.collect(engine="streaming"), on=keys, how="left", maintain_order="left", nulls_equal=True)
    frame = frame.select(*asker.key_columns, *columns).with_columns(pl.Series(AS_OF, history.as_of[chosen]))
    return AskingRows(frame, history.label[chosen], ripe[chosen])


def _skill(history: History, asked: AskingRows, name: str) -> float:
    """What a column alone knows of the answer, where it is there."""
    column = asked.frame[name]
    if isinstance(column.dtype, pl.Datetime):  # how long after the question: times as such never come again
        column = column.to_physical() - asked.frame[AS_OF]
    there = column.is_not_null().to_numpy() & ~np.isnan(asked.label)
    found = skill_of_one(column.filter(pl.Series(there)), asked.label[there], history.kind)
    return 0.0 if np.isnan(found) else found


@dataclass(frozen=True)
class Beside:
    """Questions beside the first later event of their key in another source: `time` NaN where there is none.

    `without`: questions that such an event should have come to by the end of the log, and to which none came.
    """

    asked: pl.DataFrame
    told: pl.DataFrame
    time: np.ndarray
    without: np.ndarray


def _beside(history: History, asked: AskingRows, source: Source) -> Beside:
    keys = list(history.pipeline.asker.key_columns)
    told = [name for name in source.columns if name not in {*keys, *source.key_columns, source.time}]
    events = read(history.log, source, [source.time, *keys, *told])
    events = events.rename({name: f"told_{name}" for name in told}).rename({POSITION: "known"})
    events = events.with_columns(pl.col(source.time).to_physical().alias("told_at"))
    wanted = asked.frame.lazy().with_row_index("row").select("row", AS_OF, *keys)
    later = (
        wanted.join(events.select(*keys, "known", "told_at", pl.col("^told_.*$").exclude("told_at")), on=keys)
        .filter((pl.col("told_at") > pl.col(AS_OF)) | (pl.col("known") > pl.col(AS_OF)))
        .sort("told_at")
        .unique("row", keep="first", maintain_order=True)
    )
    found = asked.frame.with_row_index("row").join(later.drop(AS_OF, *keys).collect(), on="row", how="left").sort("row")
    time = found["told_at"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return Beside(found, found.select(pl.col("^told_.*$").exclude("told_at")), time, np.isnan(time) & asked.ripe)


def _is_time(history: History, both: Beside, name: str, skill: float) -> str | None:
    """Whether a column is the later event's time, or the time until then in some unit, from any start."""
    column = both.asked[name]
    there = (column.is_not_null().to_numpy()) & ~np.isnan(both.time)
    if there.sum() < FEWEST or skill < GOOD[history.kind][0]:
        return None
    at, time = both.asked[AS_OF].to_numpy()[there], both.time[there]
    if isinstance(column.dtype, pl.Datetime):
        alike = column.to_physical().to_numpy()[there] == time
        return "is the time of {later}" if alike.mean() >= ALIKE and np.unique(time - at).size > 10 else None
    if not column.dtype.is_numeric() or column.filter(pl.Series(there)).n_unique() <= 10:
        return None
    values = column.filter(pl.Series(there)).cast(pl.Float64).to_numpy()
    if np.median(np.abs(values - np.median(values))) < SPREAD:
        return None
    for unit in UNITS:
        rest = (time - at) - values * unit
        if np.mean(np.abs(rest - np.median(rest)) <= unit / 2) >= ALIKE:
            return "is the time until {later}"
    return None


def _repeats(history: History, both: Beside, name: str, skill: float) -> str | None:
    """Whether a column repeats one of the later event's, and more than that."""
    own = both.asked[name]
    there = own.is_not_null() & pl.Series(~np.isnan(both.time))
    if there.sum() < FEWEST or own.filter(there).n_unique() < 2:
        return None
    for told in both.told.columns:
        theirs = both.told[told]
        if theirs.dtype != own.dtype and not (theirs.dtype.is_numeric() and own.dtype.is_numeric()):
            continue
        alike = (own.filter(there) == theirs.filter(there)).fill_null(value=False)
        if alike.mean() < ALIKE:  # type: ignore[operator]
            continue
        label = f"repeats '{told.removeprefix('told_')}' of {{later}}"
        if _empty_without(own, both):
            return f"{label}, and is empty where none came"
        if skill >= GOOD[history.kind][2]:
            return f"{label}, and answers well by itself ({skill:.3f})"
    return None


def _empty_without(own: pl.Series, both: Beside) -> bool:
    empty = own.is_null().to_numpy()
    came = ~np.isnan(both.time)
    return bool(both.without.sum() >= FEWEST and empty[both.without].mean() >= 0.95 and empty[came].mean() <= 0.01)


def _is_empty_without(history: History, asked: AskingRows, name: str, skill: float) -> str | None:
    """Whether a column is empty where no answer came."""
    empty = asked.frame[name].is_null().to_numpy() & asked.ripe
    silent = np.isnan(asked.label) & asked.ripe
    if empty.sum() < FEWEST or silent.sum() < FEWEST or skill < GOOD[history.kind][1]:
        return None
    if silent[empty].mean() < NO_ANSWER or empty[silent].mean() < EMPTY:
        return None
    return (
        f"is empty only where no answer ever came ({empty.sum():,} such rows), and answers well by itself ({skill:.3f})"
    )
