"""JSON objects read into the canonical types of a source's columns at once, where all of them are plain.

What comes in is text, and the contract turns text into values (`lifecycle/door/values.py`), column by column. Mostly every
object of a stream is plain: then one pass over the bytes (`kernel/json_objects.py`) gives the very values that the contract would
give. Where one object of many is not plain, all of them are read as text; so is a chunk in which the contract finds
anything to say of a row, as it shows values as they came (`as_text`).
"""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from dayshift.connectors.contract import Chunk
from dayshift.connectors.files.jsonl import read_objects
from dayshift.definition.feature import Sql
from dayshift.definition.settings import SourceSettings
from dayshift.definition.source import Source
from dayshift.kernel import json_objects as objects

_KINDS = {
    "int": objects.INT, "float": objects.FLOAT, "decimal": objects.DECIMAL, "bool": objects.BOOL, "str": objects.STR,
    "datetime": objects.DATETIME, "date": objects.DATE,
}  # fmt: skip
_MOST_DIGITS = 15


class PlainReader:
    """Reads objects of one source.

    Args:
        source: whose columns.
        settings: how its section of dayshift.toml reads them.

    >>> source = Source("payments", time="at", key="id", schema={"amount": float})
    >>> reader = PlainReader(source, SourceSettings(http=True))
    >>> reader([b'{"id": "a", "at": "2024-05-01T00:00:00Z", "amount": 1.5}'])["amount"].to_list()
    [1.5]
    >>> reader([b'{"id": "a", "at": "yesterday", "amount": 1.5}']) is None
    True
    """

    def __init__(self, source: Source, settings: SourceSettings) -> None:
        self._columns, self._settings = dict(source.columns), settings
        for name in source.derive:
            self._columns.pop(name, None)
        self._never = set(source.derive) | source.read_by_user
        self._skipped: dict[str, None] = {}
        self._names = self._named()

    @staticmethod
    def can(source: Source, settings: SourceSettings) -> bool:
        """Whether objects of this source may be plain at all: what the user's expressions read must be declared, by name, and so
        must be what stands beside an object unless it is ignored.
        """
        given = [one for one in (*source.derive.values(), source.where) if one is not None]
        known = set(source.columns) | set(source.derive)
        named = all(map(_by_name, given)) and source.read_by_user <= known
        beside = {settings.key_column, settings.timestamp_column, *settings.header_columns.values()} - {None}
        allowed = beside <= known or settings.on_new_column == "ignore"
        digits = max((column.digits or 0 for column in source.columns.values()), default=0)
        small = len(source.columns) < objects.MOST_FIELDS and digits <= _MOST_DIGITS
        return named and allowed and small and not settings.rename

    def __call__(self, texts: Sequence[bytes]) -> pl.DataFrame | None:
        """The values of as many objects, a row each, all columns of the source; None when one of them is not plain."""
        data = b"\n".join(texts)
        if not data.isascii() and not _is_text(data):
            return None
        count, width = len(texts), len(self._names.kinds)
        sizes = np.fromiter(map(len, texts), np.int64, count)
        ends = np.cumsum(sizes + 1) - 1
        out = objects.Out(
            np.empty((width, count), np.int64), np.empty((width, count), np.int64), np.zeros((width, count), np.uint8)
        )
        if objects.read(np.frombuffer(data, np.uint8), ends - sizes, ends, self._names, out) < count:
            return None
        return pl.DataFrame([self._series(field, name, data, out) for field, name in enumerate(self._columns)])

    def pass_over(self, names: Iterable[str]) -> None:
        """Says that these columns came; those that the section ignores need not be looked at any more."""
        if self._settings.on_new_column != "ignore":
            return
        new = [name for name in names if name and name not in self._columns and name not in self._skipped]
        room = objects.MOST_FIELDS - len(self._columns) - len(self._skipped)
        new = [name for name in new if name not in self._never][:room]
        if new:
            self._skipped.update(dict.fromkeys(new))
            self._names = self._named()

    def _named(self) -> objects.Names:
        texts = [name.encode() for name in (*self._columns, *self._skipped)]
        kinds = [_KINDS[column.type] for column in self._columns.values()] + [objects.SKIP] * len(self._skipped)
        digits = [column.digits or 0 for column in self._columns.values()] + [0] * len(self._skipped)
        ends = np.cumsum([len(text) for text in texts])
        return objects.Names(
            np.frombuffer(b"".join(texts), np.uint8), ends.astype(np.int64), np.array(kinds, np.int64),
            np.array(digits, np.int64), np.zeros(len(texts), np.int64), self._settings.timezone == "UTC",
        )  # fmt: skip

    def _series(self, field: int, name: str, data: bytes, out: objects.Out) -> pl.Series:
        kind, values, given = self._columns[name].type, out.values[field], out.given[field].view(np.bool_)
        whole = bool(given.all())
        if not whole and kind in ("str", "bool", "date"):
            values = np.where(given, values, 0)  # what stands there is nothing that was read
        if kind == "str":
            found = pl.Series(name, _texts(data, values, np.where(given, out.ends[field], 0)), dtype=pl.String)
        elif kind in ("float", "decimal"):
            found = pl.Series(name, values.view(np.float64))
        elif kind == "bool":
            found = pl.Series(name, values.astype(np.bool_))
        elif kind == "int":
            found = pl.Series(name, values)
        elif kind == "date":
            found = pl.Series(name, values.astype(np.int32)).cast(pl.Date)
        else:
            found = pl.Series(name, values).cast(pl.Datetime("us", "UTC"))
        return found if whole else found.to_frame().select(pl.when(pl.Series(given)).then(name).alias(name))[name]


def _texts(data: bytes, starts: np.ndarray, ends: np.ndarray) -> list[str]:
    places = zip(starts.tolist(), ends.tolist(), strict=True)
    if data.isascii():
        text = data.decode("ascii")
        return [text[start:end] for start, end in places]
    return [data[start:end].decode() for start, end in places]


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _by_name(given: Any) -> bool:
    """Whether an expression names each column that it reads: what takes "all of them" would see fewer here than in a text."""
    if isinstance(given, Sql):
        return False
    if not isinstance(given, pl.Expr):
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return '"Selector"' not in given.meta.serialize(format="json")
    except pl.exceptions.PolarsError:  # a function of Python's, which may read anything
        return False


def as_text(chunk: Chunk) -> Chunk:
    """The same records as they came: a chunk whose columns are text.

    >>> from dayshift.connectors.contract import Texts
    >>> texts = Texts([b'{"id": 7}'])
    >>> as_text(Chunk(pl.DataFrame({"id": [7]}), "t/0", pl.Series([0]), texts=texts)).frame["id"].to_list()
    ['7']
    """
    if chunk.texts is None:
        return chunk
    frame = read_objects(chunk.texts.objects).frame
    beside = chunk.frame.select(chunk.texts.beside).get_columns() if chunk.texts.beside else []
    if beside:
        frame = pl.DataFrame(beside) if frame.columns[:1] == [""] else frame.with_columns(beside)
    return Chunk(frame, chunk.origin, chunk.rows, chunk.rejects, chunk.bytes, chunk.sparse)


__all__ = ["PlainReader", "as_text"]
