"""The lake: everything that survives a crash, in one folder.

    loads/                  one row per load and source: THE commit point of events and quarantine
    events/<source>/        what happened, in the order in which we learned of it
    quarantine/             rows that broke their contract, and what became of them
    features|labels|predictions/<name>/   what the pipeline computed
    ledger/                 one record per verb
    state/<pipeline>/       what an engine keeps between runs
    live/                   what a live run has taken and what is no load yet (journal.py)
    lake.lock               who writes now

All but the last three are Delta tables, which any tool reads. load.py tells why a load of several tables is one commit.
"""

from __future__ import annotations

import datetime as dt
import json
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from dayshift.diagnostics import Bug, NotReady, UsageError, nearest, shorten
from dayshift.lake import quarantine, record
from dayshift.lake.clearing import check_present, clear
from dayshift.lake.compaction import WHOLE, Extent, compact_events, merge_small, vacuum_table
from dayshift.lake.delta import Commit, Delta
from dayshift.lake.faults import NO_SPACE, damaged, full
from dayshift.lake.files import DataFile, Writer, file_name, new_token
from dayshift.lake.journal import Journal
from dayshift.lake.ledger import Ledger
from dayshift.lake.load import Load
from dayshift.lake.loads import Loads, last_of, public, sources_of, tokens_of
from dayshift.lake.lock import Lock
from dayshift.lake.log import LakeLog
from dayshift.lake.place import Place, folder_name, place_of
from dayshift.lake.retention import DELETED, HORIZON, Retained, check_whole, delete_older
from dayshift.lake.scan import scan_loaded, unreadable, visible
from dayshift.lake.state import State
from dayshift.lake.table import Table

NO_LOCK = "{} has no lock: of two loads at the same time, the one that began last commits and the other is stopped"
KINDS = ("features", "labels", "predictions")
LIVE = "live"
"""The folder of live runs: their journal, and how they stand."""


class Lake:
    """The lake at a folder, or at a URI of an object store; nothing is written before the first load.

    Args:
        root: a path, or `s3://`, `az://`, `gs://`. Only a path has a lock: of two writers elsewhere the one that began
            last commits, the other is stopped.
        storage_options: credentials and the like for an object store, as `deltalake` names them.

    >>> import tempfile, datetime as dt, polars as pl
    >>> from dayshift.lake import LoadRecord
    >>> lake = Lake(tempfile.mkdtemp())
    >>> with lake.begin_load(dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc)) as load:
    ...     _ = load.append("payments", pl.DataFrame({"id": ["a", "b"], "_position": [10, 20]}))
    ...     load.commit(LoadRecord("payments", read=2, loaded=2))
    >>> lake.events("payments").collect()["id"].to_list(), lake.last_load
    (['a', 'b'], 1)
    """

    def __init__(self, root: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        self.root = place_of(root, storage_options)
        self._loads = Loads(self.root / "loads")
        self._lock = None if self.root.path is None else Lock(self.root.path / "lake.lock")
        self._load: Load | None = None

    # Loads

    @property
    def locks(self) -> bool:
        """Whether the lake keeps a second writer out from the start; an object store only stops it at its commit."""
        return self._lock is not None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer on this machine; may be nested. Within, damage is told as in `reading`.

        Raises:
            NotReady: DS401, another process is writing; DS404, the disk became full, whoever met it; DS405, the folder
                cannot be written.
        """
        self._take()
        try:
            with self.reading():
                yield
        except OSError as error:
            if error.errno in NO_SPACE:
                raise full(f"working on {self.root}", error) from error
            raise
        finally:
            self._unlock()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Say which file is damaged when collecting a frame of this lake fails.

        A file that is absent or short is found before reading; one whose bytes were changed only shows when it is read.

        Raises:
            NotReady: DS403, with the file.
        """
        try:
            yield
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            found = unreadable(self._everything())
            if found is None:
                raise
            raise damaged(found.what, f"file '{found.path}': {found.reason}") from error

    def begin_load(self, now: dt.datetime, *, journalled: bool = False) -> Load:
        """Begin the next load and clear what a killed one left behind.

        Args:
            now: when, aware; kept in `loads`.
            journalled: the load is one that stands in the journal of a live run.

        Raises:
            NotReady: DS401, another process is writing; DS402; DS403, the lake is damaged; DS404; DS405.
            Bug: DS412, this object has a load open; DS415, the journal of a live run holds the next load.
        """
        self._refuse_open_load()
        check_present(self.root)
        self._take()
        try:
            claim = self._loads.claim()
            if not journalled:
                self._refuse_journal(claim.number)
            clear(self.root, claim.rows)
        except BaseException:
            self._unlock()
            raise
        self._load = Load(claim, now.astimezone(dt.UTC), self._place, self._unlock)
        return self._load

    @property
    def last_load(self) -> int:
        """The number of the last committed load; 0 when there is none."""
        return last_of(self._loaded())

    def loads(self) -> pl.DataFrame:
        """One row per (load, source), in order: what was read, from where, and what became of it."""
        return public(self._loaded())

    # Events

    @property
    def sources(self) -> list[str]:
        """The sources that have a table of events, sorted."""
        return sorted(sources_of(self._loaded()))

    def has_events(self, source: str, upto_load: int | None = None) -> bool:
        """Whether a committed load, up to this one, stored events of the source, or at least its columns."""
        loads = self._loaded()
        return source in sources_of(loads if upto_load is None else loads.filter(pl.col("load") <= upto_load))

    def events(self, source: str, upto_load: int | None = None) -> pl.LazyFrame:
        """The events of a source that committed loads brought, in the order of writing; filters are pushed down.

        Args:
            source: the source's name.
            upto_load: as the lake was after this load.

        Raises:
            NotReady: DS410, no load brought any; DS403, a file is damaged.
            UsageError: DS408, there is no such load.
        """
        loads = self._loaded()
        if upto_load is not None and not 0 <= upto_load <= last_of(loads):
            raise UsageError(
                "DS408",
                f"the lake cannot be read as of load {upto_load}",
                facts=(f"its loads are 1 to {last_of(loads)}",),
            )
        table, files = self._whole(source, loads)
        then = loads if upto_load is None else loads.filter(pl.col("load") <= upto_load)
        columns = record.columns_of(then, source)
        if not columns:
            raise self._no_events(source)
        seen = visible(files, tokens_of(then), upto_load)
        return scan_loaded(table.place, seen, columns, upto_load, f"the events of '{source}'")

    def bits(self, source: str) -> dict[str, int]:
        """The measured power of two of the source's float columns, as the first load that saw them measured it."""
        return record.bits_of(self._loaded(), source)

    def stored_bytes(self) -> dict[str, int]:
        """How many bytes each source's events take in the lake."""
        loads = self._loaded()
        return {name: sum(file.size for file in self._whole(name, loads)[1]) for name in sorted(sources_of(loads))}

    def complete_from_us(self, source: str) -> int | None:
        """From which `_position` on the source's events are all there; None: nothing was ever deleted."""
        return self._events_table(source).number(HORIZON)

    def as_log(self) -> LakeLog:
        """The events as of the last load that is committed now, as engines read them."""
        return LakeLog(self, self.last_load)

    # Quarantine

    def quarantine(self) -> pl.LazyFrame:
        """The rows that committed loads held, each with the state it has now: held, readmitted or dropped.

        Raises:
            NotReady: DS403, they are not all there.
        """
        loads = self._loaded()
        rows = self._pending(quarantine.ROWS, quarantine.SCHEMA, loads, int(loads["quarantined"].sum()))
        return quarantine.with_states(rows, self._pending(quarantine.SETTLED, quarantine.SETTLED_SCHEMA, loads))

    def settle_quarantine(self, ids: Iterable[str], state: str) -> None:
        """Say that held rows were "readmitted" or "dropped", outside of a load; `Load.settle_quarantine` says it within.

        Raises:
            UsageError: DS411, there is no such state.
            NotReady: DS401 to DS405.
        """
        self._refuse_open_load()
        last = self.last_load
        rows = quarantine.settlement(ids, state, last)
        if not rows.height:
            return
        writer = Writer()
        with self.lock():
            try:
                table = Delta.open(self._place(quarantine.SETTLED), quarantine.SETTLED)
                name = file_name(last, 1_000 + table.version + 1, new_token())
                file = writer.write(table.place, name, rows)
                writer.wait()
                table.commit(quarantine.SETTLED_SCHEMA, Commit([file]))
            finally:
                writer.close()

    # What the pipeline computes

    def table(self, kind: str, name: str) -> Table:
        """A table of features, labels or predictions; it need not exist yet.

        Raises:
            UsageError: DS411, there is no such kind.
        """
        if kind not in KINDS:
            raise UsageError("DS411", f"the lake has no tables of kind '{kind}'", facts=(f"kinds: {shorten(KINDS)}",))
        return Table(self.root / kind / folder_name(name), f"{kind}/{name}", self.lock)

    @property
    def ledger(self) -> Ledger:
        """The record of what was done."""
        return Ledger(self.root / "ledger")

    def state(self, pipeline: str) -> State:
        """What an engine keeps for a pipeline between runs.

        Raises:
            NotReady: DS414, the lake lies on an object store.
        """
        return State(self.root / "state" / folder_name(pipeline), pipeline)

    # Upkeep

    def compact(self, extent: Extent = WHOLE, kinds: Iterable[str] = KINDS) -> int:
        """Merge small files of all tables and sort the events; no answer changes. Returns how many files were rewritten.

        On an object store the tables that the pipeline computes cannot be listed: use `Table.compact` for each.

        Args:
            extent: how much of each table.
            kinds: of the tables that the pipeline computes, those of these kinds.

        Raises:
            NotReady: DS401 to DS405.
        """
        self._refuse_open_load()
        count = 0
        with self.lock():
            loads = self._loaded()
            for source in self.sources:
                table, files = self._whole(source, loads)
                count += compact_events(table, files, record.columns_of(loads, source), extent)
            for place, name in self._others(kinds):
                count += merge_small(Delta.open(place, name), extent)
        return count

    def retain(self, events_older_than_us: int | None, versions_hours: int | None, now: dt.datetime) -> Retained:
        """Delete old events and forget old versions; the ledger gets a record.

        The rows in it are those that no record has told yet: also what a call deleted that was killed before its own.

        Args:
            events_older_than_us: events known before this time (`_position`, microseconds UTC) go; None: none. The
                caller makes sure that no window that may still be asked reaches below it.
            versions_hours: files and log entries that no version younger than this needs go; None: none.
            now: when, aware; for the ledger.

        Raises:
            NotReady: DS401 to DS405.
        """
        self._refuse_open_load()
        rows: dict[str, int] = {}
        files = 0
        with self.lock():
            loads = self._loaded()
            told = self._told_deleted() if events_older_than_us is not None else {}
            for source in self.sources if events_older_than_us is not None else ():
                table, seen = self._whole(source, loads)
                delete_older(table, seen, record.columns_of(loads, source), events_older_than_us or 0)
                rows[source] = (self._events_table(source).number(DELETED) or 0) - told.get(source, 0)
            if versions_hours is not None:
                files = sum(vacuum_table(table, versions_hours) for table in self._everything())
        report = Retained(events_older_than_us, rows, files)
        detail = {"older_than_us": events_older_than_us, "versions_hours": versions_hours, "rows": rows, "files": files}
        self.ledger.append("retain", "done", detail, now)
        return report

    # Within

    def _refuse_journal(self, number: int) -> None:
        """What a live run has acknowledged keeps its number: it must be settled before another load takes it."""
        if self.root.path is not None and any(load >= number for load in Journal(self.root.path / LIVE).loads):
            raise Bug("DS415", f"load {number} was begun, and the journal of a live run holds it already")

    def _told_deleted(self) -> dict[str, int]:
        """The events of each source of whose deletion the ledger knows; the tables' own logs know of all."""
        told: Counter[str] = Counter()
        for detail in self.ledger.read(verb="retain")["detail"]:
            told.update(json.loads(detail)["rows"])
        return told

    def _loaded(self) -> pl.DataFrame:
        return self._loads.read()

    def _place(self, name: str) -> Place:
        kind, rest = name.split("/", 1)
        return self.root / kind / folder_name(rest)

    def _events_table(self, source: str) -> Delta:
        return Delta.open(self._place(f"events/{source}"), f"events/{source}")

    def _whole(self, source: str, loads: pl.DataFrame) -> tuple[Delta, list[DataFile]]:
        """A source's table and its visible files, which hold all that was loaded.

        Somebody may have committed more loads since `loads` were read, and merged them with these: then more is visible.
        """
        while True:
            table = self._events_table(source)
            files = visible(table.files(), tokens_of(loads))
            try:
                check_whole(table, files, int(loads.filter(pl.col("source") == source)["loaded"].sum()))
            except NotReady:
                newer = self._loaded()
                if last_of(newer) == last_of(loads):
                    raise
                loads = newer
            else:
                return table, files

    def _pending(
        self, name: str, schema: Mapping[str, pl.DataType], loads: pl.DataFrame, count: int | None = None
    ) -> pl.LazyFrame:
        """The visible rows of a table of the quarantine, which must be `count`."""
        table = Delta.open(self._place(name), name)
        files = visible(table.files(), tokens_of(loads))
        if count is not None:
            check_whole(table, files, count)
        return scan_loaded(table.place, files, schema, None, f"table '{name}'")

    def _others(self, kinds: Iterable[str] = KINDS) -> list[tuple[Place, str]]:
        """The tables that only this machine's folder can tell, beside those of events and quarantine."""
        found = [(self.root / "loads", "loads"), (self.root / "ledger", "ledger")]
        for kind in kinds:
            folder = (self.root / kind).path
            if folder is not None and folder.is_dir():
                found += [(self.root / kind / entry.name, f"{kind}/{entry.name}") for entry in sorted(folder.iterdir())]
        return found

    def _everything(self) -> Iterator[Delta]:
        for source in self.sources:
            yield self._events_table(source)
        for name in (quarantine.ROWS, quarantine.SETTLED):
            yield Delta.open(self._place(name), name)
        for place, name in self._others():
            yield Delta.open(place, name)

    def _no_events(self, source: str) -> NotReady:
        near = nearest(source, self.sources)
        return NotReady(
            "DS410",
            f"the lake holds no events of source '{source}'",
            facts=(f"sources with events: {shorten(self.sources)}",),
            hint=f"did you mean '{near}'" if near else "dayshift run",
        )

    def _refuse_open_load(self) -> None:
        if self._load is not None and self._load.open:
            raise Bug("DS412", f"load {self._load.number} is open: commit or close it first")

    def _take(self) -> None:
        if self._lock is None:
            warnings.warn(NO_LOCK.format(self.root.uri), RuntimeWarning, stacklevel=3)
        else:
            self._lock.take()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
