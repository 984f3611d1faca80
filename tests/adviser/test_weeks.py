"""The clock of the replay."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from dayshift.adviser.interval import WEEK_US
from dayshift.adviser.weeks import weeks_of
from dayshift.lifecycle.metrics import DAY_US
from tests.adviser.fake_history import FIRST, FakeHistory


def test_the_lead_in_is_window_label_delay_and_one_training_window_in_whole_weeks() -> None:
    """7 days of window, 28 of training and 3 of delay are 38 days: five weeks."""
    weeks = weeks_of(FakeHistory(LogisticRegression()))
    assert (weeks.lead_in_us, weeks.t0, weeks.window_us) == (5 * WEEK_US, FIRST + 5 * WEEK_US, 4 * WEEK_US)
    assert weeks.count == (120 - 35) // 7


def test_only_weeks_with_ripe_labels_count() -> None:
    """A log that ends before the last labels loses their weeks."""
    history = FakeHistory(LogisticRegression())
    history.known_until_us -= 8 * DAY_US
    assert weeks_of(history).count == (120 - 8 - 35) // 7


def test_a_log_that_grows_keeps_its_weeks() -> None:
    """The same origins, and new ones behind them."""
    before, after = (weeks_of(FakeHistory(LogisticRegression(), days=days)) for days in (120, 127))
    assert after.starts[: before.count].tolist() == before.starts.tolist()
    assert after.count == before.count + 1


def test_a_short_history_says_when_to_come_back() -> None:
    """With fewer than six weeks there is a reason and a date."""
    weeks = weeks_of(FakeHistory(LogisticRegression(), days=60))
    assert weeks.count < 6
    back = np.datetime64(weeks.t0 + 6 * WEEK_US + 3 * DAY_US, "us").astype("datetime64[D]")
    assert f"come back on {back}" in weeks.reasons[0]


def test_few_positives_lengthen_the_training_window_to_a_quarter_at_most() -> None:
    """0.6 positives a day ask for 168 days; a quarter of 400 days is 14 weeks."""
    weeks = weeks_of(FakeHistory(LogisticRegression(), days=400, above=3.1))
    assert weeks.window_us == 14 * WEEK_US
    assert "too few labels" in weeks.notes[0]


def test_windows_without_bound_are_told() -> None:
    """The lead-in then holds a training window in their place."""
    weeks = weeks_of(FakeHistory(LogisticRegression(), longest=None), 4 * WEEK_US)
    assert "without bound" in weeks.notes[0]
    assert weeks.lead_in_us == 8 * WEEK_US


def test_each_time_lies_in_its_week() -> None:
    """Outside is -1."""
    weeks = weeks_of(FakeHistory(LogisticRegression()))
    times = np.array([weeks.t0 - 1, weeks.t0, weeks.end - 1, weeks.end])
    assert weeks.of(times).tolist() == [-1, 0, weeks.count - 1, -1]
