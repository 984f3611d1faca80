"""What a killed load left behind, cleared before the next one begins. Only called while the lock is held.

Nothing here decides what a reader sees: leftovers are invisible before they are cleared (load.py says why).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import polars as pl

from dayshift.lake import quarantine
from dayshift.lake.delta import Commit, Delta
from dayshift.lake.faults import damaged, guarding
from dayshift.lake.files import PENDING, DataFile
from dayshift.lake.loads import last_of, sources_of, tokens_of
from dayshift.lake.place import Place, folder_name


def pending_tables(root: Place, sources: set[str]) -> Iterator[tuple[Place, str]]:
    """The tables whose rows become visible by loads: events of each source, and the quarantine."""
    events = root / "events"
    folders = {folder_name(source) for source in sources}
    if events.path is not None and events.path.is_dir():
        folders = {entry.name for entry in events.path.iterdir() if entry.is_dir()}
    for folder in sorted(folders):
        yield events / folder, f"events/{folder}"
    for name in (quarantine.ROWS, quarantine.SETTLED):
        first, last = name.split("/")
        yield root / first / last, name


def check_present(root: Place) -> None:
    """Table `loads` exists wherever a source's table does: else its loss would read as "no load was ever committed".

    Raises:
        NotReady: DS403.
    """
    events = root / "events"
    if events.path is None or not events.path.is_dir() or (root / "loads").path is None:
        return
    if any(events.path.iterdir()) and not Delta.open(root / "loads", "loads").exists:
        raise damaged("the lake", f"'{root / 'loads'}' is gone, the events in '{events}' are there")


def clear(root: Place, loads: pl.DataFrame) -> int:
    """Take the leftovers of killed loads out of every table; returns how many files they were.

    Raises:
        NotReady: DS403, a table holds a load that cannot have been.
    """
    tokens, sources, count = tokens_of(loads), sources_of(loads), 0
    known = {f"events/{folder_name(source)}" for source in sources} | {quarantine.ROWS, quarantine.SETTLED}
    for place, name in pending_tables(root, sources):
        if name not in known and place.path is not None:
            count += _drop(place)
        else:
            count += _clear_table(place, name, tokens, last_of(loads))
    return count


def _clear_table(place: Place, name: str, tokens: dict[int, str], last: int) -> int:
    table = Delta.open(place, name)
    files = table.files()
    left = [file for file in files if file.kind == PENDING and tokens.get(file.order) != file.token]
    for file in left:
        if file.order > last + 1:
            raise damaged(
                f"table '{name}'",
                f"it holds file '{file.name}' of load {file.order}",
                f"the last load in table 'loads' is {last}: one of the two is not what it was",
            )
    if left:
        table.commit(table.schema, Commit(removes=left, note={"dayshift.clear": str(last + 1)}))
    return len(left) + _clear_folder(place, {file.name for file in files}, tokens)


def _clear_folder(place: Place, logged: set[str], tokens: dict[int, str]) -> int:
    """Delete files of killed attempts that no log ever knew, and what was half written."""
    if place.path is None or not place.path.is_dir():
        return 0
    count = 0
    for path in place.path.glob(".part-*.parquet"):
        path.unlink(missing_ok=True)
    for path in place.path.glob("part-*.parquet"):
        file = DataFile(path.name, 0, 0)
        if file.kind == PENDING and path.name not in logged and tokens.get(file.order) != file.token:
            path.unlink(missing_ok=True)
            count += 1
    return count


def _drop(place: Place) -> int:
    """A source that no load was ever committed for: its whole folder is a leftover."""
    assert place.path is not None
    count = sum(1 for _ in place.path.glob("part-*.parquet"))
    with guarding(f"clearing '{place}'", f"'{place}'"):
        shutil.rmtree(place.path)
    return count
