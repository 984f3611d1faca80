"""The two histories that run live: the flights of New York 2013 as three streams, and the card payments as one.

A case makes projects: a folder with the pipeline file as it is, a `dayshift.toml` that says where the events come from, and a
registry whose champion was trained once, on the first weeks. What the projects read is the same; only how differs.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import _payments
import polars as pl

from dayshift.runtimes.demo import STREAMS, read_streams

ROOT = Path(__file__).resolve().parents[1]
DAYSHIFT = [sys.executable, "-c", "from dayshift.cli import main; main()"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}
NAMES = ("flights", "payments")
_FILES = {
    "flights": ROOT / "examples" / "late-flights",
    **{name: ROOT / "bench" / "live" / name for name in ("payments", "features")},
}
_TRAINED_UNTIL = {"flights": "2013-03-01T00:00:00", "payments": "2018-06-01T00:00:00"}
_NOW = "2026-01-01T00:00:00"


@dataclass(frozen=True)
class Case:
    """A history by source, each in the order of (time, key); `times` names the column of its time."""

    name: str
    folder: Path
    streams: Mapping[str, pl.DataFrame]
    times: Mapping[str, str]

    @property
    def events(self) -> int:
        """Of all sources."""
        return sum(frame.height for frame in self.streams.values())

    @cached_property
    def registry(self) -> Path:
        """With a champion, trained on what came before `_TRAINED_UNTIL`, or in the first two thirds of a shorter history."""
        root, until = self.folder / "trained", pl.lit(_TRAINED_UNTIL[self.name]).str.to_datetime(time_zone="UTC")
        ends = [frame[self.times[name]].quantile(0.67, "nearest") for name, frame in self.streams.items()]
        early = {
            name: frame.filter(pl.col(self.times[name]) < pl.min_horizontal(until, pl.lit(min(ends))))  # type: ignore[type-var]
            for name, frame in self.streams.items()
        }
        self.project(root, f'{self.files(root, early)}[train]\nholdout = "1d"\n', registry=False)
        command(root, "run", "--now", _NOW)
        command(root, "train", "--now", _NOW)
        return root / "registry"

    def project(self, root: Path, settings: str, *, registry: bool = True, kind: str | None = None) -> Path:
        """A project with these settings in a new folder; of the case's own pipeline, or of another one over its sources."""
        root.mkdir(parents=True, exist_ok=True)
        shutil.copy(_FILES[kind or self.name] / "pipeline.py", root)
        (root / "dayshift.toml").write_text(settings)
        if registry:
            shutil.copytree(self.registry, root / "registry")
        return root

    def files(self, root: Path, streams: Mapping[str, pl.DataFrame] | None = None) -> str:
        """Settings that read the history from files, which are written."""
        (root / "data").mkdir(parents=True, exist_ok=True)
        text = ""
        for name, frame in (streams or self.streams).items():
            frame.write_parquet(root / "data" / f"{name}.parquet")
            text += f'[sources.{name}]\nfiles = "data/{name}.parquet"\n'
        return text

    def topics(self, brokers: str, prefix: str, output: str, live: str = "") -> str:
        """Settings that read it from the topics `prefix`NAME and write predictions to another; `live` are more of `[live]`."""
        return live_settings(brokers, {name: prefix + name for name in self.streams}, "predictions", output, live)


def live_settings(brokers: str, topics: Mapping[str, str], content: str, output: str, live: str = "") -> str:
    """Settings of a live run that reads sources from topics, and writes predictions or features to one."""
    text = "".join(f'[sources.{name}]\ntopic = "{topic}"\nbrokers = "{brokers}"\n' for name, topic in topics.items())
    return (
        f'{text}[live]\n{live}\n[live.outputs.out]\ntopic = "{output}"\nbrokers = "{brokers}"\ncontent = "{content}"\n'
    )


def case(name: str, folder: Path, most: int | None = None) -> Case:
    """One of NAMES; with `most` about so many events, the first in time."""
    if name == "flights":
        streams, times = read_streams(), dict(STREAMS)
    else:
        streams, times = {"payments": _payments.table(folder)}, {"payments": "at"}
    if most is not None and most < sum(frame.height for frame in streams.values()):
        every = pl.concat(frame[times[source]] for source, frame in streams.items()).sort()
        streams = {source: frame.filter(pl.col(times[source]) < every[most]) for source, frame in streams.items()}
    return Case(name, folder, streams, times)


def command(root: Path, *words: str) -> Any:
    """What a command of Dayshift in a project prints as JSON; the talk of one that fails is raised."""
    done = subprocess.run(
        [*DAYSHIFT, *words, "--json"], cwd=root, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"dayshift {' '.join(words)} ended with {done.returncode}:\n{done.stderr}{done.stdout[-2_000:]}"
        )
    return json.loads(done.stdout)
