"""The questions of a history in order of time: who may train at an origin, and who judges."""

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dayshift.adviser.judging import Sample, days_suffice
from dayshift.adviser.sampling import Drawn, evaluation_sample, rarer, training_sample
from dayshift.adviser.weeks import Weeks
from dayshift.lifecycle.metrics import DAY_US

if TYPE_CHECKING:
    from dayshift.adviser.history import History

Ints = NDArray[np.int64]
_KEPT = 2
FREQUENT = 0.1
"""A rarer class with more than this share needs fewer rows to be judged by."""


class Asked:
    """Times and labels by time; `rare` is the rarer label of a classifier, None for a regressor or without both."""

    def __init__(self, history: "History", weeks: Weeks) -> None:
        self._history, self.weeks = history, weeks
        as_of = np.asarray(history.as_of)
        ordered = bool(np.all(as_of[1:] >= as_of[:-1]))
        self._order: Ints | None = None if ordered else np.argsort(as_of, kind="stable")
        self.time: Ints = as_of if self._order is None else as_of[self._order]
        self.label = np.asarray(history.label, np.float64)
        self.classifies = history.kind == "classifier"
        self.rare = rarer(self.label) if self.classifies else None
        self._ripe: dict[int | None, Ints] = {}
        self._known: OrderedDict[tuple[int | None, int | None, int], Ints] = OrderedDict()

    def known(self, label_delay_us: int | None, window_us: int | None, origin: int) -> Ints:
        """The questions whose labels were ripe at `origin`, ascending; with a window, those asked in that long before the
        newest of them (as `[train] window` has it)."""
        name = (label_delay_us, window_us, origin)
        if name not in self._known:
            self._known[name] = self._find(*name)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return self._known[name]

    def drawn(self, rows: Ints, most: int, salt: int, weighs: bool) -> Drawn:
        """A training sample of these questions; without weights the label is not looked at."""
        return training_sample(rows, self.label[rows], self.rare if weighs else None, most, salt)

    def others_a_day(self, most: int) -> int:
        """How many of the commoner class, and of the rarer one, judge a day: fewer where the rarer one is frequent."""
        if self.rare is None:
            return most
        known = self.label[~np.isnan(self.label)]
        return most // 2 if float(np.mean(known == self.rare)) > FREQUENT else most

    def sample(self, others_a_day: int | None) -> Sample:
        """The rows that judge in all weeks; all of them when `others_a_day` is None."""
        first, end = np.searchsorted(self.time, [self.weeks.t0, self.weeks.end])
        rows = self._numbers(int(first), int(end))
        there = ~np.isnan(self.label[rows])
        rows, time = rows[there], self.time[first:end][there]
        drawn = Drawn(rows, np.ones(len(rows)))
        if others_a_day is not None:
            drawn = evaluation_sample(rows, time, self.label[rows], self.rare, others_a_day)
        whole = bool(np.all(drawn.weight == 1))
        as_of = np.asarray(self._history.as_of)[drawn.rows]
        by = {name: column.gather(drawn.rows) for name, column in self._history.by.items()}
        return Sample(drawn.rows, self.label[drawn.rows], as_of, None if whole else drawn.weight, by)

    def days_suffice(self, sample: Sample) -> bool:
        """Whether days can be judged one by one."""
        return days_suffice(sample, self.rare, self.classifies)

    def _find(self, delay_us: int | None, window_us: int | None, origin: int) -> Ints:
        ripe = self._ripe_at(delay_us)
        end = int(np.searchsorted(self.time, origin))
        usual = self._history.label_delay_us if delay_us is None else delay_us
        for before in (origin - usual - DAY_US, int(self.time[0]) if end else origin):
            first = int(np.searchsorted(self.time[:end], before))
            found = np.flatnonzero(self._may(ripe, first, end, origin))
            if len(found):
                newest = int(self.time[first + found[-1]])
                first = 0 if window_us is None else int(np.searchsorted(self.time[:end], newest - window_us, "right"))
                may = self._may(ripe, first, end, origin)
                return np.flatnonzero(may) + first if self._order is None else np.sort(self._order[first:end][may])
        return np.empty(0, np.int64)

    def _numbers(self, first: int, end: int) -> Ints:
        """The numbers of the questions that stand there in order of time."""
        return np.arange(first, end) if self._order is None else self._order[first:end]

    def _may(self, ripe: Ints, first: int, end: int, origin: int) -> NDArray[np.bool_]:
        known: NDArray[np.bool_] = ripe[first:end] <= origin
        label = self.label[first:end] if self._order is None else self.label[self._order[first:end]]
        return known & ~np.isnan(label)

    def _ripe_at(self, delay_us: int | None) -> Ints:
        if delay_us not in self._ripe:
            if len(self._ripe) >= _KEPT:
                self._ripe.pop(next(iter(self._ripe)))
            ripe = np.asarray(self._history.ripe_at(delay_us))
            self._ripe[delay_us] = ripe if self._order is None else ripe[self._order]
        return self._ripe[delay_us]
