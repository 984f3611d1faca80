"""CSV as text: every column a string, in blocks of bounded size."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import polars as pl

from dayshift.connectors.contract import REJECTS
from dayshift.connectors.files.records import LONGEST_RECORD, Split, adds_up, classify, last_record_end
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import Bug, NotReady

SHOWN_RAW = 2_000
_SAMPLE = 64 * 1024
_SMALLEST, _LARGEST = 256 * 1024, 256 << 20
_MAGIC = (b"\x1f\x8b", b"x\x01", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd")
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True)
class Block:
    """Consecutive records: those that have the header's columns, their numbers from 1, and the torn ones."""

    frame: pl.DataFrame
    rows: pl.Series
    rejects: pl.DataFrame


def behind(skip: int, blocks: Iterator[Block]) -> Iterator[Block]:
    """What comes behind the first `skip` records."""
    for block in blocks:
        if skip and (len(block.rows) or block.rejects.height):
            rows, torn = block.rows > skip, block.rejects["row"] > skip
            block = Block(block.frame.filter(rows), block.rows.filter(rows), block.rejects.filter(torn))
        if not skip or block.frame.height or block.rejects.height:
            yield block


@dataclass(frozen=True)
class Dialect:
    """How one file is written: its columns, separator, and the texts that mean null."""

    columns: tuple[str, ...]
    separator: str
    null_values: tuple[str, ...]

    def parse(self, data: bytes) -> pl.DataFrame:
        """The records of a well-formed text, all columns as text; an unquoted empty field is null."""
        disguised = data.startswith(_MAGIC)  # Polars would take the text for compressed bytes
        if disguised:
            data = b"".join((self.separator.join(f"c{n}" for n in range(len(self.columns))).encode(), b"\n", data))
        return pl.read_csv(
            io.BytesIO(data),
            has_header=False,
            skip_rows=int(disguised),
            schema=dict.fromkeys(self.columns, pl.String),
            separator=self.separator,
            null_values=list(self.null_values) or None,
            raise_if_empty=False,
        )


def read_csv(file: IO[bytes], name: str, settings: SourceSettings, chunk_rows: int) -> Iterator[Block]:
    """The file's records in blocks of about `chunk_rows`.

    Raises:
        NotReady: DS302, the file is not UTF-8 text; DS306, its header is unusable.
    """
    head = file.read(_SAMPLE)
    head, columns = _header(head, file, name, settings.separator)
    if not columns:
        return
    dialect = Dialect(columns, settings.separator, tuple(settings.null_values))
    size = _block_size(head, chunk_rows)
    rest, number, last = head, 0, False
    while not last:
        more = _read_fully(file, max(size - len(rest), _SMALLEST))
        last = not more
        rest += more
        if last and rest.endswith(b"\r"):
            rest = rest[:-1]
        block, used, count = _take(rest, dialect, number, last=last)
        if not used and len(rest) > LONGEST_RECORD + size:
            block, rest, last = _skip_line(rest, file, dialect, number)
            used, count = 0, 1
        if count:
            yield block
        number += count
        rest = rest[used:]


def _read_fully(file: IO[bytes], size: int) -> bytes:
    parts, missing = [], size
    while missing > 0:
        part = file.read(missing)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _block_size(head: bytes, chunk_rows: int) -> int:
    lines = head.count(b"\n")
    mean = len(head) / lines if lines else 200
    return int(min(max(mean * chunk_rows, _SMALLEST), _LARGEST))


def _header(head: bytes, file: IO[bytes], name: str, separator: str) -> tuple[bytes, tuple[str, ...]]:
    """What follows the header, and its columns; no columns when the file is empty."""
    if head[:2] in _BOMS:
        raise NotReady(
            "DS302", f"file '{name}' is {_BOMS[head[:2]]}, not UTF-8", hint=f"iconv -f UTF-16 -t UTF-8 {name}"
        )
    head = head.removeprefix(b"\xef\xbb\xbf")
    while (blank := head.split(b"\n", 1))[0] in (b"", b"\r") and len(blank) == 2:
        head = blank[1]
    while not (end := last_record_end_of_first(head)) and (more := file.read(_SAMPLE)):
        head += more
        if len(head) > 2 * LONGEST_RECORD:
            raise NotReady("DS306", f"the header of file '{name}' has no end", facts=("a header is one record of CSV",))
    line = head[: end or len(head)]
    try:
        fields = line.decode()
    except UnicodeDecodeError as error:
        raise NotReady("DS302", f"file '{name}' is not UTF-8", facts=(str(error),)) from error
    columns = _names(fields, separator) if fields.strip() else ()
    if len(set(columns)) < len(columns):
        twice = sorted({column for column in columns if columns.count(column) > 1})
        raise NotReady(
            "DS306",
            f"column '{twice[0]}' stands twice in the header of file '{name}'",
            facts=(f"columns: {fields.strip()}",),
        )
    return head[len(line) :], columns


def last_record_end_of_first(head: bytes) -> int:
    """Just after the first line end that is not inside quotes; 0 when there is none."""
    position = 0
    while (end := head.find(b"\n", position)) >= 0:
        if head.count(b'"', 0, end) % 2 == 0:
            return end + 1
        position = end + 1
    return 0


def _names(header: str, separator: str) -> tuple[str, ...]:
    import csv

    fields = next(csv.reader(io.StringIO(header), delimiter=separator), [])
    return tuple(field.strip() or f"column_{number}" for number, field in enumerate(fields, 1))


def _take(data: bytes, dialect: Dialect, number: int, *, last: bool) -> tuple[Block, int, int]:
    """The complete records at the beginning: the block, the bytes used, and how many records."""
    cut = len(data) if last else last_record_end(data)
    whole = data if cut == len(data) else data[:cut]
    if whole:
        try:
            frame = dialect.parse(whole)
        except pl.exceptions.PolarsError:
            frame = None
        if frame is not None and adds_up(whole, dialect.separator.encode(), len(dialect.columns), frame.height):
            rows = pl.int_range(number + 1, number + 1 + frame.height, eager=True)
            return Block(frame, rows, pl.DataFrame(schema=REJECTS)), cut, frame.height
    split = classify(data, dialect.separator.encode(), len(dialect.columns), last=last)
    return _good_and_torn(data, split, dialect, number), split.consumed, split.count


def _good_and_torn(data: bytes, split: Split, dialect: Dialect, number: int) -> Block:
    torn = {index for index, _, _ in split.torn}
    rows = pl.Series("row", [number + 1 + i for i in range(split.count) if i not in torn], dtype=pl.Int64)
    frame = dialect.parse(b"\n".join(data[start:end] for start, end in split.good) + (b"\n" if split.good else b""))
    if frame.height != len(split.good):
        raise Bug(
            "DS309", f"{len(split.good):,} records of CSV became {frame.height:,} rows", facts=("nothing was loaded",)
        )
    rejects = [
        (
            number + 1 + index,
            reason,
            data[start : min(end, start + SHOWN_RAW)].rstrip(b"\r").decode(errors="backslashreplace"),
        )
        for index, reason, (start, end) in split.torn
    ]
    return Block(frame, rows, pl.DataFrame(rejects, schema=REJECTS, orient="row"))


def _skip_line(data: bytes, file: IO[bytes], dialect: Dialect, number: int) -> tuple[Block, bytes, bool]:
    """Gives up a line that does not end within any bound; what follows it, and whether the file is at its end."""
    start, rest = data[:SHOWN_RAW], b""
    while more := file.read(_SAMPLE):
        if b"\n" in more:
            rest = more.split(b"\n", 1)[1]
            break
    reason = f"the line is longer than {LONGEST_RECORD:,} bytes"
    rejects = pl.DataFrame(
        [(number + 1, reason, start.decode(errors="backslashreplace"))], schema=REJECTS, orient="row"
    )
    frame = pl.DataFrame(schema=dict.fromkeys(dialect.columns, pl.String))
    return Block(frame, pl.Series("row", [], dtype=pl.Int64), rejects), rest, not more
