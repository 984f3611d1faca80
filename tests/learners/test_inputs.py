"""How a features frame reaches an estimator."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from dayshift.diagnostics import DefinitionError, Refused
from dayshift.learners.inputs import FRAME, MATRIX, column_types, to_input, what_it_reads

AT = dt.datetime(2026, 1, 1, 0, 0, 1, tzinfo=dt.UTC)
FRAME_OF_ALL = pl.DataFrame(
    {
        "whole": [1, None],
        "real": [0.5, float("nan")],
        "flag": [True, None],
        "at": [AT, None],
        "day": [AT.date(), None],
        "length": [dt.timedelta(seconds=1), None],
        "nothing": pl.Series([None, None], dtype=pl.Null),
    }
)


def test_everything_but_text_becomes_a_number_and_null_becomes_nan() -> None:
    """Booleans are 0 and 1, times microseconds, dates days since 1970 UTC; an all-null column is NaN."""
    columns = FRAME_OF_ALL.columns
    matrix = to_input(FRAME_OF_ALL, columns, column_types(FRAME_OF_ALL, columns), MATRIX)
    assert matrix.dtype == np.float64
    assert matrix[0, :6].tolist() == [1.0, 0.5, 1.0, AT.timestamp() * 1e6, 20454.0, 1e6]
    assert np.isnan(matrix[0, 6])
    assert np.isnan(matrix[1]).all()


def test_the_columns_keep_the_order_that_was_asked_for() -> None:
    """A frame with its columns in another order gives the same matrix."""
    shuffled = FRAME_OF_ALL.select(reversed(FRAME_OF_ALL.columns))
    types = ["number"] * 2
    first = to_input(FRAME_OF_ALL, ["whole", "real"], types, MATRIX)
    assert np.array_equal(first, to_input(shuffled, ["whole", "real"], types, MATRIX), equal_nan=True)


NUMBERS = {
    pl.Float64: st.floats(),
    pl.Float32: st.floats(width=32),
    pl.Int64: st.integers(-(2**63), 2**63 - 1),
    pl.UInt8: st.integers(0, 255),
    pl.Boolean: st.booleans(),
    pl.Date: st.dates(),
    pl.Datetime("ms", "UTC"): st.datetimes(timezones=st.just(dt.UTC)),
}


@given(st.data())
def test_a_matrix_and_a_frame_hold_the_same_numbers(data: st.DataObject) -> None:
    """Of every type, to the bit, with and without nulls, in one piece or several."""
    kinds = data.draw(st.lists(st.sampled_from(list(NUMBERS)), min_size=1, max_size=4))
    schema = {f"c{number}": kind for number, kind in enumerate(kinds)}
    rows = st.lists(st.tuples(*(st.none() | NUMBERS[kind] for kind in kinds)), max_size=6)
    parts = [pl.DataFrame(data.draw(rows), schema=schema, orient="row") for _ in range(2)]
    frame, types = pl.concat(parts, rechunk=False), ["number"] * len(kinds)
    matrix, table = (to_input(frame, list(schema), types, reads) for reads in (MATRIX, FRAME))
    assert (matrix.dtype, matrix.flags.f_contiguous) == (np.float64, True)
    assert matrix.shape == table.shape
    assert np.array_equal(matrix, table.to_numpy(), equal_nan=True)
    assert (np.signbit(matrix) == np.signbit(table.to_numpy()))[~np.isnan(matrix)].all()


def test_text_and_transformers_by_name_ask_for_a_frame() -> None:
    """A matrix is the rule; text or a ColumnTransformer, however deep, make it a frame."""
    deep = make_pipeline(make_column_transformer((StandardScaler(), ["a"])), LogisticRegression())
    assert what_it_reads(LogisticRegression(), ["number"]) == MATRIX
    assert what_it_reads(LogisticRegression(), ["number", "text"]) == FRAME
    assert what_it_reads(deep, ["number"]) == FRAME


def test_text_stays_text_and_null_stays_null() -> None:
    """Nothing is encoded behind the user's back."""
    frame = pl.DataFrame({"s": ["x", None], "n": [1, None]})
    given = to_input(frame, ["s", "n"], ["text", "number"], FRAME)
    assert given.schema == {"s": pl.String, "n": pl.Float64}
    assert given["s"].to_list() == ["x", None]
    assert given["n"].is_nan().to_list() == [False, True]


def test_a_column_that_is_absent_is_named() -> None:
    """DS609 says which."""
    with pytest.raises(Refused, match=r"DS609.*'b'"):
        to_input(pl.DataFrame({"a": [1]}), ["a", "b"], ["number"] * 2, MATRIX)


def test_a_column_that_changed_its_type_is_refused() -> None:
    """A number in training that is text in scoring is never cast silently."""
    with pytest.raises(Refused, match=r"DS609.*'a' is text"):
        to_input(pl.DataFrame({"a": ["1"]}), ["a"], ["number"], MATRIX)


def test_what_no_model_reads_is_refused() -> None:
    """Lists and structs have no number."""
    with pytest.raises(DefinitionError, match="DS606"):
        column_types(pl.DataFrame({"a": [[1, 2]]}), ["a"])


def test_a_ready_pipeline_over_text_fits_with_encoding_of_the_users_choice() -> None:
    """The frame works with scikit-learn's own encoders."""
    frame = pl.DataFrame({"s": ["x", "y", None, "x"], "n": [1.0, 2, 3, 4]})
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["s"]), remainder="passthrough"), LogisticRegression()
    )
    given = to_input(frame, ["s", "n"], ["text", "number"], what_it_reads(model, ["text", "number"]))
    assert model.fit(given, [0, 1, 0, 1]).predict_proba(given).shape == (4, 2)
