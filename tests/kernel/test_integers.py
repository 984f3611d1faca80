"""Integers to dense numbers: what a dictionary would say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.kernel.integers import FIRST, Integers

VALUES = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), max_size=30)


def numbered(known: dict[int, int], values: list[int]) -> list[int]:
    """The numbers that a dictionary gives, new ones among them."""
    return [known.setdefault(value, len(known)) for value in values]


@given(st.lists(VALUES, max_size=6), VALUES)
def test_numbers_are_those_of_a_dictionary(parts: list[list[int]], asked: list[int]) -> None:
    """Equal integers have equal numbers, in the order of first appearance, wherever the parts end."""
    table, known = Integers(), dict[int, int]()
    for values in parts:
        assert table.learn(np.array(values, np.int64)).tolist() == numbered(known, values)
        assert table.codes(np.array(asked, np.int64)).tolist() == [known.get(value, -1) for value in asked]
    assert (table.size, table.values.tolist()) == (len(known), list(known))


@pytest.mark.parametrize("step", [1, 2**32 + 1, 2**40, -(2**33)])
def test_a_table_grows_in_the_middle_of_a_part(step: int) -> None:
    """Whatever integers differ by, many times as many as there was room for at first keep their numbers."""
    values = np.arange(20 * 2**FIRST, dtype=np.int64) * step
    table = Integers()
    assert table.learn(values[:5]).tolist() == [0, 1, 2, 3, 4]
    assert (table.learn(values) == np.arange(values.size)).all()
    assert (table.codes(values[::-3]) == np.arange(values.size)[::-3]).all()
    assert (table.values == values).all()


def test_arrays_that_only_may_be_read_are_taken() -> None:
    """Such as those that a table lends."""
    values = np.arange(4)[::2].copy()
    values.flags.writeable = False
    assert Integers().learn(values).tolist() == [0, 1]
