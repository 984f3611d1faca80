"""The replay against loops that share nothing with it: which rows train, which judge, what every cell and every lesson is."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import roc_auc_score

from dayshift.adviser.interval import WEEK_US
from dayshift.adviser.replay import Replay, ReplayOptions, Track
from dayshift.adviser.weeks import weeks_of
from dayshift.lifecycle.metrics import DAY_US
from tests.adviser.fake_history import MIDNIGHT, TRACK, FakeHistory

HOUR_US = DAY_US // 24
WINDOW_US = 28 * DAY_US


def daily_auc(history: FakeHistory, start: int, score: np.ndarray) -> float:
    """The mean of a week's daily AUC."""
    days = [(history.as_of >= start + day * DAY_US) & (history.as_of < start + (day + 1) * DAY_US) for day in range(7)]
    return float(np.mean([roc_auc_score(history.label[one], score[one]) for one in days]))


def known(history: FakeHistory, origin: int, window_us: int | None) -> np.ndarray:
    """Labels ripe at the origin, of the window before the newest of them."""
    ripe = history.as_of + history.label_delay_us <= origin
    return ripe if window_us is None else ripe & (history.as_of > history.as_of[ripe].max() - window_us)


@pytest.mark.parametrize("window_us", [WINDOW_US, None])
def test_every_cell_is_a_fit_and_a_metric_of_ones_own(window_us: int | None) -> None:
    """Week by week and age by age, on a window and on all history: the same AUC to the last digits."""
    history: Any = FakeHistory(LogisticRegression(), days=100, a_day=60, above=0.0)
    weeks = weeks_of(history)
    with Replay(history, weeks, options=ReplayOptions(workers=0)) as replay:
        (grid,) = replay.run([Track(MIDNIGHT, window_us=window_us)], 14)
    values = history.values.astype(float)
    for origin, start in enumerate(weeks.starts.tolist()):
        chosen = known(history, start, window_us)
        model = LogisticRegression().fit(values[chosen], history.label[chosen].astype(int))
        score = model.predict_proba(values)[:, 1]
        for age in range(min(14, weeks.count - origin)):
            mine = daily_auc(history, start + age * WEEK_US, score)
            assert grid.value[0, origin + age, age] == pytest.approx(mine, abs=1e-9)


def test_step_by_step_is_a_loop_over_hours() -> None:
    """Each hour's questions are answered before the labels that became known in it are taught."""
    learner = SGDClassifier(loss="log_loss", alpha=1e-3, shuffle=False, random_state=0)
    history: Any = FakeHistory(learner, days=90, a_day=60, above=0.0)
    weeks = weeks_of(history)
    with Replay(history, weeks, options=ReplayOptions(workers=0)) as replay:
        grid = replay.incremental(TRACK)
        model = replay.fitted(TRACK, 0).estimator
    assert grid is not None
    values, ripe = history.values.astype(float), history.ripe_at()
    for week, start in enumerate(weeks.starts.tolist()):
        score = np.full(len(values), np.nan)
        for hour in range(start, start + WEEK_US, HOUR_US):
            asked = (history.as_of >= hour) & (history.as_of < hour + HOUR_US)
            if asked.any():
                score[asked] = model.predict_proba(values[asked])[:, 1]
            taught = (ripe > hour) & (ripe <= hour + HOUR_US)
            if taught.any():
                model.partial_fit(values[taught], history.label[taught].astype(int))
        assert grid.value[0, week, 0] == pytest.approx(daily_auc(history, start, score), abs=1e-9)
