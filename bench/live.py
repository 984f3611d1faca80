"""The live run's speed: the kernel alone, the whole path with Kafka beside it, others on the same course, memory, recovery.

    make bench NAME=live
    python bench/live.py --parts kernel path rivals recovery --seconds 10 --keys 1000000

- kernel: twelve features of the card payments, one event a call and a hundred; pure Python and River in the same run;
- floor: what an answer cannot be faster than: the disk, the broker, the trees, each alone;
- path: Kafka, decoding, contract, features, gradient boosting, Kafka and lake: latency from the event's sending to its
  prediction's arrival at a consumer of committed messages, at rising rates, until the lag grows; where the time goes;
- rivals: the features alone (no model) by Dayshift, Quix Streams and Python dictionaries, each on a topic of its own on the
  same broker, with the same messages, the windows of all filled by the same 38 days;
- recovery: a million keys, memory a key and an event, the time to save the state, and from a cold start after `kill -9` to
  the first answer to an event that was sent afterwards.

Everything runs on this machine at once: sender, broker, contender, reader. `sustained` is the highest rate tried at which
answers do not come later and later; `capacity` what a backlog runs at. The last line is JSON; nothing is asserted.
Needs Java and Maven or Kafka's jars, `transactions.parquet`, and makes an environment for the rivals in bench/out.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

import _cases  # noqa: E402
import _floor  # noqa: E402
import _payments  # noqa: E402
import _venv  # noqa: E402
import kernel  # noqa: E402
from _calibrated import write  # noqa: E402
from _chaos import Life  # noqa: E402
from _course import Course, climb, head, plain, show, sustained  # noqa: E402
from _live_tables import BEGIN, END, tables  # noqa: E402

from dayshift.kernel.plan import compile_plan  # noqa: E402
from dayshift.runtimes.project import open_project  # noqa: E402
from tests.brokers import STEADY_HEAP, Cluster, kafka  # noqa: E402

PAGE = ROOT / "docs" / "concepts" / "live-speed.md"
PARTS = ("kernel", "floor", "path", "rivals", "recovery")
WARM_DAYS = 38
STEPS = (0.03, 0.06, 0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0)
FEWER = (0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2)
BACKLOG = {
    "dayshift": 500_000,
    "dayshift-features": 500_000,
    "dictionaries": 200_000,
    "quix": 80_000,
    "quix-once": 80_000,
}
AFTER_SAVING = 20_000
HALF_STRETCHES = 7.0
"""So many stretches long: labels, which come once a minute, are brought up to date meanwhile."""


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seconds", type=float, default=10.0, help="of one rate")
    parser.add_argument("--rivals", nargs="+", choices=tuple(BACKLOG)[1:], default=tuple(BACKLOG)[1:])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--warm", type=int, help="events that fill the windows; those of 38 days when absent")
    parser.add_argument("--copies", type=int, default=12, help="how often the half year of payments is sent on end")
    parser.add_argument("--repeat", type=int, default=5, help="of the kernel's timings")
    parser.add_argument(
        "--results", type=Path, help="a JSON file: parts that are not run are taken from it, the others kept there"
    )
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    found: dict[str, Any] = {"machine": machine(), "date": today}
    if given.results and given.results.exists():
        found = {**json.loads(given.results.read_text()), **found}
    if "kernel" in given.parts:
        found["kernel"] = kernel_alone(given.repeat)
    with tempfile.TemporaryDirectory(prefix="bench-live-") as name:
        bench = Bench(Path(name), given)
        for part in given.parts:
            if part != "kernel":
                with kafka(heap=STEADY_HEAP) as cluster:
                    found[part] = getattr(bench, part)(cluster)
                if given.results:
                    given.results.write_text(json.dumps(found, indent=1))
    if given.write:
        write(PAGE, tables(found), (BEGIN, END))
    print(json.dumps({**summary(found), **found}))


def machine() -> dict[str, Any]:
    """What it ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    return {"cores": os.cpu_count(), "processor": ", ".join(sorted(models)), "load_before": os.getloadavg()[0]}


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """The figures of the last line."""
    alone, _, path, rivals, back = (found.get(part, {}) for part in PARTS)
    half = path.get("half", {})
    return {
        "bench": "live",
        "kernel_us_p50": alone.get("kernel_us_p50"),
        "kernel_events_s": alone.get("kernel_events_s"),
        "sustained_events_s": path.get("sustained_events_s"),
        "ratio_quix": _ratio(rivals, "quix"),
        "ratio_quix_backlog": _ratio(rivals, "quix", "capacity_events_s"),
        "ratio_quix_once": _ratio(rivals, "quix-once"),
        "p50_ms": half.get("p50_ms"),
        "p99_ms": half.get("p99_ms"),
        "recovery_s": back.get("recovery_s"),
    }


def _ratio(rivals: dict[str, Any], rival: str, rate: str = "sustained_events_s") -> float | None:
    ours, theirs = (rivals.get(name, {}).get(rate) for name in ("dayshift-features", rival))
    return round(ours / theirs, 2) if ours and theirs else None


# ------------------------------------------------------------------------------ kernel


def kernel_alone(repeat: int) -> dict[str, Any]:
    """As `make bench NAME=kernel`, its stream only, and the 99th percentile of single events."""
    _venv.borrow()
    plan, log = compile_plan(kernel.features(), {("payments", "amount"): 100}), kernel.read()
    found = kernel.stream(plan, log, repeat)
    print(f"{'kernel, 12 features, 1 core':<44}{'us p50':>9}{'us p99':>9}{'events/CPU s':>15}{'equal':>9}")
    print(f"{'one event a call':<44}{found['kernel_us_p50']:>9.2f}{found['kernel_us_p99']:>9.2f}")
    print(f"{'100 a call, arrays to answers':<62}{found['kernel_events_s']:>15,.0f}")
    print(f"{'100 a call, rows to rows':<62}{found['kernel_tape_events_s']:>15,.0f}")
    for name, row in found["contenders"].items():
        print(
            f"{name:<44}{row['us_p50']:>9.2f}{row['us_p99']:>9.2f}{row['events_s']:>15,.0f}{row['equal_answers']:>9.1%}"
        )
    return found


# ---------------------------------------------------------------------------- the path


class Bench:
    """The parts that need a broker; what they share is made once."""

    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        self.folder, self.given = folder, given
        self.payments = _cases.case("payments", folder)
        frame = self.payments.streams["payments"]
        self.stream = _payments.stream(frame, folder, given.copies)
        day = frame["at"].dt.date()
        warm = int((day < day[0] + _payments.days(WARM_DAYS)).sum())
        self.warm = given.warm or warm

    def floor(self, cluster: Cluster) -> dict[str, Any]:
        """What has to happen, alone."""
        trained = open_project(self.payments.registry.parent)
        found = _floor.measure(cluster, self.stream, trained, self.folder)
        print("\nthe floor: " + ", ".join(f"{name} {value}" for name, value in found.items()))
        return found

    def path(self, cluster: Cluster) -> dict[str, Any]:
        """With a model: the rates, half of saturation, and where the time goes."""
        course = Course(cluster, self.stream, self.folder, "dayshift", self._dayshift(cluster, "payments"))
        try:
            head()
            found, project = self._run(course, STEPS), self.folder / "dayshift-project"
            rate = found["sustained_events_s"] / 2 or 1_000.0
            before = status(project)["upkeep"]["labels"]
            half = course.stage(rate, HALF_STRETCHES * self.given.seconds)
            show("half of saturation", half)
            found["half"] = {**plain([half])[0], "labels": status(project)["upkeep"]["labels"] - before}
            found["where"] = self._where(course, project, found["capacity_events_s"])
        finally:
            course.close()
        return found

    def rivals(self, cluster: Cluster) -> dict[str, Any]:
        """Without a model, all on the same broker."""
        starts = {
            "dayshift-features": self._dayshift(cluster, "features"),
            "quix": self._rival(cluster, _venv.python(), "quix"),
            "quix-once": self._rival(cluster, _venv.python(), "quix", "--guarantee", "exactly-once", "--commit", "0.1"),
            "dictionaries": self._rival(cluster, Path(sys.executable), "dictionaries"),
        }
        found: dict[str, Any] = {"versions": {"quixstreams": _venv.version("quixstreams")}}
        answers = {}
        head()
        for name in self.given.rivals:
            course = Course(cluster, self.stream, self.folder, name, starts[name])
            try:
                found[name] = self._run(course, FEWER)
                answers[name] = {number: _numbers(row) for number, row in course.samples().items()}
            finally:
                course.close()
        for name, theirs in answers.items() if "dictionaries" in answers else ():
            both = answers["dictionaries"].keys() & theirs.keys()
            found[name]["sampled"] = len(both)
            found[name]["equal_answers"] = sum(theirs[n] == answers["dictionaries"][n] for n in both) / max(
                len(both), 1
            )
        return found

    def _run(self, course: Course, steps: tuple[float, ...]) -> dict[str, Any]:
        capacity = course.backlog(self.warm, BACKLOG[course.name])
        print(f"{course.name + ', from a backlog':<22}{capacity:>11,.0f}", flush=True)
        stages = climb(course, capacity, steps, self.given.seconds)
        return {
            "capacity_events_s": round(capacity),
            "sustained_events_s": round(sustained(stages)),
            "stages": plain(stages),
            "memory_mb": round(course.memory_mb),
            "repeated": course.repeated,
        }

    def _dayshift(self, cluster: Cluster, kind: str, live: str = "") -> Callable[[str, str], subprocess.Popen[bytes]]:
        """How `dayshift live` is started on a project: "payments" with a model, "features" without."""

        def start(source: str, output: str) -> subprocess.Popen[bytes]:
            root = self.folder / source.replace("-in", "-project")
            if not root.exists():
                content = "features" if kind == "features" else "predictions"
                settings = _cases.live_settings(cluster.address, {"payments": source}, content, output, live)
                self.payments.project(root, settings, registry=kind == "payments", kind=kind)
            return Life(root).process

        return start

    def _rival(
        self, cluster: Cluster, python: Path, name: str, *options: str
    ) -> Callable[[str, str], subprocess.Popen[bytes]]:
        def start(source: str, output: str) -> subprocess.Popen[bytes]:
            folder = self.folder / source.replace("-in", "")
            command = [str(python), str(ROOT / "bench" / "_rival.py"), name, "--brokers", cluster.address]
            command += ["--input", source, "--output", output, "--state", str(folder / "state"), *options]
            with (folder / "log").open("wb") as log:
                return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

        return start

    def _where(self, course: Course, project: Path, capacity: float) -> dict[str, float]:
        """Microseconds an event by step, while a backlog is worked off."""
        before = status(project)
        course.feed(int(capacity * self.given.seconds))
        course.wait()
        time.sleep(1.5)  # the status is a second old
        after = status(project)
        events = after["events"] - before["events"]
        steps = {name: after["seconds"][name] - before["seconds"].get(name, 0.0) for name in after["seconds"]}
        steps["journal (beside)"] = after["journal"]["seconds"] - before["journal"]["seconds"]
        steps["outputs (beside)"] = after["output_seconds"] - before["output_seconds"]
        found = {name: round(value / max(events, 1) * 1e6, 3) for name, value in steps.items()}
        print(
            "\nwhere the time goes, microseconds an event: " + ", ".join(f"{name} {us}" for name, us in found.items())
        )
        return found

    # ------------------------------------------------------------------------ recovery

    def recovery(self, cluster: Cluster) -> dict[str, Any]:
        """A million keys: memory, saving, and a cold start after a kill."""
        folder = self.folder / "synthetic"
        folder.mkdir()
        stream = _payments.synthetic(self.given.keys, folder)
        course = Course(
            cluster, stream, self.folder, "recovery", self._dayshift(cluster, "payments", 'checkpoint = "15s"')
        )
        project = self.folder / "recovery-project"
        try:
            course.feed(self.given.keys)
            course.start()
            course.wait()
            saved = self._saved(course, project)
            course.feed(AFTER_SAVING)
            course.wait()
            memory = course.memory_mb
            assert course.process is not None
            course.process.kill()
            course.process.wait()
            course.feed(1)
            begun = time.monotonic()
            course.start()
            course.wait()
            recovery = time.monotonic() - begun
        finally:
            course.close()
        engine = saved["engine"]
        found = {
            "keys": engine["keys"],
            "events_in_windows": engine["events"],
            "state_mb": round(engine["bytes"] / 1e6, 1),
            "bytes_a_key": round(engine["bytes"] / engine["keys"], 1),
            "bytes_an_event": round(engine["bytes"] / engine["events"], 1),
            "process_mb": round(memory),
            "checkpoint_s": round(saved["lake"]["checkpoint_s"], 2),
            "checkpoint_mb": round(saved["lake"]["checkpoint_bytes"] / 1e6, 1),
            "recovery_s": round(recovery, 2),
            "repeated": course.repeated,
        }
        print("\n" + ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in found.items()))
        return found

    def _saved(self, course: Course, project: Path, seconds: float = 180.0) -> dict[str, Any]:
        """The status once the state behind all that came so far is saved; a few events go on coming, as in life."""
        until, load = time.monotonic() + seconds, status(project)["load"]
        while time.monotonic() < until:
            course.feed(10)
            time.sleep(1.0)
            now = status(project)
            if now["lake"]["checkpoint_load"] >= load:
                return now
        raise RuntimeError(f"no state was saved within {seconds:g} s: {now['lake']}")


def status(project: Path) -> dict[str, Any]:
    """What the live run of a project says of itself."""
    return dict(json.loads((project / "lake" / "live" / "status.json").read_text()))


def _numbers(row: dict[str, Any]) -> list[Any]:
    """The twelve values of an answer, whoever gave it."""
    return (
        row["features"]
        if "features" in row
        else [value for name, value in row.items() if name.startswith(("customer_", "terminal_"))]
    )


if __name__ == "__main__":
    main()
