"""The worker processes, seen from their parent.

Two processes of one thread each beat one process of two threads (measured on two cores: a second thread makes LightGBM
.92 and HistGradientBoosting 1.16 times as fast). They are started before the history is read, so that both overlap.
"""

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Self

from dayshift.adviser.worker import Bench, Broken, Outcome, Ready, Start, Task
from dayshift.definition import Pipeline
from dayshift.diagnostics import Bug, NotReady

_ONE_THREAD = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("OMP_THREAD_LIMIT", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
)
_PATIENCE_S = 5.0
_BEGIN = "import sys; from dayshift.adviser.worker import main; main(int(sys.argv[1]))"


class Workers:
    """Processes that do tasks; a context manager that ends them."""

    def __init__(self, pipeline: Pipeline, count: int) -> None:
        start = _start(pipeline)
        self._workers = [_Worker(start) for _ in range(count)]
        self.fault: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._workers)

    def open(self, bench: Bench) -> bool:
        """Tell them what stays the same; False when they cannot make the estimator (`fault` says why).

        Raises:
            NotReady: DS810, one of them was ended from outside.
        """
        for worker in self._workers:
            ready = worker.receive()
            if isinstance(ready, Ready) and ready.fault is not None:
                self.fault = ready.fault
        if self.fault is None:
            for worker in self._workers:
                worker.send(bench)
        return self.fault is None

    @property
    def idle(self) -> "Sequence[_Worker]":
        """Those without a task."""
        return [worker for worker in self._workers if worker.task is None]

    @property
    def busy(self) -> "Sequence[_Worker]":
        """Those with one."""
        return [worker for worker in self._workers if worker.task is not None]

    def submit(self, task: Task, name: Any) -> None:
        """Give a task to an idle worker; its outcome will come under this name."""
        worker = self.idle[0]
        worker.send(task)
        worker.task = (name,)

    def collect(self, timeout_s: float) -> Iterator[tuple[Any, Outcome]]:
        """What was finished by now, waiting for the first at most `timeout_s`.

        Raises:
            NotReady: DS810, a worker was ended from outside.
            Bug: DS812, a worker came upon what nobody foresaw.
        """
        done: Any = wait([worker.pipe for worker in self.busy], timeout_s)
        for worker in [worker for worker in self.busy if worker.pipe in done]:
            outcome = worker.receive()
            assert worker.task is not None
            (name,), worker.task = worker.task, None
            yield name, outcome

    def close(self) -> None:
        """End them, at once."""
        for worker in self._workers:
            worker.end()
        self._workers = []


class _Worker:
    def __init__(self, start: Start) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", "-c", _BEGIN, str(theirs.fileno())]
            self.process = subprocess.Popen(
                command, env=_environment(), pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, process_group=0
            )
        self.pipe = Connection(ours.detach())
        self.task: tuple[Any] | None = None
        self.send(start)

    def send(self, message: object) -> None:
        with self._told():
            self.pipe.send(message)

    def receive(self) -> Any:
        with self._told():
            message = self.pipe.recv()
        if isinstance(message, Broken):
            raise Bug("DS812", "a worker of the replay failed", facts=tuple(message.said.strip().splitlines()[-8:]))
        return message

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_PATIENCE_S)
            raise _ended(self.process.returncode) from error

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.pipe.close()


def _start(pipeline: Pipeline) -> Start:
    try:
        pickled = pickle.dumps(pipeline.model)
    except Exception:  # noqa: BLE001 - a class of the user's may raise anything; the file is read in its place
        pickled = None
    file = pipeline.place.file if pipeline.place is not None else None
    return Start(pickled, file if file and Path(file).is_file() else None, pipeline.name)


def _environment() -> dict[str, str]:
    path = os.pathsep.join(entry or "." for entry in sys.path)
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path}


def _ended(code: int | None) -> NotReady:
    how = "ended from outside" if code is None or code >= 0 else f"killed by signal {-code}"
    facts = (f"exit code {code}",) if code is not None else ()
    killed = code in (-9, 137)
    return NotReady(
        "DS810",
        f"a worker of the replay was {how}",
        facts=(*facts, *(("the system kills processes when memory is short",) if killed else ())),
        hint="[advise]\nworkers = 1        # needs less memory",
    )
