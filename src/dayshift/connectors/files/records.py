"""Where the records of a CSV text begin and end, and which of them are torn.

Polars reads well-formed CSV fast, but it fills a short line with nulls in silence, fails the whole text for one long
line, and lets one stray quote swallow what follows. Rows in must equal rows out, so each block is first tried whole:
Polars' result stands when the separators and line ends outside quotes add up to exactly the rows it gave. Where they do
not, the block is classified record by record here, and Polars is given the good records alone.

The grammar is RFC 4180's, with LF or CRLF: a field is `"..."` with doubled quotes inside, or has no quote at all. A
record that breaks it is given up as one physical line, and reading goes on with the next line: a forgotten quote costs
one row, never the rest of the file. Blank lines are no records.
"""

import re
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

LONGEST_RECORD = 1 << 20
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
_CACHEFUL = 1 << 16


@dataclass
class Split:
    """Records of a text: `good` spans (start, end), line ends not included; `torn` (number among all records, reason,
    span); how many records there are, and how many bytes they take."""

    good: list[tuple[int, int]] = field(default_factory=list)
    torn: list[tuple[int, str, tuple[int, int]]] = field(default_factory=list)
    count: int = 0
    consumed: int = 0

    def keep(self, start: int, end: int) -> None:
        """One more good record."""
        self.good.append((start, end))
        self.count += 1

    def reject(self, reason: str, start: int, end: int) -> None:
        """One more torn record."""
        self.torn.append((self.count, reason, (start, end)))
        self.count += 1


def last_record_end(data: bytes) -> int:
    """Just after the last line end that is not inside quotes; 0 when there is none."""
    end = data.rfind(b"\n")
    if b'"' not in data:
        return end + 1
    inside = bool(data.count(b'"', end + 1) % 2) != bool(data.count(b'"') % 2)
    while end >= 0 and inside:
        before = data.rfind(b"\n", 0, end)
        inside ^= bool(data.count(b'"', before + 1, end) % 2)
        end = before
    return end + 1


def has_blank_line(data: bytes) -> bool:
    """Whether a line holds nothing."""
    return data.startswith((b"\n", b"\r\n")) or b"\n\n" in data or b"\n\r\n" in data


def adds_up(data: bytes, separator: bytes, width: int, height: int) -> bool:
    """Whether the text is exactly `height` whole records of `width` fields, by counting what is outside quotes."""
    if width == 1 and has_blank_line(data):  # with more columns a blank line lacks separators
        return False
    open_end = 0 if data.endswith(b"\n") else 1
    buffer = np.frombuffer(data, np.uint8)
    if b'"' not in data:
        found = _count(buffer, separator[0]), _count(buffer, _NEWLINE) + open_end
        return found == (height * (width - 1), height)
    quotes = np.flatnonzero(buffer == _QUOTE)
    if len(quotes) % 2 or not _quotes_stand_well(buffer, quotes, separator[0]):
        return False
    separators = _outside(np.flatnonzero(buffer == separator[0]), quotes)
    newlines = _outside(np.flatnonzero(buffer == _NEWLINE), quotes)
    return bool(separators == height * (width - 1)) and bool(newlines + open_end == height)


def _count(buffer: NDArray[np.uint8], byte: int) -> int:
    """How often a byte stands there, a cacheful at a time."""
    return sum(int(np.count_nonzero(buffer[at : at + _CACHEFUL] == byte)) for at in range(0, len(buffer), _CACHEFUL))


def _outside(positions: NDArray[np.int64], quotes: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.searchsorted(quotes, positions) % 2 == 0))


def _quotes_stand_well(buffer: NDArray[np.uint8], quotes: NDArray[np.int64], separator: int) -> bool:
    opening, closing = quotes[0::2], quotes[1::2]
    before = np.where(opening > 0, buffer[opening - 1], _NEWLINE)
    after = np.where(closing + 1 < len(buffer), buffer[np.minimum(closing + 1, len(buffer) - 1)], _NEWLINE)
    doubled = np.zeros(len(opening), bool)
    doubled[1:] = closing[:-1] == opening[1:] - 1
    followed = np.zeros(len(closing), bool)
    followed[:-1] = doubled[1:]
    begins = (before == separator) | (before == _NEWLINE) | doubled
    ends = (after == separator) | (after == _NEWLINE) | (after == _RETURN) | followed
    return bool(begins.all() and ends.all())


def classify(data: bytes, separator: bytes, width: int, *, last: bool) -> Split:
    r"""All complete records of the text, each good or torn; with `last` the end of the text ends a record too.

    >>> split = classify(b"1,2\n3\n4,5\n", b",", 2, last=True)
    >>> len(split.good), [(number, reason) for number, reason, _ in split.torn]
    (2, [(1, '1 fields, and the header has 2')])
    """
    split = Split()
    record = _record(separator, width)
    position = 0
    while position < len(data):
        line_end = data.find(b"\n", position)
        if line_end < 0:
            if not last:
                break
            line_end = len(data)
        found = record.match(data, position)
        if data[position:line_end] in (b"", b"\r"):
            position = line_end + 1
        elif found is not None and (last or found.end() < len(data)):
            _keep_if_text(data, found.span(1), split)
            position = found.end() + 1
        elif not last and len(data) - position <= LONGEST_RECORD and _unfinished(data, position, separator):
            break
        else:
            split.reject(_why(data[position:line_end], separator, width), position, line_end)
            position = line_end + 1
    split.consumed = min(position, len(data))
    return split


def _keep_if_text(data: bytes, span: tuple[int, int], split: Split) -> None:
    start, end = span
    end -= data[end - 1] == _RETURN
    try:
        data[start:end].decode()
    except UnicodeDecodeError as error:
        split.reject(f"byte 0x{data[start + error.start]:02x} is not UTF-8", start, end)
    else:
        split.keep(start, end)


@cache
def _fields(separator: bytes) -> tuple[bytes, bytes]:
    """The patterns of a quoted field, and of one without quotes."""
    return rb'"(?:[^"]|"")*+"', rb'[^"\n' + re.escape(separator) + rb"]*+"


@cache
def _record(separator: bytes, width: int) -> re.Pattern[bytes]:
    one = rb"(?:" + rb"|".join(_fields(separator)) + rb")"
    more = rb"(?:" + re.escape(separator) + one + rb"){" + str(width - 1).encode() + rb"}"
    return re.compile(rb"(" + one + more + rb")\r?(?=\n|\Z)")


def _unfinished(data: bytes, position: int, separator: bytes) -> bool:
    """Whether the record that begins here may go on in bytes that were not read yet: its quote is open at the end."""
    quoted, plain = (re.compile(pattern) for pattern in _fields(separator))
    while True:
        is_quoted = data[position : position + 1] == b'"'
        found = (quoted if is_quoted else plain).match(data, position)
        if found is None or found.end() == len(data):
            return True
        if data[found.end() : found.end() + 1] != separator:
            return False
        position = found.end() + 1


def _why(line: bytes, separator: bytes, width: int) -> str:
    if len(line) > LONGEST_RECORD:
        return f"the line is longer than {LONGEST_RECORD:,} bytes"
    if b'"' in line:
        return "a quote is never closed, or stands inside a field that is not quoted"
    fields = line.count(separator) + 1
    return f"{fields} fields, and the header has {width}"


__all__ = ["LONGEST_RECORD", "Split", "adds_up", "classify", "has_blank_line", "last_record_end"]
