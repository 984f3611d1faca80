"""Alarm rules, and how often each cries wolf on this very history.

Every rule makes one number a day out of a day's window and its past, and alarms when the number passes its limit. The
limits of the usual defaults are fixed: PSI 0.1 and 0.2 (Siddiqi 2006), a Wasserstein distance of 0.1 standard deviations,
p values of 5 % after Benjamini and Hochberg (1995). They do not know how much ordinary days differ. The others take their
limit from the history: the pipeline's own last 30 windows (`lifecycle/monitor.py`), or the scores of calm days.

A limit from calm days is the conformal one: with n calm scores, a new exchangeable score passes the k-th smallest with
chance (n + 1 - k) / (n + 1), whatever its distribution, so k is chosen to spend half of the alarm budget; the other half
is left for days that are not quite exchangeable. Whether it is kept is counted on calm days that took no part.

Accuracy is watched by a one-sided CUSUM (Page 1954) whose limit makes a false alarm at most every `arl0` days on average:
the greater of Siegmund's approximation (1985) and of what a bootstrap of the calm days themselves asks for.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_EMPTY = 1e-4
REFERENCE_K = 0.5
ARL0_DAYS = 365


def psi(reference: Floats, window: Floats) -> Floats:
    """The population stability index of counts over the last axis; an empty bin counts as a share of 0.0001.

    >>> psi(np.array([50.0, 50]), np.array([80.0, 20])).round(3)
    np.float64(0.416)
    """
    then, now = _shares(reference), _shares(window)
    then, now = np.maximum(then, _EMPTY), np.maximum(now, _EMPTY)
    return np.asarray(np.sum((now - then) * np.log(now / then), axis=-1))


def ks_p(reference: Floats, window: Floats) -> Floats:
    """The p value of the two-sample Kolmogorov-Smirnov test of counts on one grid (last axis), asymptotic.

    On a grid the distance can only be smaller than the exact one, so the p value is never too small.
    """
    from scipy.special import kolmogorov

    apart = np.abs(np.cumsum(_shares(reference), -1) - np.cumsum(_shares(window), -1)).max(-1)
    n, m = reference.sum(-1), window.sum(-1)
    size = np.sqrt(n * m / np.maximum(n + m, 1))
    return np.asarray(np.where((n > 0) & (m > 0), kolmogorov(apart * size), 1.0))


def chi2_p(reference: Floats, window: Floats) -> Floats:
    """The p value of the chi-square test that two rows of counts (last axis) come from the same distribution."""
    from scipy.special import chdtrc

    n, m = reference.sum(-1, keepdims=True), window.sum(-1, keepdims=True)
    both = reference + window
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = both * m / (n + m)
        other = both * n / (n + m)
        terms = (window - expected) ** 2 / expected + (reference - other) ** 2 / other
    statistic = np.nansum(terms, -1)
    freedom = np.maximum((both > 0).sum(-1) - 1, 1)
    fine = (n[..., 0] > 0) & (m[..., 0] > 0)
    return np.asarray(np.where(fine, chdtrc(freedom, statistic), 1.0))


def wasserstein(reference: Floats, window: Floats, grid: Floats) -> Floats:
    """The Wasserstein distance of counts on a grid (last axis), in standard deviations of the reference."""
    then, now = _shares(reference), _shares(window)
    gaps = np.abs(np.cumsum(then - now, -1))[..., :-1] @ np.diff(grid)
    mean = then @ grid
    spread = np.sqrt(np.maximum(then @ grid**2 - mean**2, 0))
    return np.asarray(np.where(spread > 0, gaps / np.where(spread > 0, spread, 1), np.where(gaps > 0, np.inf, 0.0)))


def least_adjusted(p_values: Floats) -> Floats:
    """The smallest p value of each row after Benjamini and Hochberg: any of the row is rejected at 5 % iff it is <= 0.05.

    >>> least_adjusted(np.array([[0.03, 0.04, 0.9]])).round(3)
    array([0.06])
    """
    ranked = np.sort(p_values, -1)
    count = ranked.shape[-1]
    return np.asarray(np.min(ranked * count / np.arange(1, count + 1), -1))


def conformal_limit(calm: Floats, chance: float) -> float:
    """The score that a new calm day passes with at most this chance; the greatest seen when there are too few days."""
    scores = np.sort(calm[np.isfinite(calm)])
    if not len(scores):
        return math.inf
    place = math.ceil((1 - chance) * (len(scores) + 1))
    return float(scores[min(place, len(scores)) - 1])


def rate_interval(alarms: int, windows: int, per: float = 30.0) -> tuple[float, float, float]:
    """Alarms in `per` windows with the exact 95 % interval of Clopper and Pearson (1934).

    >>> [round(x, 2) for x in rate_interval(0, 55)]
    [0.0, 0.0, 1.95]
    """
    from scipy.stats import beta

    if not windows:
        return math.nan, 0.0, per
    low = float(beta.ppf(0.025, alarms, windows - alarms + 1)) if alarms else 0.0
    high = float(beta.ppf(0.975, alarms + 1, windows - alarms)) if alarms < windows else 1.0
    return per * alarms / windows, per * low, per * high


def cusum(z: Floats, start: float = 0.0, k: float = REFERENCE_K) -> Floats:
    """The one-sided CUSUM of losses: z in calm standard deviations, positive when worse; NaN days change nothing.

    >>> cusum(np.array([0.0, 2.5, np.nan, 1.5]))
    array([0., 2., 2., 3.])
    """
    sums, now = np.empty(len(z)), start
    for day, value in enumerate(z):
        sums[day] = now = cusum_step(now, value, k)
    return sums


def cusum_step(now: float, value: float, k: float = REFERENCE_K) -> float:
    """The sum after one more day."""
    return now if math.isnan(value) else max(0.0, now + value - k)


def siegmund_limit(arl0: float = ARL0_DAYS, k: float = REFERENCE_K) -> float:
    """The limit of a one-sided CUSUM of independent normal days that alarms falsely every `arl0` days on average.

    >>> round(siegmund_limit(), 2)
    4.07
    """
    from scipy.optimize import brentq

    def excess(b: float) -> float:
        return (math.exp(2 * k * b) - 2 * k * b - 1) / (2 * k * k) - arl0

    return float(brentq(excess, 1e-6, 40)) - 1.166


def cusum_limit(calm: Floats, arl0: int = ARL0_DAYS, k: float = REFERENCE_K, *, seed: int = 0) -> float:
    """The limit that these calm days (standardised, in order) ask for, never below Siegmund's.

    Weeks of the calm days are drawn with replacement to paths of `arl0` days, each judged by the mean and deviation of
    as many other drawn days as there are calm ones: what a CUSUM takes for usual is itself uncertain (Gandy and Kvaløy
    2013). Run lengths of a CUSUM are nearly exponential, so a mean of `arl0` days means that 63 % of paths pass the limit.
    """
    days = calm[np.isfinite(calm)]
    least = siegmund_limit(arl0, k)
    if len(days) < 21:
        return least
    draw = np.random.default_rng(seed)
    weeks, known = math.ceil(arl0 / 7), math.ceil(len(days) / 7)
    starts = draw.integers(0, len(days) - 6, (300, weeks + known))
    paths = days[(starts[:, :, None] + np.arange(7)).reshape(300, -1)]
    learnt, paths = paths[:, : 7 * known], paths[:, 7 * known :]
    paths = (paths - learnt.mean(1, keepdims=True)) / np.maximum(learnt.std(1, ddof=1, keepdims=True), 1e-9)
    now, top = np.zeros(300), np.zeros(300)
    for step in range(paths.shape[1]):
        now = np.maximum(0.0, now + paths[:, step] - k)
        top = np.maximum(top, now)
    return max(least, float(np.quantile(top, math.exp(-1))))


def alarms_of(score: Floats, limit: float) -> Bools:
    """Where a score passes its limit; what has no score does not alarm."""
    return np.asarray(np.nan_to_num(score, nan=-math.inf) > limit)


def alarm_runs(z: Floats, limit: float, k: float = REFERENCE_K) -> Bools:
    """The days on which a CUSUM alarms; after an alarm it begins anew."""
    alarms, now = np.zeros(len(z), np.bool_), 0.0
    for day, value in enumerate(z):
        now = cusum_step(now, value, k)
        if now > limit:
            alarms[day], now = True, 0.0
    return alarms


def _shares(counts: Floats) -> Floats:
    return np.asarray(counts / np.maximum(counts.sum(-1, keepdims=True), 1))
