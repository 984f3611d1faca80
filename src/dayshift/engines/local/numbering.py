"""Dense numbers for keys and words: what the kernel calls entities and codes.

Two kinds, one meaning (equal values, equal numbers; -1 for null or unknown):

- `Span`: integers that lie close together are their own numbers, less the smallest. No hashing; for one stretch.
- `Dictionary`: any columns, also several at once, numbered in the order of first appearance by Polars' hash join. It
  grows and can be saved, so that numbers in a stream's state keep their meaning.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dayshift.engines.local.index import Hashes, Index, IntegerIndex, index_of
from dayshift.kernel.arrays import Int64

_NUMBER = "#"
SPARSE = 4
"""A span may hold this many numbers for each row."""
FEW = 8
"""An indexed dictionary gathers from its table when so many times the rows are as many as it knows."""
CHUNKS = 16
"""In so many pieces a dictionary's table may lie."""


@dataclass(frozen=True)
class Span:
    """The integers `low` to `low + size - 1`.

    >>> Span(10, 3).codes(pl.DataFrame({"k": [10, 12, 13, None]})).tolist()
    [0, 2, -1, -1]
    """

    low: int
    size: int

    @staticmethod
    def of(frame: pl.DataFrame) -> Span | None:
        """The span of a single integer column, or None when it has none that is small enough."""
        if frame.width != 1 or not frame.dtypes[0].is_integer() or frame.is_empty():
            return None
        column = frame.to_series()
        return Span._from(column.min(), column.max(), frame.height)

    @staticmethod
    def _from(low: object, high: object, rows: int) -> Span | None:
        if not isinstance(low, int) or not isinstance(high, int) or high - low >= SPARSE * rows + 65_536:
            return None
        return Span(low, high - low + 1)

    def around(self, frame: pl.DataFrame, past: Int64) -> Span | None:
        """The span of a column and of numbers given before, or None when it would be too large."""
        known = past[past >= 0]
        values = frame.to_series().drop_nulls()
        lows = [int(known.min()) + self.low] if known.size else []
        highs = [int(known.max()) + self.low] if known.size else []
        if len(values):
            lows.append(int(values.min()))  # type: ignore[arg-type]
            highs.append(int(values.max()))  # type: ignore[arg-type]
        return Span._from(min(lows), max(highs), frame.height + len(past)) if lows else self

    def codes(self, frame: pl.DataFrame) -> Int64:
        """The number of each row's value."""
        column = frame.to_series().cast(pl.Int64)
        if column.null_count():
            return self._codes(column.fill_null(0).to_numpy(), column.is_not_null().to_numpy())
        return self._codes(column.to_numpy(), None)

    def _codes(self, values: Int64, valid: np.ndarray | None) -> Int64:
        inside = True if valid is None else valid
        if values.size and (values.min() < self.low or values.max() >= self.low + self.size):
            inside = inside & (values >= self.low) & (values < self.low + self.size)
        found = values - self.low
        return found if inside is True else np.where(inside, found, -1)


class Dictionary:
    """Tuples of values and their numbers, in the order of first appearance.

    Once `index` was called, an index beside the table (`index.py`) finds the numbers of a few rows without reading what is
    known; new tuples then wait to enter the table until it is asked for.

    >>> words = Dictionary(pl.Schema({"word": pl.String}))
    >>> words.learn(pl.DataFrame({"any": ["b", None, "a", "b"]}))
    >>> words.codes(pl.DataFrame({"word": ["a", "b", "c", None]})).tolist()
    [1, 0, -1, -1]
    >>> words.values(np.array([1, 1, 0])).to_list()
    ['a', 'a', 'b']
    """

    def __init__(self, schema: pl.Schema, known: pl.DataFrame | None = None) -> None:
        self._columns = [f"{i}" for i in range(len(schema))]
        self._known = (
            pl.DataFrame(schema=dict(zip(self._columns, schema.dtypes(), strict=True))) if known is None else known
        )
        self._hashes = Hashes()
        self._index: Index | IntegerIndex | None = None

    @property
    def size(self) -> int:
        """How many tuples are known."""
        return self._known.height if self._index is None else self._index.size

    def index(self) -> None:
        """Find numbers in a dictionary from now on."""
        if self._index is None:
            self._index = index_of(self._known)

    def number(self, frame: pl.DataFrame) -> Int64:
        """`learn`, then `codes`."""
        if self._index is not None:
            return self._index.learn(frame)
        self.learn(frame)
        return self.codes(frame)

    def learn(self, frame: pl.DataFrame) -> None:
        """Number what is new; a row with a null in it belongs to no entity and gets no number."""
        if self._index is not None:
            self._index.learn(frame)
            return
        found = self._named(frame).unique(maintain_order=True).drop_nulls()
        if self.size:
            found = found.join(self._known, on=self._columns, how="anti", maintain_order="left")
        if found.height:
            self._known = pl.concat([self._known, found]) if self.size else found

    def codes(self, frame: pl.DataFrame) -> Int64:
        """The number of each row, -1 where it is unknown or holds a null."""
        if self._index is not None:
            return self._index.codes(frame)
        numbered = self._known.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(_NUMBER))
        found = self._named(frame).join(numbered, on=self._columns, how="left", maintain_order="left")
        return found[_NUMBER].fill_null(-1).to_numpy()

    def values(self, codes: Int64 | pl.Series) -> pl.Series:
        """The value of each number, of a dictionary of one column; null for null."""
        if self._index is not None and len(codes) * FEW < self.size:
            return self._index.values(codes, self._known.dtypes[0])
        return self._table().to_series().gather(codes)

    def hashes(self) -> Int64:
        """For each number the first 8 bytes of BLAKE2b over the word, for sketches of distinct words."""
        if self._hashes.size < self.size:
            new = self._index.since(self._hashes.size) if self._index is not None else None
            self._hashes.extend(self._known.to_series()[self._hashes.size :] if new is None else new)
        return self._hashes.array

    def keep(self, used: Sequence[Int64]) -> list[Int64]:
        """Forget all but the tuples with these numbers; the numbers as they are then. Never of an indexed dictionary.

        >>> words = Dictionary(pl.Schema({"word": pl.String}))
        >>> words.learn(pl.DataFrame({"word": ["a", "b", "c"]}))
        >>> [codes.tolist() for codes in words.keep([np.array([2, -1]), np.array([1])])], words.values(np.array([1])).to_list()
        ([[1, -1], [0]], ['c'])
        """
        kept = np.zeros(self.size + 1, np.bool_)
        for codes in used:
            kept[codes] = True
        kept[-1] = False
        renumbered = np.where(kept, np.cumsum(kept) - 1, -1)
        self._hashes.keep(kept)
        self._known = self._known.filter(pl.Series(kept[:-1]))
        return [renumbered[codes] for codes in used]

    def frame(self, names: Sequence[str]) -> pl.DataFrame:
        """The tuples in order, under these names of columns."""
        return self._table().rename(dict(zip(self._columns, names, strict=True)))

    def frozen(self) -> Dictionary:
        """The tuples of now, whatever is learned later; nothing is copied."""
        return Dictionary(self._table().schema, self._known)

    def save(self) -> bytes:
        """The tuples in order, as an Arrow file."""
        buffer = io.BytesIO()
        self._table().write_ipc(buffer, compression="zstd")
        return buffer.getvalue()

    @staticmethod
    def restore(saved: bytes | memoryview) -> Dictionary:
        """A dictionary from what `save` gave."""
        known = pl.read_ipc(io.BytesIO(saved))
        return Dictionary(known.schema, known)

    def _table(self) -> pl.DataFrame:
        """All tuples. The frame itself is never changed: whoever holds it holds the tuples of then."""
        if self._index is not None and self._index.size > self._known.height:
            new = self._index.frame_since(self._known.height, self._known.schema)
            self._known = pl.concat([self._known, new], rechunk=self._known.n_chunks() > CHUNKS)
        return self._known

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        return pl.DataFrame([column.alias(name) for name, column in zip(self._columns, frame, strict=True)])


class Numberings:
    """All numberings of one pipeline: entities by source and key columns, words by source and column.

    `lasting` ones are dictionaries only, so that they can be saved; otherwise a fresh one is made for each stretch.
    `indexed` ones are fast for few rows at a time, however many are known.
    """

    def __init__(self, lasting: dict[tuple[str, ...], Dictionary] | None = None, *, indexed: bool = False) -> None:
        self._lasting = lasting is not None
        self._indexed = indexed
        self._all: dict[tuple[str, ...], Dictionary | Span] = dict(lasting or {})
        for dictionary in self.dictionaries.values() if indexed else ():
            dictionary.index()

    def learn(self, name: tuple[str, ...], frame: pl.DataFrame) -> Int64:
        """The numbers of rows that may be new; `name` is the source's name and its columns'."""
        span = None if self._lasting else Span.of(frame)
        if span is not None:
            self._all[name] = span
            return span.codes(frame)
        return self._by_words(name, frame)

    def _by_words(self, name: tuple[str, ...], frame: pl.DataFrame) -> Int64:
        return self.words(name, frame).number(frame)

    def extend(self, name: tuple[str, ...], frame: pl.DataFrame, past: Int64) -> Int64:
        """The numbers of rows that came before, as they were last given, and of rows that may be new."""
        known = self._all.get(name)
        if not past.size and isinstance(known, Span):
            del self._all[name]
        if not past.size:
            return self.learn(name, frame)
        if isinstance(known, Span):
            wider = known.around(frame, past)
            if wider is not None:
                self._all[name] = wider
                return np.concatenate([np.where(past < 0, -1, past + (known.low - wider.low)), wider.codes(frame)])
            found = pl.Series(np.where(past < 0, 0, past + known.low)).to_frame()
            found = found.select(pl.when(pl.Series(past >= 0)).then(pl.first()).cast(frame.dtypes[0]))
            del self._all[name]
            past = self._by_words(name, found)
        return np.concatenate([past, self._by_words(name, frame)])

    def compact(self, name: tuple[str, ...], used: Sequence[Int64]) -> list[Int64]:
        """Forget the words that none of these numbers means; the numbers as they are then."""
        known = self._all.get(name)
        if not isinstance(known, Dictionary) or known.size <= 2 * sum(len(codes) for codes in used):
            return list(used)
        return known.keep(used)

    def codes(self, name: tuple[str, ...], frame: pl.DataFrame) -> Int64:
        """The numbers of rows as known so far, -1 for others."""
        return self._all[name].codes(frame)

    def words(self, name: tuple[str, ...], frame: pl.DataFrame | None = None) -> Dictionary:
        """The dictionary of this name, a new one where there is none and `frame` gives its types."""
        found = self._all.get(name)
        if found is None and frame is not None:
            found = self._all[name] = Dictionary(frame.schema)
            if self._indexed:
                found.index()
        assert isinstance(found, Dictionary)
        return found

    @property
    def dictionaries(self) -> dict[tuple[str, ...], Dictionary]:
        """Those that can be saved."""
        return {name: found for name, found in self._all.items() if isinstance(found, Dictionary)}


def stack(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The columns of a key; a constant one for the key of no columns, whose only entity is everything."""
    if not columns:
        return pl.DataFrame({_NUMBER: np.zeros(frame.height, np.int64)})
    if len(columns) == 1:
        return frame.get_column(columns[0]).to_frame()
    return pl.DataFrame([frame.get_column(name) for name in columns])
