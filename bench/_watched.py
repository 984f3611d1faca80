"""A command in its own process, its time and the memory of it and all its children, together, at their peak."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

LOOK_S = 0.1


@dataclass(frozen=True)
class Watched:
    """How it ended, what it said, how long it took, and the most memory that it and its children had at once.

    Memory that several processes share (mapped files) counts once: it is the sum of their proportional sets.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    peak_mb: float


def watch(command: list[str], folder: Path, environment: dict[str, str]) -> Watched:
    """Run a command to its end."""
    begun, peak = time.monotonic(), 0.0
    with (folder / "stdout").open("w+") as out, (folder / "stderr").open("w+") as talk:
        child = subprocess.Popen(command, cwd=folder, stdout=out, stderr=talk, env=environment)
        while child.poll() is None:
            peak = max(peak, sum(map(_memory_mb, family(child.pid))))
            time.sleep(LOOK_S)
        seconds = time.monotonic() - begun
        said = [file.seek(0) or file.read() for file in (out, talk)]
    return Watched(child.returncode, said[0], said[1], seconds, peak)


def family(process: int) -> list[int]:
    """A process, its children and theirs."""
    found = [process]
    for one in found:
        try:
            children = [file.read_text() for file in Path(f"/proc/{one}/task").glob("*/children")]
        except OSError:
            continue
        found += [int(child) for text in children for child in text.split()]
    return found


def _memory_mb(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
