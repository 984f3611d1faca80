"""A live run that is not left in peace: its process killed and its broker restarted, at random, over and over.

Before each life of the process the next stretch of history is sent to the topics, so that there is always something to take
that was not there before. A stretch ends between two instants, never within one, and its messages carry the history's clock:
so the order in which a run takes them is the history's, however often it begins anew. Of one source, half of the stretches
are sent while the process lives.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _cases
import numpy as np
import polars as pl
from confluent_kafka import Producer

from tests.brokers import Cluster

SOON_S, LATE_S = 0.3, 6.0
RUNNING_S = 2.5
STARTS_S = 120.0
STOP_S = 30.0
_NOT_READY = 3


@dataclass
class Told:
    """What happened: kills, restarts of the broker, lives that ended by themselves because the broker was away, and what
    the process was doing when it was killed: a third are killed at any time after their start, the others when they are up."""

    kills: int = 0
    broker_restarts: int = 0
    gave_up: int = 0
    killed_while: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


class Life:
    """One `dayshift live` process of a project; its talk is in `live.log` there."""

    def __init__(self, project: Path, *options: str) -> None:
        self.project = project
        self._log = (project / "live.log").open("ab")
        self._began_at = time.time()
        self.process = subprocess.Popen(
            [*_cases.DAYSHIFT, "live", *options],
            cwd=project,
            env=_cases.ENVIRONMENT,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    @property
    def status(self) -> dict[str, Any]:
        """What it last told of itself; nothing when that was another life."""
        path = self.project / "lake" / "live" / "status.json"
        with contextlib.suppress(OSError, ValueError):
            if path.stat().st_mtime > self._began_at:
                return dict(json.loads(path.read_text()))
        return {}

    def kill(self) -> None:
        """Ends it at once, as a power failure would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def stop(self) -> float:
        """Ends it in order; the seconds that took."""
        begun = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"dayshift live did not stop within {STOP_S:g} s of SIGTERM\n{self.said()}") from None
        self._log.close()
        return time.monotonic() - begun

    def said(self) -> str:
        """The end of its talk."""
        return (self.project / "live.log").read_text(errors="replace")[-6_000:]


def finish(project: Path) -> float:
    """Runs live until everything is taken and committed; the seconds it took.

    Raises:
        RuntimeError: it did not end well.
    """
    begun, life = time.monotonic(), Life(project, "--until-caught-up")
    code = life.process.wait()
    if code:
        raise RuntimeError(f"dayshift live --until-caught-up ended with {code}\n{life.said()}")
    return time.monotonic() - begun


# ---------------------------------------------------------------------- the history


def messages(case: _cases.Case) -> pl.DataFrame:
    """The whole history as messages in its order: source, milliseconds of its clock, key, value."""
    parts = []
    for name, frame in case.streams.items():
        time_ = case.times[name]
        text = frame.with_columns(pl.col(time_).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
        lines = text.write_ndjson().removesuffix("\n").split("\n")
        parts.append(
            frame.select(
                pl.lit(name).alias("source"),
                pl.col(time_).dt.epoch("ms").alias("ms"),
                pl.first().cast(pl.String).alias("key"),
                pl.Series("value", lines, dtype=pl.String),
            )
        )
    return pl.concat(parts).sort("ms", maintain_order=True)


def stretches(history: pl.DataFrame, number: int) -> list[pl.DataFrame]:
    """The history in about equal parts, none of which ends within a millisecond."""
    ends = np.linspace(0, history.height, number + 1)[1:-1].astype(int)
    ms = history["ms"].to_numpy()
    cuts = [0, *(int(np.searchsorted(ms, ms[end], side="right")) for end in ends), history.height]
    return [history.slice(low, high - low) for low, high in zip(cuts[:-1], cuts[1:], strict=True)]


def send(brokers: str, part: pl.DataFrame, prefix: str, pause_s: float = 0.0) -> None:
    """A stretch to the topics `prefix`SOURCE, its messages stamped with the history's clock; with pauses on the way."""
    producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 5, "log_level": 0})
    failed: list[str] = []
    for number, (source, ms, key, value) in enumerate(part.iter_rows()):
        while True:
            try:
                producer.produce(
                    prefix + source,
                    value,
                    key,
                    timestamp=ms,
                    on_delivery=lambda error, _: error and failed.append(str(error)),
                )
                break
            except BufferError:
                producer.poll(0.05)
        if not number % 1_000:
            producer.poll(pause_s)
    if producer.flush(120) or failed:
        raise RuntimeError(f"{len(failed)} messages of the history were not taken: {failed[:1]}")


# ------------------------------------------------------------------------ the chaos


@dataclass(frozen=True)
class Plan:
    """How often the process is killed and the broker restarted, by whose dice."""

    kills: int
    restarts: int
    seed: int = 0


def disturb(case: _cases.Case, project: Path, cluster: Cluster, prefix: str, plan: Plan) -> Told:
    """Runs a project live through all of its history and all of the plan's kills and restarts, and lets it finish."""
    dice, told, begun = random.Random(plan.seed), Told(), time.monotonic()
    parts = stretches(messages(case), plan.kills + 1)
    shaken = {round((n + 0.5) * plan.kills / plan.restarts): n for n in range(plan.restarts)} if plan.restarts else {}
    with ThreadPoolExecutor(2) as beside:
        restarted = None
        for number, part in enumerate(parts[:-1]):
            alive = len(case.streams) == 1 and bool(number % 2)
            if not alive:
                send(cluster.address, part, prefix)
            life = Life(project)
            sending = beside.submit(send, cluster.address, part, prefix, 0.005) if alive else None
            if number in shaken:
                restarted = beside.submit(_restart, cluster, dice.uniform(0.2, 3.0), bool(shaken[number] % 2))
                told.broker_restarts += 1
            if dice.random() < 1 / 3:
                _end(life, dice.uniform(SOON_S, LATE_S), told)
            else:
                _end_running(life, dice.uniform(0.0, RUNNING_S), told)
            if restarted is not None and dice.random() < 0.5:
                restarted.result()
            if sending is not None:
                sending.result()
        if restarted is not None:
            restarted.result()
    send(cluster.address, parts[-1], prefix)
    finish(project)
    told.seconds = time.monotonic() - begun
    return told


def _restart(cluster: Cluster, after_s: float, kill: bool) -> None:
    time.sleep(after_s)
    cluster.restart(kill=kill)


def _end_running(life: Life, after_s: float, told: Told) -> None:
    """Kills a life so many seconds after it has begun to take events."""
    until = time.monotonic() + STARTS_S
    while life.process.poll() is None and not life.status and time.monotonic() < until:
        time.sleep(0.01)
    _end(life, after_s, told)


def _end(life: Life, after_s: float, told: Told) -> None:
    """Kills a life after so many seconds; one that ended by itself is well only if the brokers were away."""
    try:
        code = life.process.wait(after_s)
    except subprocess.TimeoutExpired:
        doing = _doing(life)
        life.kill()
        told.kills += 1
        told.killed_while[doing] = told.killed_while.get(doing, 0) + 1
        return
    life.kill()
    if code != _NOT_READY:
        raise RuntimeError(f"dayshift live ended by itself with {code}\n{life.said()}")
    told.gave_up += 1


def _doing(life: Life) -> str:
    """What it was at, as far as its last status, at most a second old, tells."""
    now = life.status
    if not now:
        return "starting"
    taps = now.get("taps", {}).values()
    if any(tap.get("waiting") for tap in taps):
        return "waiting for Kafka"
    return "at the end" if all(tap.get("lag") == 0 for tap in taps) else "taking"


def topics(cluster: Cluster, names: Mapping[str, Any], prefix: str, *outputs: str) -> None:
    """The topics of a case, one for each source, and those of its outputs."""
    for name in (*(prefix + source for source in names), *outputs):
        cluster.topic(name)
