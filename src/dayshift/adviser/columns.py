"""Features as arrays that several processes read from one set of files.

Polars reads an Arrow file into memory of its own in every process (measured: 1.75 million rows of 15 features cost
137 MB each time). Arrays saved one a column are mapped instead: their pages are shared and given back when memory is short.
What a model reads is unchanged: nulls in numbers become NaN, as they do at its door, and text stays text.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

_LIST = "columns.json"


@dataclass(frozen=True)
class Columns:
    """Named arrays of `height` numbers each; text stands in `words` and its array holds places there, -1 for null."""

    height: int
    arrays: Mapping[str, NDArray[Any]]
    words: Mapping[str, pl.Series] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """In the model's order."""
        return tuple(self.arrays)

    def take(self, rows: NDArray[np.int64]) -> pl.DataFrame:
        """These rows, as a frame."""
        taken = {name: array[rows] for name, array in self.arrays.items()}
        if not taken:
            return pl.DataFrame(height=len(rows))
        return pl.DataFrame([self._series(name, array) for name, array in taken.items()])

    def frame(self) -> pl.DataFrame:
        """All rows."""
        return self.take(np.arange(self.height))

    def content(self, rows: NDArray[np.int64]) -> list[bytes]:
        """What stands in these rows, as bytes to be hashed."""
        found = []
        for name, array in self.arrays.items():
            taken = array[rows]
            found.append(f"{name}:{taken.dtype}".encode())
            found.append(taken.tobytes() if name not in self.words else _spelled(self._series(name, taken)))
        return found

    def save(self, folder: Path) -> None:
        """Write it to an empty folder, one file a column."""
        folder.mkdir(parents=True)
        for number, array in enumerate(self.arrays.values()):
            np.save(folder / f"{number}.npy", array)
        words = {name: series.to_list() for name, series in self.words.items()}
        (folder / _LIST).write_text(json.dumps([self.height, list(self.arrays), words]), encoding="utf-8")

    def _series(self, name: str, array: NDArray[Any]) -> pl.Series:
        if name not in self.words:
            return pl.Series(name, array)
        places = pl.Series(name, array)
        return self.words[name].gather(places.set(places < 0, None)).alias(name)


def columns_of(frame: pl.DataFrame) -> Columns:
    """A features frame as arrays.

    >>> columns = columns_of(pl.DataFrame({"a": [1, None], "b": ["x", None]}))
    >>> columns.take(np.array([1, 0])).rows()
    [(nan, None), (1.0, 'x')]
    """
    arrays: dict[str, NDArray[Any]] = {}
    words: dict[str, pl.Series] = {}
    for series in frame:
        if series.dtype in (pl.String, pl.Categorical, pl.Enum):
            text = series.cast(pl.String)
            words[series.name] = text.drop_nulls().unique(maintain_order=True).rename("word")
            places = pl.DataFrame({"word": words[series.name]}).with_row_index("place")
            found = text.to_frame("word").join(places, on="word", how="left", maintain_order="left")["place"]
            arrays[series.name] = found.cast(pl.Int32).fill_null(-1).to_numpy()
        else:
            arrays[series.name] = _plain(series)
    return Columns(frame.height, arrays, words)


def load(folder: Path) -> Columns:
    """What `save` wrote, mapped into memory.

    Raises:
        FileNotFoundError: nothing was saved there.
    """
    height, names, words = json.loads((folder / _LIST).read_text(encoding="utf-8"))
    arrays = {name: np.load(folder / f"{number}.npy", mmap_mode="r") for number, name in enumerate(names)}
    return Columns(height, arrays, {name: pl.Series("word", texts, pl.String) for name, texts in words.items()})


def _plain(series: pl.Series) -> NDArray[Any]:
    """Numbers as the model's door would make them (`learners/inputs.py`), no wider than they came."""
    if isinstance(series.dtype, pl.Datetime):
        series = series.dt.epoch("us")
    elif series.dtype.is_temporal():
        series = series.to_physical()
    elif series.dtype == pl.Boolean:
        series = series.cast(pl.UInt8)
    elif series.dtype == pl.Null or series.dtype.is_decimal():
        series = series.cast(pl.Float64)
    if not series.null_count():
        return series.to_numpy()
    kind = pl.Float32 if series.dtype in (pl.Float32, pl.UInt8, pl.Int8, pl.Int16, pl.UInt16) else pl.Float64
    return series.cast(kind).fill_null(float("nan")).to_numpy()


def _spelled(series: pl.Series) -> bytes:
    return "\0".join("\1" if word is None else word for word in series.to_list()).encode()
