"""A course that any contender runs: a topic in, a topic out, a sender and a reader beside it, each in its own process.

    sender -> input topic -> contender -> output topic -> reader (committed messages only)

Every event carries its number, so two arrays on disk, filled by sender and reader, hold when each event was sent and when
its answer came. All clocks are one: the machine's monotonic clock. The broker is on the same machine, as are all others.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import _cases
import numpy as np
import psutil
from _follow import COUNTS
from _payments import Stream
from numpy.typing import NDArray

from tests.brokers import Cluster

HERE = Path(__file__).resolve().parent
SETTLING = 0.2
"""This share of a stretch, its beginning, is not measured."""
GROWS = 0.03
"""A rate is sustained when the answers' lateness grows by less than this many seconds a second."""
PATIENCE_S = 240.0


@dataclass(frozen=True)
class Stage:
    """A stretch at one rate: what was asked for and what was sent, events a second; latencies from an event's sending to its
    answer's arrival; how fast they grow, seconds a second; cores used by contender and broker."""

    rate: float
    sent_s: float
    events: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    growth: float
    cores: float
    broker_cores: float

    @property
    def sustained(self) -> bool:
        """Whether the contender keeps up."""
        return self.growth < GROWS and self.sent_s > 0.95 * self.rate


class Course:
    """One contender on a course of its own; `start(input, output)` starts its process."""

    def __init__(
        self,
        cluster: Cluster,
        stream: Stream,
        folder: Path,
        name: str,
        start: Callable[[str, str], subprocess.Popen[bytes]],
    ) -> None:
        self.cluster, self.stream, self.folder, self.name = cluster, stream, folder / name, name
        self.folder.mkdir()
        self.input, self.output = cluster.topic(f"{name}-in"), cluster.topic(f"{name}-out")
        self._start, self.next = start, 0
        self.process: subprocess.Popen[bytes] | None = None
        self._arrays = {part: self._array(part) for part in ("sent", "arrived")}
        self._reader = self._beside("_follow.py", "--topic", self.output, *self._file("arrived"), *self._file("sample"))

    def _file(self, part: str) -> tuple[str, str]:
        return f"--{part}", str(self.folder / part)

    def _array(self, part: str) -> NDArray[np.int64]:
        path = self.folder / part
        with path.open("wb") as file:
            file.truncate(8 * (self.stream.count + COUNTS))
        return np.memmap(path, dtype=np.int64, mode="r")

    def _beside(self, script: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(HERE / script), "--brokers", self.cluster.address, *options]
        return subprocess.Popen(command, env=_cases.ENVIRONMENT, stdout=subprocess.PIPE)

    # ------------------------------------------------------------------------ running

    def start(self) -> None:
        """Starts the contender."""
        self.process = self._start(self.input, self.output)

    def feed(self, count: int, rate: float | None = None) -> float:
        """Sends the next events; returns when all are sent: events a second."""
        count = min(count, self.stream.count - self.next)
        files = {"lines": self.stream.lines, "starts": self.stream.starts, "keys": self.stream.keys}
        given = [part for name, path in files.items() for part in (f"--{name}", str(path))]
        given += ["--first", str(self.next), "--count", str(count), *(["--rate", str(rate)] if rate else [])]
        sender = self._beside("_feed.py", "--topic", self.input, *given, *self._file("sent"))
        said = json.loads(sender.communicate()[0])
        self.next += count
        return count / float(said["seconds"])

    @property
    def came(self) -> int:
        """Answers so far, repeated ones too."""
        return int(self._arrays["arrived"][0])

    @property
    def repeated(self) -> int:
        """Answers that had come before."""
        return int(self._arrays["arrived"][1])

    def wait(self, seconds: float = PATIENCE_S) -> None:
        """Returns when everything sent is answered.

        Raises:
            RuntimeError: that does not come, or the contender has ended.
        """
        until = time.monotonic() + seconds
        while self.came - self.repeated < self.next:
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.name}: {self.came:,} answers of {self.next:,} came\n{self.said()}")
            time.sleep(0.02)

    def said(self) -> str:
        """The end of what the contender said."""
        log = self.folder / "log"
        return log.read_text(errors="replace")[-3_000:] if log.exists() else ""

    def close(self) -> None:
        """Ends the contender and the reader."""
        for process in (self.process, self._reader):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    # ---------------------------------------------------------------------- measuring

    def backlog(self, warm: int, number: int) -> float:
        """Events a second through a backlog that was there before the contender, behind `warm` events that fill its state."""
        self.feed(warm + number)
        self.start()
        self.wait()
        arrived = self._arrays["arrived"][COUNTS:]
        begun, ended = int(arrived[:warm].max()), int(arrived[warm : warm + number].max())
        late = int(np.count_nonzero(arrived[warm : warm + number] > begun))
        return late / max(ended - begun, 1) * 1e9

    def stage(self, rate: float, seconds: float) -> Stage:
        """The next events at a rate, and what became of them."""
        first, count = self.next, int(rate * seconds)
        assert self.process is not None
        watched = [self._used([self.process.pid]), self._used(self._brokers())]
        begun = time.monotonic()
        sent_s = self.feed(count, rate)
        took = time.monotonic() - begun
        after = [self._used([self.process.pid]), self._used(self._brokers())]
        self.wait()
        cores = [(late - early) / took for early, late in zip(watched, after, strict=True)]
        return self._judge(rate, sent_s, slice(first, self.next), cores)

    def _judge(self, rate: float, sent_s: float, part: slice, cores: Sequence[float]) -> Stage:
        sent = np.asarray(self._arrays["sent"][part])
        late = (np.asarray(self._arrays["arrived"][COUNTS:][part]) - sent) / 1e6
        count = late.size
        measured = late[int(count * SETTLING) :]
        middle, end = late[count // 4 : count // 2], late[3 * count // 4 :]
        apart_s = (sent[7 * count // 8] - sent[3 * count // 8]) / 1e9
        p50, p95, p99 = np.quantile(measured, [0.5, 0.95, 0.99])
        growth = (float(np.median(end)) - float(np.median(middle))) / 1e3 / max(apart_s, 1e-9)
        return Stage(rate, sent_s, count, float(p50), float(p95), float(p99), growth, cores[0], cores[1])

    def _brokers(self) -> list[int]:
        return [broker._running.pid for broker in self.cluster.brokers if broker._running is not None]

    def _used(self, pids: Sequence[int]) -> float:
        """CPU seconds of processes and their children."""
        found = 0.0
        for pid in pids:
            root = psutil.Process(pid)
            for one in (root, *root.children(recursive=True)):
                times = one.cpu_times()
                found += times.user + times.system
        return found

    @property
    def memory_mb(self) -> float:
        """What the contender's process holds in memory."""
        assert self.process is not None
        return float(psutil.Process(self.process.pid).memory_info().rss / 1e6)

    def samples(self) -> dict[int, dict[str, Any]]:
        """Some of the answers, by the event's number."""
        lines = (self.folder / "sample").read_bytes().splitlines()
        return {row["id"]: row for row in map(json.loads, lines)}


def climb(course: Course, capacity: float, steps: Sequence[float], seconds: float) -> list[Stage]:
    """Rates as shares of what a backlog ran at, rising, until one is not sustained, twice, or no event is left."""
    found: list[Stage] = []
    for rate in (capacity * share for share in steps):
        for _ in range(2):
            if course.next + rate * seconds > course.stream.count:
                return found
            found.append(course.stage(rate, seconds))
            show(course.name, found[-1])
            if found[-1].sustained:
                break
        else:
            break
    return found


def sustained(stages: Sequence[Stage]) -> float:
    """The highest rate that was kept up with; 0 if none was."""
    return max((stage.rate for stage in stages if stage.sustained), default=0.0)


def show(name: str, stage: Stage) -> None:
    """One line of the table."""
    kept = "" if stage.sustained else f"   lag grows by {stage.growth:.2f} s/s"
    print(
        f"{name:<22}{stage.rate:>11,.0f}{stage.sent_s:>11,.0f}{stage.p50_ms:>10.1f}{stage.p95_ms:>10.1f}{stage.p99_ms:>10.1f}"
        f"{stage.cores:>8.2f}{stage.broker_cores:>8.2f}{kept}",
        flush=True,
    )


def head() -> None:
    """Of the table."""
    names = ("events/s", "sent/s", "p50 ms", "p95 ms", "p99 ms", "cores", "broker")
    print(
        f"\n{'':<22}{names[0]:>11}{names[1]:>11}"
        + "".join(f"{name:>10}" for name in names[2:5])
        + f"{names[5]:>8}{names[6]:>8}"
    )


def plain(stages: Sequence[Stage]) -> list[dict[str, float | bool]]:
    """For JSON."""
    return [
        {**{k: round(v, 3) for k, v in asdict(stage).items()}, "sustained": bool(stage.sustained)} for stage in stages
    ]


__all__ = ["Course", "Stage", "climb", "head", "plain", "show", "sustained"]
