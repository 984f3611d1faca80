"""From the journal to the lake: the micro-batches of a live run become an ordinary load, with their answers.

Each step can be done again without effect: the load is there or not, and the tables of features and predictions know which
load they hold. So whoever comes after a crash, the next live run or the next night, settles first, and nothing is lost or
doubled. The answers are those that were served: they stand in the journal, nothing is computed anew.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.diagnostics import NotReady, counted, numbered
from dayshift.lake import LoadRecord, Origin
from dayshift.lake.journal import Entry, Journal
from dayshift.lake.lake import LIVE
from dayshift.lifecycle import features, predictions

if TYPE_CHECKING:
    from dayshift.lake import Lake
    from dayshift.lifecycle.project import Project

EVENTS = "events/"
FEATURES, PREDICTIONS, HELD = "features", "predictions", "quarantine"
_COUNTS = ("read", "loaded", "quarantined", "duplicates", "filtered", "bytes")


def journal_of(lake: Lake) -> Journal | None:
    """The journal of a lake's live runs; None for a lake that is no folder, which cannot have one."""
    path = lake.root.path
    return None if path is None else Journal(path / LIVE)


@dataclass(frozen=True)
class Settled:
    """The loads that were made of the journal; `torn`: files whose end was not whole, by load, with how many bytes of it."""

    loads: tuple[int, ...] = ()
    torn: Mapping[int, int] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """What a person should know of it."""
        found = []
        if self.loads:
            told, be = numbered(self.loads[0], self.loads[-1]), "is" if len(self.loads) == 1 else "are"
            found.append(f"{told} of a live run stood in its journal and {be} in the lake now")
        return found + [
            f"the end of the journal of load {load}, {counted(count, 'byte')}, was not whole: a record that nobody was told of, or that the "
            f"disk has lost since; the file is kept beside, as '{load:012d}.journal.torn'"
            for load, count in self.torn.items()
        ]


def settle(project: Project, now: dt.datetime) -> Settled:
    """Commits what a live run has left in the journal.

    Call it under the lake's lock, before anything else takes a load's number.

    Raises:
        NotReady: DS403, the journal is damaged or does not follow the lake; DS404; DS405.
    """
    journal = journal_of(project.lake)
    if journal is None:
        return Settled()
    settled, torn = [], {}
    for load in journal.loads:
        entries = list(journal.read(load))
        if entries:
            commit(project, load, entries, now)
            settled.append(load)
        count = journal.put_aside(load)
        if count:
            torn[load] = count
        journal.forget(load)
    journal.close()
    return Settled(tuple(settled), torn)


def commit(project: Project, load: int, entries: Sequence[Entry], now: dt.datetime) -> None:
    """Makes these micro-batches a load, as far as they are not one yet, and writes their features and predictions.

    Raises:
        NotReady: DS403, the lake ends before the load that this one follows; DS404; DS405.
    """
    last = project.lake.last_load
    if last < load - 1:
        raise NotReady(
            "DS403",
            f"the journal of the live run holds load {load}, and the lake ends with load {last}",
            facts=("the loads between them are gone",),
            hint="dayshift explain DS403",
        )
    if last < load:
        _commit_load(project.lake, load, entries, now)
    for kind, app in ((FEATURES, features.APP), (PREDICTIONS, predictions.APP)):
        for name, frames in _by_table(entries, kind).items():
            project.lake.table(kind, name).append_once(frames, app, load)


def _commit_load(lake: Lake, number: int, entries: Sequence[Entry], now: dt.datetime) -> None:
    with lake.begin_load(now, journalled=True) as load:
        for name, frame in _joined(entries, EVENTS):
            load.append(name, frame)
        for _, frame in _joined(entries, HELD):
            load.quarantine(frame)
        load.commit(*records(entries))
        assert load.number == number


def _joined(entries: Sequence[Entry], prefix: str) -> Iterator[tuple[str, pl.DataFrame]]:
    """The tables whose names begin so, each from all entries, by the rest of its name."""
    names = dict.fromkeys(name for entry in entries for name in entry.frames if name.startswith(prefix))
    for name in names:
        frames = [entry.frames[name] for entry in entries if name in entry.frames]
        yield name.removeprefix(prefix), pl.concat(frames, how="diagonal_relaxed")


def _by_table(entries: Iterable[Entry], kind: str) -> dict[str, list[pl.DataFrame]]:
    found: dict[str, list[pl.DataFrame]] = {}
    for entry in entries:
        if kind in entry.frames:
            found.setdefault(entry.about["tables"][kind], []).append(entry.frames[kind])
    return {name: [pl.concat(frames)] for name, frames in found.items()}


def records(entries: Sequence[Entry]) -> list[LoadRecord]:
    """What each source gave to the load: counts added up, origins joined, the last cursor.

    A load of nothing but a calendar's questions has a record of zeros for the source whose entities were asked for.
    """
    counts: dict[str, dict[str, int]] = {}
    origins: dict[str, dict[str, Origin]] = {}
    cursors: dict[str, str] = {}
    for entry in entries:
        for source, given in entry.about["counts"].items():
            mine = counts.setdefault(source, dict.fromkeys(_COUNTS, 0))
            for name in _COUNTS:
                mine[name] += given[name]
        for source, listed in entry.about["origins"].items():
            _add_origins(origins.setdefault(source, {}), listed)
        cursors |= entry.about["cursors"]
    if not {*counts, *origins, *cursors}:
        counts[entries[0].about["asker"]] = dict.fromkeys(_COUNTS, 0)
    names = sorted({*counts, *origins, *cursors})
    return [_record(name, counts.get(name, {}), origins.get(name, {}), cursors.get(name)) for name in names]


def _record(name: str, counts: Mapping[str, int], origins: Mapping[str, Origin], cursor: str | None) -> LoadRecord:
    given = {"read": 0, "loaded": 0, **counts}
    return LoadRecord(name, **given, origins=tuple(origins.values()), cursor=cursor)


def _add_origins(known: dict[str, Origin], listed: Iterable[Mapping[str, Any]]) -> None:
    """A partition's rows are added up; a file is what its last mention says."""
    for one in listed:
        origin = Origin(**one)
        before = known.get(origin.path)
        if before is not None and not origin.sha256:
            origin = Origin(origin.path, origin.size, "", before.rows + origin.rows, origin.stamp)
        known[origin.path] = origin
