"""Which events count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.semantics.windows import bounds, counts, known

times = st.integers(-(10**15), 10**15)
lengths = st.integers(1, 10**13)


@given(t=times, w=lengths, d=st.integers(0, 10**13))
def test_the_edges_are_exact_to_the_microsecond(t: int, w: int, d: int) -> None:
    """Closed on the left t-d-w counts and t-d does not; closed on the right it is the other way round."""
    assert [counts(t - d - w + step, t, w, d) for step in (-1, 0)] == [False, True]
    assert [counts(t - d + step, t, w, d) for step in (-1, 0)] == [True, False]
    assert [counts(t - d - w + step, t, w, d, "right") for step in (0, 1)] == [False, True]
    assert [counts(t - d + step, t, w, d, "right") for step in (0, 1)] == [True, False]


@given(t=times, w=lengths, d=st.integers(0, 10**13), e=times, closed=st.sampled_from(["left", "right"]))
def test_bounds_and_counts_say_the_same(t: int, w: int, d: int, e: int, closed: str) -> None:
    """An event counts exactly when it lies in `[low, high)`, and the window is as wide as it says."""
    low, high = bounds(t, w, d, closed)
    assert low is not None
    assert high - low == w
    assert counts(e, t, w, d, closed) == (low <= e < high)


@given(t=times, d=st.integers(0, 10**13), e=times)
def test_the_whole_past_has_no_lower_edge(t: int, d: int, e: int) -> None:
    """Without a width only the upper edge decides."""
    assert counts(e, t, None, d) == (e < t - d)


@given(t=times, w=lengths, e=times)
def test_two_windows_side_by_side_share_no_event(t: int, w: int, e: int) -> None:
    """Windows of one width asked one width apart are a partition of time: nothing twice, nothing lost."""
    assert counts(e, t, 2 * w, 0) == counts(e, t, w, 0) + counts(e, t - w, w, 0)


def test_a_closed_side_must_be_left_or_right() -> None:
    """No third word is taken for one of the two."""
    with pytest.raises(KeyError):
        counts(0, 0, 1, 0, "both")


def test_an_event_is_known_to_what_stands_after_it() -> None:
    """Not to itself, and not to what stands before."""
    assert [known(5, place) for place in (4, 5, 6)] == [False, False, True]
