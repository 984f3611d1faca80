"""JSON Lines as text: every value a string (a number as JSON writes it, an object or list as JSON), in bounded blocks.

The fast reader takes a block whole or not at all; where it does not, each line is read by itself, and the lines that
are no JSON object are told apart. Numbers are taken as IEEE doubles or 64-bit integers, as JSON's readers do.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import polars as pl

from dayshift.connectors.contract import REJECTS
from dayshift.connectors.files.csv import SHOWN_RAW, Block
from dayshift.connectors.files.one_object import one_object

_SAMPLE = 64 * 1024
_SMALLEST, _LARGEST = 256 * 1024, 256 << 20
LONGEST_LINE = 16 << 20
_FEW = 8  # so many texts are read one by one in the time that the fast reader needs to begin
_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F]"
_HALF = re.compile(rb"%b(?!%b)|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})%b" % (_HIGH, _LOW, _LOW))


def read_jsonl(file: IO[bytes], chunk_rows: int) -> Iterator[Block]:
    """The file's objects in blocks of about `chunk_rows`; a key that an object lacks is null. Blank lines do not count.

    A line of more than `LONGEST_LINE` bytes is given up without holding it, so that no input can take all the memory.
    """
    head = file.read(_SAMPLE).removeprefix(b"\xef\xbb\xbf")
    lines = head.count(b"\n")
    size = int(min(max((len(head) / lines if lines else 500) * chunk_rows, _SMALLEST), _LARGEST))
    rest, number, last = head, 0, False
    while not last:
        more = file.read(max(size - len(rest), _SMALLEST))
        last = not more
        rest += more
        cut = len(rest) if last else rest.rfind(b"\n") + 1
        if not cut and len(rest) > LONGEST_LINE:
            number += 1
            yield _too_long(rest, number)
            rest = _after_line(file)
            continue
        block, count = _block(rest[:cut], number)
        if count:
            yield block
        number += count
        rest = rest[cut:]


def _too_long(start: bytes, number: int) -> Block:
    raw = start[:SHOWN_RAW].decode(errors="backslashreplace")
    rejects = pl.DataFrame(
        [(number, f"the line is longer than {LONGEST_LINE:,} bytes", raw)], schema=REJECTS, orient="row"
    )
    return Block(pl.DataFrame(), pl.Series("row", [], dtype=pl.Int64), rejects)


def _after_line(file: IO[bytes]) -> bytes:
    """What was read behind the end of the line in which the file stands; empty at the file's end."""
    while more := file.read(_SMALLEST):
        if b"\n" in more:
            return more[more.index(b"\n") + 1 :]
    return b""


def _block(data: bytes, number: int) -> tuple[Block, int]:
    lines = [line for line in data.split(b"\n") if line.strip()]
    found = read_objects(lines)
    rejects = [
        (number + 1 + at, reason, lines[at][:SHOWN_RAW].decode(errors="backslashreplace"))
        for at, reason in found.faults
    ]
    torn = pl.DataFrame(rejects, schema=REJECTS, orient="row")
    return Block(found.frame, found.places + number + 1, torn), len(lines)


@dataclass(frozen=True)
class Objects:
    """JSON texts, read: a frame of text with a row for each object, the place of each among the texts, from 0, and the
    place and the reason of each text that is no object. `plain`: the frame holds values of the source's columns
    (`plain_json.py`), of every text one row."""

    frame: pl.DataFrame
    places: pl.Series
    faults: list[tuple[int, str]]
    plain: bool = False


def read_objects(texts: Sequence[bytes]) -> Objects:
    """Each text as one object; a key that an object lacks is null.

    >>> found = read_objects([b'{"id": 1}', b"torn", b'{"id": "b"}'])
    >>> found.frame["id"].to_list(), found.places.to_list(), [at for at, _ in found.faults]
    (['1', 'b'], [0, 2], [1])
    """
    frame = _fast(texts) if len(texts) > _FEW else None
    if frame is not None:
        return Objects(frame, pl.int_range(frame.height, eager=True).alias("row"), [])
    good: list[dict[str, Any]] = []
    places: list[int] = []
    faults: list[tuple[int, str]] = []
    for at, text in enumerate(texts):
        try:
            good.append(one_object(text))
            places.append(at)
        except ValueError as error:
            faults.append((at, str(error)))
    return Objects(text_frame(good), pl.Series("row", places, dtype=pl.Int64), faults)


def text_frame(rows: Sequence[Mapping[str, str | None]]) -> pl.DataFrame:
    """Rows of text by name as a frame of as many rows; what a row lacks is null.

    >>> text_frame([{"a": "1"}, {}]).rows(), text_frame([{}]).height
    ([('1',), (None,)], 1)
    """
    names = dict.fromkeys(name for row in rows for name in row)
    if not names and rows:
        return pl.DataFrame({"": [None] * len(rows)}, schema={"": pl.String})
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
    )


def _fast(lines: Sequence[bytes]) -> pl.DataFrame | None:
    if not lines or not all(line.lstrip().startswith(b"{") and b"\n" not in line for line in lines):
        return None
    data = b"\n".join(lines)
    if b"\\" in data and (b"[" in data or data.count(b"{") > len(lines) or _HALF.search(data)):
        return None  # within lists and objects Polars writes escapes as they are no JSON, and half a pair as a zero
    try:
        names = pl.read_ndjson(data, infer_schema_length=None).columns
        frame = pl.read_ndjson(data, schema=dict.fromkeys(names, pl.String))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    return frame if names and frame.height == len(lines) else None
