"""How long a step took and how much memory it needed at its peak."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass
class Meter:
    """The steps of a run, each with wall seconds, CPU seconds and peak resident memory in megabytes."""

    steps: list[Step] = field(default_factory=list)
    begun: Callable[[str], None] | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measures the block and keeps it, also when it raises; `begun` is told the name before."""
        if self.begun is not None:
            self.begun(name)
        _forget_peak()
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            took, used = time.perf_counter() - wall, time.process_time() - cpu
            self.steps.append(Step(name, round(took, 4), round(used, 4), round(_peak_mb(), 1)))


@dataclass(frozen=True)
class Step:
    """One step: its name, wall seconds, CPU seconds, peak resident memory in megabytes."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_mb: float


def _forget_peak() -> None:
    """On Linux the kernel's high-water mark can be reset for one's own process; elsewhere the peak is the process's."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def _peak_mb() -> float:
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024) if sys.platform == "darwin" else peak / 1024
