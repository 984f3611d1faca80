"""What a live run has seen, for people: counts, rates, where the time goes, lateness and the watermark of each source."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dayshift.definition import Pipeline
from dayshift.engines.contract import POSITION
from dayshift.lifecycle.door.live import Taken

RECENT = 512
"""Of so many micro-batches sizes and durations are remembered."""
RATE_SECONDS = 10.0


@dataclass
class SourceSeen:
    """One source: its records by what became of them; the watermark (largest event time, microseconds); of its events, how
    many were older than the watermark when they came, by how much at most, and how long after they happened they came."""

    counts: Counter[str] = field(default_factory=Counter)
    watermark_us: int | None = None
    out_of_order: int = 0
    most_behind_us: int = 0
    lateness_us: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def took(self, times: np.ndarray, positions: np.ndarray) -> None:
        """Takes the event times and the places of events in the log's order, microseconds."""
        before = -(2**62) if self.watermark_us is None else self.watermark_us
        reached = np.maximum.accumulate(np.concatenate([[before], times]))
        behind = reached[:-1] - times
        self.out_of_order += int(np.count_nonzero(behind > 0))
        self.most_behind_us = max(self.most_behind_us, int(behind.max(initial=0)))
        self.watermark_us = int(reached[-1])
        self.lateness_us.append(float(np.median(positions - times)))


class Seen:
    """Written by the loop; read by the status, which may see a micro-batch half counted."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._times = {source.name: source.time for source in pipeline.sources}
        self.sources = {name: SourceSeen() for name in self._times}
        self.events = self.questions = self.batches = self.unscored = 0
        self.why_unscored: str | None = None
        self.seconds: dict[str, float] = defaultdict(float)
        self._sizes: deque[int] = deque(maxlen=RECENT)
        self._took_ms: deque[float] = deque(maxlen=RECENT)
        self._rates: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def clock(self) -> Callable[[str], None]:
        """A stop watch for the steps of one micro-batch: called with each step's name when it ends."""
        begun = last = time.perf_counter()

        def lap(step: str) -> None:
            nonlocal last
            now = time.perf_counter()
            self.seconds[step] += now - last
            last = now
            if step == "model":
                self._took_ms.append((now - begun) * 1_000)

        return lap

    def took(self, taken: Taken, questions: int) -> None:
        """Takes one micro-batch."""
        for name, counted in taken.counts.items():
            self.sources[name].counts.update(vars(counted))
        for name, frame in taken.events.items():
            times = frame[self._times[name]].to_physical().to_numpy()
            self.sources[name].took(times, frame[POSITION].to_numpy())
        self.events += taken.rows
        self.batches += 1
        self._sizes.append(taken.rows)
        self.questions += questions
        now = time.monotonic()
        self._rates.append((now, self.events))
        while len(self._rates) > 2 and now - self._rates[0][0] > RATE_SECONDS:
            self._rates.popleft()

    def scored(self, left_out: int, why: str | None) -> None:
        """Takes how many questions the model could not answer, and why."""
        if left_out:
            self.unscored, self.why_unscored = self.unscored + left_out, why

    def rate(self) -> float:
        """Events a second over the last ten seconds."""
        now = time.monotonic()
        if now - self._rates[-1][0] > RATE_SECONDS:
            return 0.0
        begun, events = self._rates[0]
        return (self.events - events) / max(now - begun, 1e-3)

    def state(self) -> dict[str, Any]:
        """Plain values."""
        sizes, took = list(self._sizes) or [0], list(self._took_ms) or [0.0]
        return {
            "events": self.events,
            "questions": self.questions,
            "unscored": self.unscored,
            "why_unscored": self.why_unscored,
            "micro_batches": self.batches,
            "events_s": round(self.rate(), 1),
            "micro_batch_rows": {"p50": float(np.median(sizes)), "max": max(sizes)},
            "micro_batch_ms": {
                "p50": round(float(np.median(took)), 3),
                "p99": round(float(np.quantile(took, 0.99)), 3),
            },
            "seconds": {name: round(value, 3) for name, value in list(self.seconds.items())},
            "sources": {name: _source(one) for name, one in self.sources.items()},
        }


def _source(one: SourceSeen) -> dict[str, Any]:
    late = list(one.lateness_us)
    return {
        **{name: one.counts.get(name, 0) for name in ("read", "loaded", "quarantined", "duplicates", "filtered")},
        "watermark_us": one.watermark_us,
        "out_of_order": one.out_of_order,
        "most_behind_s": round(one.most_behind_us / 1e6, 3),
        "lateness_s": round(float(np.median(late)) / 1e6, 3) if late else None,
    }


__all__ = ["Seen", "SourceSeen"]
