"""Who may train at an origin, and who judges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from dayshift.adviser.asked import Asked
from dayshift.adviser.weeks import Weeks, weeks_of
from dayshift.lifecycle.metrics import DAY_US
from tests.adviser.fake_history import FIRST, FakeHistory


def asked(history: FakeHistory) -> Asked:
    """The questions of a history with its weeks."""
    return Asked(history, weeks_of(history))  # type: ignore[arg-type]


def brute(history: FakeHistory, delay: int | None, window: int | None, origin: int) -> list[int]:
    """The same rule said once more, row by row."""
    ripe = history.ripe_at(delay)
    known = [n for n, at in enumerate(history.as_of) if at < origin and ripe[n] <= origin and history.label[n] >= 0]
    newest = max((history.as_of[n] for n in known), default=0)
    return [n for n in known if window is None or history.as_of[n] > newest - window]


@given(
    st.integers(0, 40 * 24), st.sampled_from([None, 0, DAY_US, 3 * DAY_US]), st.sampled_from([None, DAY_US, 9 * DAY_US])
)
def test_training_knows_what_was_known(hour: int, delay: int | None, window: int | None) -> None:
    """At any origin, for any label delay and window: the rows of the rule, also where the log is not in order of time."""
    history = FakeHistory(LogisticRegression(), days=30, a_day=5)
    shuffled = np.random.default_rng(hour).permutation(len(history.as_of))
    history.as_of, history.label = history.as_of[shuffled], history.label[shuffled]
    history.label[::7] = np.nan
    origin = FIRST + hour * DAY_US // 24
    weeks = Weeks(FIRST, 4, 0, 7 * DAY_US)
    found = Asked(history, weeks).known(delay, window, origin)  # type: ignore[arg-type]
    assert found.tolist() == brute(history, delay, window, origin)


def test_who_judges_has_a_label_and_lies_in_a_week() -> None:
    """All rows of the evaluation weeks without a limit; with one, weights stand for the rest."""
    history = FakeHistory(LogisticRegression(), a_day=100, above=1.5)
    history.label[history.as_of > FIRST + 100 * DAY_US] = np.nan
    one = asked(history)
    full, drawn = one.sample(None), one.sample(20)
    inside = (history.as_of >= one.weeks.t0) & (history.as_of < one.weeks.end) & ~np.isnan(history.label)
    assert full.rows.tolist() == np.flatnonzero(inside).tolist()
    assert full.weight is None
    assert drawn.weight is not None
    assert set(drawn.rows) < set(full.rows)
    assert drawn.weight.sum() == pytest.approx(len(full.rows))


def test_a_frequent_rarer_class_needs_fewer_of_the_commoner_one() -> None:
    """Above a tenth the rows of a day are shared by both classes."""
    rare, frequent = (asked(FakeHistory(LogisticRegression(), above=above)) for above in (2.2, 0.0))
    assert (rare.others_a_day(1_000), frequent.others_a_day(1_000)) == (1_000, 500)
