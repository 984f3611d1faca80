"""The clock of the replay: at which weekly origins models are fitted and judged.

    | windows fill up | label | one training window | label | week 0 | week 1 | ... | unripe |
    first question   .... lead-in, never judged ....        t0                   last ripe midnight

What stands in the lead-in would look like decay: a first model that saw little, features whose windows were half empty.
It is the longest feature window with its delays, one training window and the label's delay, in whole weeks. Weeks begin
at midnight UTC, counted from the first question, so that a log that grows keeps its weeks and adds new ones. Of a
long history the last two years are judged.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dayshift.adviser.interval import DAY_US, WEEK_US
from dayshift.adviser.verdict import FEWEST_WEEKS, RECOMMENDED_WEEKS
from dayshift.diagnostics import counted

if TYPE_CHECKING:
    from dayshift.adviser.history import History

MOST_WEEKS = 104
SLIDING_US = 4 * WEEK_US
FEWEST_ROWS, FEWEST_RARE = 1_000, 100
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Weeks:
    """Evaluation weeks: `count` of them from `t0`, microseconds since 1970-01-01 UTC, a midnight.

    `window_us` is how far a sliding training window looks back. `reasons` say why the history is too short (then
    `come_back_us` is when it will do); `notes` what was assumed.

    >>> weeks = Weeks(t0=0, count=2, lead_in_us=0, window_us=SLIDING_US)
    >>> weeks.of(np.array([-1, 0, WEEK_US, 2 * WEEK_US])).tolist()
    [-1, 0, 1, -1]
    """

    t0: int
    count: int
    lead_in_us: int
    window_us: int
    reasons: tuple[str, ...] = ()
    come_back_us: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def starts(self) -> Ints:
        """When each week begins: int64[count]; a model fitted then is the week's own."""
        return self.t0 + WEEK_US * np.arange(self.count, dtype=np.int64)

    @property
    def end(self) -> int:
        """When the last week ends."""
        return self.t0 + WEEK_US * self.count

    def of(self, as_of: Ints) -> Ints:
        """The number of the week that each time lies in, -1 outside: int64 of the same length."""
        week = (as_of - self.t0) // WEEK_US
        return np.where((week >= 0) & (week < self.count), week, -1)


def weeks_of(history: "History", window_us: int | None = None) -> Weeks:
    """The evaluation weeks of a history.

    Args:
        window_us: the training window; None chooses: 28 days, doubled, trebled ... while it holds fewer than 1,000 rows or
            (of a classifier) 100 of the rarer class, but at most a quarter of the history.
    """
    as_of = np.asarray(history.as_of)
    if not len(as_of):
        return Weeks(0, 0, 0, window_us or SLIDING_US, ("the history holds no question",))
    first, ripe_until = int(as_of.min()) // DAY_US * DAY_US, _ripe_until(history)
    span = max(ripe_until - first, 0)
    quarter = max(span // 4 // WEEK_US, 1) * WEEK_US
    window, notes = (window_us, []) if window_us else _window(history, ripe_until, quarter)
    filling = history.longest_window_us
    if filling is None:
        notes.append("some features look back without bound: the lead-in holds one training window in their place")
    if filling is None or filling > quarter:
        if filling is not None:
            notes.append(
                f"windows of {_days(filling)} are not full in the first weeks: they exceed a quarter of history"
            )
        filling = min(window, quarter)
    learning = min(window, quarter) if window_us else window
    if learning < window:
        notes.append(f"the training window of {_days(window)} is not full in the first weeks")
    lead_in = round((filling + learning + history.label_delay_us) / WEEK_US) * WEEK_US
    t0 = first + lead_in
    count = max((ripe_until - t0) // WEEK_US, 0)
    if count > MOST_WEEKS:
        notes.append(f"the last {MOST_WEEKS} of {count} weeks are judged: what is older says little of what comes")
        t0, count = t0 + (count - MOST_WEEKS) * WEEK_US, MOST_WEEKS
    reasons, back = _too_short(t0, count, history.label_delay_us)
    return Weeks(t0, count, lead_in, window, reasons, back, tuple(notes))


def _ripe_until(history: "History") -> int:
    """The last midnight before which every question's label was ripe at the end of the log."""
    as_of = np.asarray(history.as_of)
    unripe = as_of[np.asarray(history.ripe_at()) > history.known_until_us]
    if len(unripe):
        return int(unripe.min()) // DAY_US * DAY_US
    return -(-int(as_of.max()) // DAY_US) * DAY_US


def _window(history: "History", until: int, quarter: int) -> tuple[int, list[str]]:
    as_of, label = np.asarray(history.as_of), np.asarray(history.label)
    known = (as_of < until) & ~np.isnan(label)
    days = max((until - int(as_of.min())) / DAY_US, 1)
    rows, rare = float(known.sum()), float("inf")
    if history.kind == "classifier":
        positives = float(label[known].sum())
        rare = min(positives, rows - positives)
    enough = max(FEWEST_ROWS / max(rows / days, 1e-9), FEWEST_RARE / max(rare / days, 1e-9)) * DAY_US
    wanted = SLIDING_US * max(int(np.ceil(min(enough, 1e18) / SLIDING_US)), 1)
    window = int(min(wanted, quarter))
    if window == SLIDING_US:
        return window, []
    why = "28 days hold too few labels" if window > SLIDING_US else "the history is short"
    return window, [f"training windows of {_days(window)}, as {why}"]


def _too_short(t0: int, count: int, delay_us: int) -> tuple[tuple[str, ...], int | None]:
    if count >= FEWEST_WEEKS:
        return (), None
    back = t0 + FEWEST_WEEKS * WEEK_US + delay_us
    better = back + (RECOMMENDED_WEEKS - FEWEST_WEEKS) * WEEK_US
    says = f"not enough history: {counted(count, 'evaluation week')} after the lead-in, {FEWEST_WEEKS} are needed"
    return (f"{says}; come back on {_date(back)} ({RECOMMENDED_WEEKS} weeks, recommended: {_date(better)})",), back


def _date(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 1_000_000, tz=UTC):%Y-%m-%d}"


def _days(length_us: int) -> str:
    return f"{length_us / DAY_US:g} days"
