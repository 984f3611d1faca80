"""Features as arrays that several processes read from one set of files."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.columns import columns_of, load
from dayshift.learners.inputs import to_input

FRAME = pl.DataFrame(
    {
        "whole": pl.Series([1, 2, None, 4], dtype=pl.Int32),
        "small": pl.Series([0.5, None, 1.5, 2.5], dtype=pl.Float32),
        "flag": [True, None, False, True],
        "word": ["b", None, "a", "b"],
        "at": [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (1, 2, 3, 4)],
        "empty": [None, None, None, None],
    }
)


def test_what_was_saved_is_mapped_and_the_same(tmp_path: Path) -> None:
    """Every kind of column, nulls and text included; the arrays are not copied into memory."""
    made = columns_of(FRAME)
    made.save(tmp_path / "one")
    mapped = load(tmp_path / "one")
    assert mapped.names == made.names == tuple(FRAME.columns)
    assert all(isinstance(array, np.memmap) for array in mapped.arrays.values())
    assert mapped.frame().equals(made.frame(), null_equal=True)
    assert mapped.take(np.array([3, 0]))["word"].to_list() == ["b", "b"]


def test_nulls_of_numbers_are_no_numbers_and_text_stays_text() -> None:
    """As a model's door makes them: NaN for null, 0 and 1 for false and true; numbers get no wider than they came."""
    found = columns_of(FRAME).frame()
    assert np.isnan(found["whole"][2])
    assert found["small"].dtype == pl.Float32
    assert found["flag"].to_list()[::2] == [1.0, 0.0]
    assert np.isnan(found["flag"][1])
    assert found["word"].to_list() == ["b", None, "a", "b"]
    assert found["at"].dtype == pl.Int64


def test_a_model_reads_the_same_numbers_as_from_the_frame() -> None:
    """What goes through arrays comes out of the learners' own door as what did not."""
    names, types = ["whole", "small", "flag", "at"], ["number"] * 4
    there = to_input(columns_of(FRAME).frame(), names, types, "matrix")
    np.testing.assert_array_equal(there, to_input(FRAME, names, types, "matrix"))


@given(st.lists(st.sampled_from(["", "a", "a\x00b", None]), min_size=1, max_size=6))
def test_other_content_has_other_bytes(words: list[str | None]) -> None:
    """What is hashed tells rows apart: a null from an empty text, an order from another."""
    rows = np.arange(len(words))
    one = columns_of(pl.DataFrame({"word": pl.Series(words, dtype=pl.String)}))
    other = [None if word == "" else "" if word is None else word for word in words]
    changed = columns_of(pl.DataFrame({"word": pl.Series(other, dtype=pl.String)}))
    assert one.content(rows) == one.content(rows.copy())
    assert (one.content(rows) == changed.content(rows)) == (words == other)


def test_a_folder_without_columns_is_told() -> None:
    """Nothing was saved there."""
    with pytest.raises(FileNotFoundError):
        load(Path("nowhere"))
