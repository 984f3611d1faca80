"""Labels and warehouses while a pipeline is live: a process of its own for each time, which yields to the run and ends with it.

On a thread of the run they would stand in Polars' queue before every micro-batch, for seconds. The process writes labels and into
warehouses, nothing else, and holds no lock: the run holds it, writes other tables, and says up to which load the lake is whole.

    -> Order, pickled, on its stdin, which then stays open: its end is the run's end
    <- Outcome, as one line of JSON on its stdout
"""

from __future__ import annotations

import datetime as dt
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dayshift.diagnostics import DayshiftError
from dayshift.lifecycle.deliver import DeliveryReport, deliver
from dayshift.lifecycle.labels import decide_labels
from dayshift.runtimes.live.keeping import SMALL
from dayshift.runtimes.live.turns import POOL, yielding
from dayshift.runtimes.past import delivered_so_far
from dayshift.runtimes.project import project_at
from dayshift.runtimes.report import plain

if TYPE_CHECKING:
    from dayshift.definition.settings import Settings
    from dayshift.lifecycle.project import Project

THREADS_SHARE = 4
"""It takes one processor of so many, and at least one."""
MANY = replace(SMALL, files=60)
"""Files of labels are merged once there are so many small ones."""
_SAID = 300
_BEGIN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "  # the run's matter, also where all of a group are asked to end
    "from dayshift.runtimes.live.upkeep import main; main()"
)


@dataclass(frozen=True)
class Order:
    """What one process does: for which pipeline, up to which load, at what time, and what warehouses have got so far."""

    root: Path
    settings: Settings
    fingerprint: str
    upto_load: int
    now: dt.datetime
    delivered: Mapping[str, DeliveryReport] | None


@dataclass(frozen=True)
class Outcome:
    """What it did: labels written; whether nothing is left to do before another load; what warehouses have got; what went wrong."""

    labels: int = 0
    done: bool = False
    delivered: Mapping[str, DeliveryReport] | None = None
    problem: str | None = None


@dataclass
class Progress:
    """For the status: labels written, how long the last time took, up to which load, and what went wrong."""

    labels: int = 0
    seconds: float = 0.0
    upto_load: int = 0
    note: str | None = None


class Upkeep:
    """Brings labels and warehouses up to date; what fails is told and tried again the next time, and the run goes on.

    Args:
        project: whose.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._delivered: Mapping[str, DeliveryReport] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard, self._ended, self._done = threading.Lock(), False, 0
        self.kept = Progress()

    def wants(self, upto_load: int) -> bool:
        """Whether there may be something to do, now that the lake holds this load."""
        pipeline, settings = self._project.pipeline, self._project.settings
        return upto_load > self._done and (pipeline.label is not None or bool(settings.destinations))

    def __call__(self, asked: Sequence[tuple[int, dt.datetime]]) -> None:
        """Does it up to a load, at a time of the clock on the wall; returns when the process has ended."""
        upto_load, now = asked[-1]
        begun, project = time.perf_counter(), self._project
        order = Order(project.root, project.settings, project.pipeline_fingerprint, upto_load, now, self._delivered)
        try:
            outcome = self._outcome(order)
        except Exception as error:  # noqa: BLE001 - a system that gives no process now may give one later
            outcome = Outcome(problem=f"{type(error).__name__}: {error}")
        if self._ended:
            return
        kept, self._delivered = self.kept, outcome.delivered or self._delivered
        kept.labels, kept.seconds = kept.labels + outcome.labels, time.perf_counter() - begun
        kept.note = f"upkeep did not succeed and is tried again: {outcome.problem}" if outcome.problem else None
        kept.upto_load = kept.upto_load if outcome.problem else upto_load
        self._done = upto_load if outcome.done else self._done

    def end(self) -> None:
        """Ends the process that runs, if one does: what it had not committed is done by the next run."""
        with self._guard:
            self._ended = True
            if self._process is not None:
                self._process.kill()

    def _outcome(self, order: Order) -> Outcome:
        with tempfile.TemporaryFile() as said:
            process = self._begin(said)
            if process is None:
                return Outcome()
            assert process.stdin is not None
            assert process.stdout is not None
            told = b""
            with process, suppress(BrokenPipeError):  # it ended early: its exit code says how
                pickle.dump(order, process.stdin)
                process.stdin.flush()
                told = process.stdout.read()
            if process.returncode:
                said.seek(0)
                return Outcome(problem=_how(process.returncode, said.read()))
        return _read(told)

    def _begin(self, said: IO[bytes]) -> subprocess.Popen[bytes] | None:
        threads = max(1, (os.cpu_count() or 1) // THREADS_SHARE)
        environment = {**os.environ, POOL: str(threads)}
        with self._guard:
            if self._ended:
                return None
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BEGIN],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=environment,
                process_group=0,  # Ctrl-C is the run's matter
            )
            yielding(self._process.pid)
            return self._process


def _how(code: int, said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    last = lines[-1][:_SAID] if lines else "it said nothing"
    return f"its process was killed by signal {-code}" if code < 0 else f"its process ended with {code}: {last}"


def _read(told: bytes) -> Outcome:
    values: dict[str, Any] = json.loads(told)
    delivered = {name: DeliveryReport(**one) for name, one in (values["delivered"] or {}).items()}
    return Outcome(values["labels"], values["done"], delivered, values["problem"])


# In the process


def main() -> None:
    """Reads an order, does it, and writes the outcome to what was its stdout; what else is printed goes to stderr."""
    told = os.dup(1)
    os.dup2(2, 1)
    order: Order = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent, over our own pipe
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with os.fdopen(told, "w") as outcome:
        outcome.write(json.dumps(plain(asdict(do(order)))))
        outcome.flush()
        os._exit(0)  # before it is closed: the parent then closes stdin, whose end would end this otherwise


def _end_with_parent() -> None:
    while os.read(0, 1):  # not by the buffered stdin: a thread that waits in it breaks the interpreter's own end
        pass
    os._exit(1)


def do(order: Order) -> Outcome:
    """Does one order in this process.

    Raises:
        Exception: whatever labels raise that nobody foresaw.
    """
    labels, done, delivered = 0, True, dict(order.delivered or {})
    try:
        project = project_at(order.root, order.settings)
        if project.pipeline_fingerprint != order.fingerprint:
            return Outcome(problem="the pipeline's file was changed since the run began: start it anew, or undo that")
        if project.pipeline.label is not None:
            decided = decide_labels(project, order.now, order.upto_load)
            labels, done = decided.written, decided.known_until is None or decided.known_until <= order.now
            if labels:
                project.labels.merge(MANY)
        if project.settings.destinations:
            delivered = delivered if order.delivered is not None else delivered_so_far(project)
            delivered |= {report.destination: report for report in deliver(project, delivered)}
    except DayshiftError as error:
        return Outcome(labels, False, delivered, str(error))
    except Exception as error:  # noqa: BLE001 - whatever a warehouse's driver raises, the labels are written
        return Outcome(labels, False, delivered, f"{type(error).__name__}: {error}")
    return Outcome(labels, done, delivered)
