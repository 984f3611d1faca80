"""The log's order as dense positions: the same whether it is found, sorted or merged."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dayshift.definition import Source
from dayshift.engines.contract import LOAD, POSITION
from dayshift.engines.local.order import in_order, merge, order_columns, sort_log, stamps

taps = Source("taps", time="at", key=["shop", "id"])
rows = st.tuples(
    st.integers(1, 3), st.integers(0, 3), st.integers(0, 3), st.sampled_from(["a", "b", "ü"]), st.integers(0, 4)
)
places = st.lists(st.tuples(st.integers(1, 3), st.integers(-3, 3)), max_size=8)


@given(st.lists(rows, max_size=12, unique=True))
def test_events_are_ordered_by_load_position_time_and_key(found: list[tuple]) -> None:
    """As Python sorts tuples; text by code point."""
    columns = order_columns(taps)
    assert columns == [LOAD, POSITION, "at", "shop", "id"]
    frame = (
        pl.DataFrame(found, schema=[*columns], orient="row", strict=False) if found else pl.DataFrame(schema=columns)
    )
    assert sort_log(frame, taps).rows() == sorted(found)
    assert in_order(frame, columns) == (found == sorted(found)) or not found
    ordered = sort_log(frame, taps)
    assert sort_log(ordered, taps) is ordered


@given(st.lists(places, min_size=1, max_size=3), st.integers(0, 5), st.sampled_from([1, 2**40, 2**61]))
def test_sources_are_merged_by_place_then_by_source(parts: list[list[tuple[int, int]]], first: int, far: int) -> None:
    """Equal places keep the order of the parts; loads and positions too far apart to be packed are ranked."""
    parts = [sorted((load * far, position) for load, position in part) for part in parts]
    arrays = [
        (np.array([load for load, _ in part], np.int64), np.array([position for _, position in part], np.int64))
        for part in parts
    ]
    merged = merge(stamps(arrays), first)
    everything = sorted((place, number, row) for number, part in enumerate(parts) for row, place in enumerate(part))
    wanted = {(number, row): first + at for at, (_, number, row) in enumerate(everything)}
    assert [found.tolist() for found in merged] == [
        [wanted[number, row] for row in range(len(part))] for number, part in enumerate(parts)
    ]
