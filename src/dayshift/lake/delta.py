"""One Delta table, opened at one version: what it holds, and a commit that this very version must still allow.

Delta's log is the truth: a file counts when a commit added it and none removed it. A commit is one new file of the
log, created only if absent, so it happens wholly or not at all. Ours carry an app transaction (who, which number):
two that started from the same version with the same `who` cannot both succeed, and what was asked of the handle
(`number`) is what its commit is checked against. Never reload a handle between asking and writing.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.diagnostics import UsageError
from dayshift.lake.faults import conflict, damaged, first_line, guarding
from dayshift.lake.files import DataFile, sync
from dayshift.lake.place import Place
from dayshift.lake.schema import from_delta, to_delta

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

_COMMITTED = re.compile(r"\d{20}\.json|\d{20}\.checkpoint.*\.parquet|_last_checkpoint")
CONFIGURATION = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.checkpointInterval": "10",  # a table is opened a dozen times a night: 2 ms each, not 10 ms for 60 commits
}


@dataclass(frozen=True)
class Commit:
    """What one commit does: files added and removed, and the app transactions (who: number) that it carries.

    `data_change` False says that the same rows lie in other files (compaction). `note` is kept in the log.
    """

    adds: Sequence[DataFile] = ()
    removes: Sequence[DataFile] = ()
    apps: Mapping[str, int] | None = None
    data_change: bool = True
    note: Mapping[str, str] | None = None


class Delta:
    """A table at a place; `handle` is None while it does not exist."""

    def __init__(self, place: Place, name: str, handle: DeltaTable | None) -> None:
        self.place = place
        self.name = name
        self.handle = handle

    @classmethod
    def open(cls, place: Place, name: str, version: int | dt.datetime | None = None) -> Delta:
        """The table as it is now, or as it was at a version or a time.

        Raises:
            NotReady: DS403, its log cannot be read.
            UsageError: DS408, it has no such version.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        what = f"the log of table '{name}'"
        if place.path is not None and not (place.path / "_delta_log").is_dir():
            return cls(place, name, None)
        with guarding(f"reading table '{name}'", what):
            try:
                handle = DeltaTable(place.uri, storage_options=place.storage_options)
            except TableNotFoundError as error:
                if place.path is not None and _has_commits(place.path / "_delta_log"):
                    raise damaged(what, first_line(error)) from error
                return cls(place, name, None)
            if version is not None:
                _travel(handle, name, version)
        return cls(place, name, handle)

    def reopen(self) -> Delta:
        """The same table as it is now."""
        return Delta.open(self.place, self.name)

    @property
    def exists(self) -> bool:
        """Whether there is such a table."""
        return self.handle is not None

    @property
    def version(self) -> int:
        """The version of the log that this handle sees; -1 before the first commit."""
        return -1 if self.handle is None else self.handle.version()

    def number(self, app: str) -> int | None:
        """The number of the app's last transaction, or None."""
        return None if self.handle is None else self.handle.transaction_version(app)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The types of the columns; empty before the first commit."""
        return {} if self.handle is None else from_delta(self.handle.schema())

    def files(self) -> list[DataFile]:
        """The files that count, in the order of writing."""
        if self.handle is None:
            return []
        with guarding(f"reading table '{self.name}'", f"the log of table '{self.name}'"):
            frame = pl.DataFrame(self.handle.get_add_actions(flatten=True))
        columns = [
            frame[name].to_list() if name in frame.columns else [None] * frame.height
            for name in ("path", "size_bytes", "num_records", "min._load", "max._load")
        ]
        rows = zip(*columns, strict=True)
        found = [
            DataFile(path, size, -1 if rows_ is None else rows_, low, high) for path, size, rows_, low, high in rows
        ]
        return sorted(found, key=lambda file: file.key)

    def commit(self, schema: Mapping[str, pl.DataType], change: Commit) -> None:
        """One commit on top of this handle's version; afterwards the handle is used up: `reopen`.

        New columns of `schema` are announced first, in a commit of their own that changes no row.

        Raises:
            NotReady: DS402, another writer committed something that this one must have seen; DS404; DS405.
        """
        from deltalake import CommitProperties, Transaction

        apps = [Transaction(app, number) for app, number in (change.apps or {}).items()]
        properties = CommitProperties(
            app_transactions=apps,
            custom_metadata=dict(change.note or {}),
            # a table that somebody else began meanwhile must stop us; the library would begin it a second time
            max_commit_retries=None if self.exists else 0,
        )
        with guarding(f"committing to table '{self.name}'", f"table '{self.name}'"):
            if self.handle is None:
                self._create(schema, change, properties)
            else:
                self._widen(schema, change.apps or {})
                self.handle.create_write_transaction(
                    [*_removes(change), *_adds(self.place, change)],
                    "append",
                    to_delta({**self.schema, **schema}),
                    commit_properties=properties,
                )
        if self.place.path is not None:
            _sync_log(self.place)

    def _create(self, schema: Mapping[str, pl.DataType], change: Commit, properties: Any) -> None:
        from deltalake.exceptions import DeltaError
        from deltalake.transaction import create_table_with_add_actions

        if self.place.path is not None:
            self.place.path.mkdir(parents=True, exist_ok=True)
        try:
            create_table_with_add_actions(
                self.place.uri,
                to_delta(schema),
                _adds(self.place, change),
                configuration=CONFIGURATION,
                storage_options=self.place.storage_options,
                commit_properties=properties,
            )
        except DeltaError as error:
            if "already exists" in str(error):
                raise conflict(f"table '{self.name}'", "both began it") from error
            raise

    def _widen(self, schema: Mapping[str, pl.DataType], apps: Mapping[str, int]) -> None:
        assert self.handle is not None
        stored = self.schema
        fresh = {name: dtype for name, dtype in schema.items() if name not in stored}
        if not fresh:
            return
        before = {app: self.number(app) for app in apps}
        self.handle.alter.add_columns(list(to_delta(fresh).fields))
        if {app: self.number(app) for app in apps} != before:
            raise conflict(f"table '{self.name}'", "it did the same work in between")


def _has_commits(log: Path) -> bool:
    """Whether a log folder holds more than what a commit that was killed left half written."""
    return any(_COMMITTED.fullmatch(entry.name) for entry in log.iterdir())


def _travel(handle: DeltaTable, name: str, version: int | dt.datetime) -> None:
    from deltalake.exceptions import DeltaError

    latest = handle.version()
    try:
        if isinstance(version, int) and not 0 <= version <= latest:
            raise DeltaError(f"the versions are 0 to {latest}")
        if isinstance(version, dt.datetime):
            _check_not_before(handle, version)
        handle.load_as_version(version)
    except DeltaError as error:
        raise UsageError(
            "DS408",
            f"table '{name}' cannot be read as of {version}",
            facts=(first_line(error), f"its last version is {latest}"),
            hint="dayshift explain DS408",
        ) from error


def _check_not_before(handle: DeltaTable, at: dt.datetime) -> None:
    """The library answers a time before the first version with the first version; there was nothing then."""
    from deltalake.exceptions import DeltaError

    stamps = [entry["timestamp"] for entry in handle.history() if "timestamp" in entry]
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    if stamps and at.timestamp() * 1000 < min(stamps):
        raise DeltaError("the table is younger than that")


def _adds(place: Place, change: Commit) -> list[AddAction]:
    from deltalake.transaction import AddAction

    return [
        AddAction(file.name, file.size, {}, _modified_ms(place, file), change.data_change, file.stats or "{}")
        for file in change.adds
    ]


def _removes(change: Commit) -> list[RemoveAction]:
    from deltalake.transaction import RemoveAction

    now_ms = _storage_clock_ms()
    return [RemoveAction(file.name, change.data_change, now_ms, file.size, {}) for file in change.removes]


def _modified_ms(place: Place, file: DataFile) -> int:
    if place.path is None:
        return _storage_clock_ms()
    return (place.path / file.name).stat().st_mtime_ns // 1_000_000


def _storage_clock_ms() -> int:
    """A tombstone's age is told by the storage's own clock, which `vacuum` compares; no answer depends on it."""
    return time.time_ns() // 1_000_000  # noqa: TID251


def _sync_log(place: Place) -> None:
    """The commit survives a power cut: its file, its checkpoint, then the lists of names, are on the disk."""
    assert place.path is not None
    log = place.path / "_delta_log"
    names = [entry.name for entry in log.iterdir()]
    newest = max((name for name in names if name.endswith(".json")), default="-")[:20]
    checkpoint = any(name.startswith(f"{newest}.checkpoint") for name in names)
    for name in names:
        if name.startswith(newest) or (checkpoint and name == "_last_checkpoint"):
            sync(str(log / name))
    sync(str(log))
    sync(str(place.path))
