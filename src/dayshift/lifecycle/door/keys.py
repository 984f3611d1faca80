"""A 64-bit hash of an event's key that never changes: not between processes, machines, versions of libraries.

Polars', DuckDB's and Python's own hashes promise none of that, and the hash is stored. This one is made of the
splitmix64 finaliser (Steele, Lea, Flood 2014), in NumPy, a column at a time:

- an integer, boolean, date (days) or time (µs): mix(value);   a float: mix(its IEEE bits, -0.0 as 0.0)
- text: h = length in bytes; for each 8 bytes of its UTF-8, little-endian, the last padded with zeros: h = mix(h ^ word)
- null: a constant; several columns: h = mix(31 * h + hash of the column), from h = number of columns.

Text of 2 words costs about 30 ns a value. Texts of more than 256 bytes take their digest, the first 8 bytes of
blake2b(digest_size=8), instead: a loop over words would wait for the longest. A hash only finds candidates: that two
keys are equal is always verified on the keys themselves.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
LONGEST = 256
_NULL = np.uint64(0x9E3779B97F4A7C15)
_A, _B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _P = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(31)


def mix(values: U64) -> U64:
    """The finaliser of splitmix64, on each value.

    >>> hex(int(mix(np.array([1], np.uint64))[0]))
    '0x5692161d100b05e5'
    """
    mixed = values >> _S30
    mixed ^= values
    mixed *= _A
    mixed ^= mixed >> _S27
    mixed *= _B
    mixed ^= mixed >> _S31
    return mixed


def key_hash(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """The hash of each row's key, as the lake's `_key_hash` keeps it (int64).

    >>> key_hash(pl.DataFrame({"id": ["a", "b", "a"], "n": [1, 1, 1]}), ["id", "n"]).n_unique()
    2
    """
    if len(columns) == 1:
        result = hash_column(frame[columns[0]])
    else:
        result = np.full(frame.height, len(columns), np.uint64)
        for name in columns:
            result = mix(result * _P + hash_column(frame[name]))
    return pl.Series("_key_hash", result.view(np.int64))


def hash_column(values: pl.Series) -> U64:
    """The hash of each value of a column in one of the canonical types."""
    missing = values.null_count()
    if values.dtype == pl.String:
        result = _hash_text(values.fill_null("") if missing else values)
    elif values.dtype == pl.Float64:
        result = mix(((values.fill_null(0.0) if missing else values).to_numpy() + 0.0).view(np.uint64))
    else:
        whole = values if values.dtype == pl.Int64 else values.to_physical().cast(pl.Int64)
        result = mix((whole.fill_null(0) if missing else whole).to_numpy().view(np.uint64))
    return np.where(values.is_null().to_numpy(), _NULL, result) if missing else result


def _hash_text(values: pl.Series) -> U64:
    lengths = values.str.len_bytes().to_numpy().astype(np.int64)
    if not len(lengths):
        return np.zeros(0, np.uint64)
    joined = str(values.str.join("").item()).encode() + bytes(8)
    starts = np.cumsum(lengths) - lengths
    words: U64 = np.ndarray((len(joined) - 7,), np.dtype("<u8"), joined, 0, (1,))
    result = lengths.astype(np.uint64)
    for offset in range(0, min(int(lengths.max()), LONGEST), 8):
        left = lengths - offset
        if left.min() >= 8:
            result = mix(result ^ words[starts + offset])
            continue
        some = np.flatnonzero(left > 0)
        word = words[starts[some] + offset]
        spare = np.maximum(8 - left[some], 0).astype(np.uint64) * np.uint64(8)
        result[some] = mix(result[some] ^ (word & (np.uint64(2**64 - 1) >> spare)))
    for row in np.flatnonzero(lengths > LONGEST):
        digest = hashlib.blake2b(joined[starts[row] : starts[row] + lengths[row]], digest_size=8).digest()
        result[row] = int.from_bytes(digest, "little")
    return mix(result)
