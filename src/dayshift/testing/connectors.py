"""The contract suite of connectors: what every reader must hold, whoever wrote it.

A test of your own connector gives a way to open it on rows of your choice, and calls `check_connector`:

    def test_my_connector(tmp_path):
        check_connector(lambda rows, chunk_rows: my_reader(store(rows), chunk_rows), batches)

The suite stores the first batch, reads, keeps the bookmark as a load would, stores the next, and so on; then it asks
again, starts over from the beginning, and abandons a reading in the middle. `check_tap`, of `dayshift.testing.taps`, is the suite
of live connectors.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from dayshift.connectors import Bookmark, Chunk, Origin, Reader
from dayshift.testing.taps import check_tap

Row = dict[str, Any]
Open = Callable[[Sequence[Row], int], Reader]
"""Stores rows besides those that were stored before, and opens a reader with that many rows a chunk."""


def check_connector(
    opening: Open, batches: Sequence[Sequence[Row]], *, chunk_rows: int = 3, again: bool = True, offsets: bool = False
) -> None:
    """Raises AssertionError, with what does not hold, for a reader that breaks the contract.

    Args:
        opening: stores rows and opens the reader on all that is stored.
        batches: rows to be stored one batch after another; values are text, columns the same in all.
        chunk_rows: what the reader is told; small, so that there are several chunks.
        again: whether rows at the bookmark's edge may be read again (a cursor's); a reader of files never does.
        offsets: whether the origins number their rows themselves, as a log does; else rows are numbered from 1.

    >>> from pathlib import Path; import csv, io, itertools, tempfile
    >>> from dayshift.connectors.files import FilesReader
    >>> from dayshift.definition.settings import SourceSettings
    >>> folder, number = Path(tempfile.mkdtemp()), itertools.count()
    >>> def opening(rows, chunk_rows):
    ...     if rows:
    ...         pl.DataFrame(rows).write_csv(folder / f"{next(number)}.csv")
    ...     return FilesReader("s", SourceSettings(files="*.csv"), chunk_rows, folder)
    >>> check_connector(opening, [[{"id": "1"}, {"id": "2"}], [{"id": "3"}]], again=False)
    """
    manifest: list[Origin] = []
    cursor: str | None = None
    read: Counter[str] = Counter()
    stored: Counter[str] = Counter()
    for number, batch in enumerate(batches):
        reader = opening(batch, chunk_rows)
        assert isinstance(reader, Reader), "the reader has plan, chunks and bookmark"
        stored += Counter(map(_text, batch))
        chunks, mark = _read(reader, manifest, cursor, offsets)
        read += _rows(chunks)
        assert not stored - read, f"after batch {number} rows are missing: {sorted(stored - read)[:3]}"
        assert again or read == stored, f"after batch {number} rows came twice: {sorted(read - stored)[:3]}"
        assert set(read) <= set(stored), (
            f"after batch {number} rows came that nobody stored: {sorted(set(read) - set(stored))[:3]}"
        )
        manifest, cursor = [*manifest, *mark.origins], mark.cursor if mark.cursor is not None else cursor
    quiet, mark = _read(opening([], chunk_rows), manifest, cursor, offsets)
    assert again or not quiet, "nothing new was stored, and rows came"
    assert mark.cursor is None or mark.cursor == cursor, "nothing new was stored, and the cursor moved"
    _check_restarts(opening([], chunk_rows), stored, offsets=offsets)


def _check_restarts(reader: Reader, stored: Counter[str], *, offsets: bool) -> None:
    first, mine = _read(reader, [], None, offsets)
    assert _rows(first) == stored, "a reading from the beginning brings every row once"
    second, other = _read(reader, [], None, offsets)
    assert [chunk.rows.to_list() for chunk in first] == [chunk.rows.to_list() for chunk in second], (
        "a second reading is the same"
    )
    assert mine == other, "a second reading ends at the same bookmark"
    abandoned = reader.chunks(reader.plan([], None))
    next(abandoned)
    close = getattr(abandoned, "close", None)
    if close is not None:
        close()
    assert _rows(_read(reader, [], None, offsets)[0]) == stored, "a reading after an abandoned one brings every row"


def _read(
    reader: Reader, manifest: Sequence[Origin], cursor: str | None, offsets: bool
) -> tuple[list[Chunk], Bookmark]:
    chunks = list(reader.chunks(reader.plan(manifest, cursor)))
    for chunk in chunks:
        assert isinstance(chunk.frame, pl.DataFrame), "a chunk's rows are a Polars frame"
        assert len(chunk.rows) == chunk.frame.height, "every row of a chunk has its number"
        assert chunk.rows.is_sorted(), "the rows of a chunk are in the order of their numbers"
        assert chunk.rejects.columns == ["row", "reason", "raw"], "rejected records have row, reason and raw"
    numbers: dict[str, list[int]] = {}
    for chunk in chunks:
        numbers.setdefault(chunk.origin, []).extend([*chunk.rows, *chunk.rejects["row"]])
    for origin, found in numbers.items():
        if offsets:
            assert len(set(found)) == len(found), f"the rows of {origin} have a number each"
            continue
        assert sorted(found) == list(range(1, len(found) + 1)), (
            f"the rows of {origin} are numbered from 1 without a gap"
        )
    mark = reader.bookmark()
    told = {origin.path: origin.rows for origin in mark.origins}
    assert all(told.get(origin) == len(found) for origin, found in numbers.items()), (
        "the bookmark tells each origin's rows"
    )
    return chunks, mark


def _rows(chunks: Sequence[Chunk]) -> Counter[str]:
    return Counter(_text(row) for chunk in chunks for row in chunk.frame.to_dicts())


def _text(row: Row) -> str:
    return repr(sorted((name, None if value is None else str(value)) for name, value in row.items()))


__all__ = ["Open", "check_connector", "check_tap"]
