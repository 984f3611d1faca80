"""How often the adviser is right, on worlds whose answer is known.

    make bench NAME=calibration                      200 calm worlds, 50 each of slow drift, jumps and bursts, and the curves
    python bench/calibration.py --calm 20 --drift 5 --jumps 5 --bursts 5 --power 0      a quick look
    python bench/calibration.py --results runs.jsonl --write                            goes on where it stopped; the page

Each world goes through the real `advise`, in one process without workers; two worlds at a time. `false_needed` is the share
of calm worlds in which any capability is called needed although nothing is to be gained by it; the others are the shares
in which what is to be found was called needed: retraining (at all, or by a calendar) under drift and jumps, streaming
features under bursts. With
`--write` the tables go into docs/concepts/adviser-calibration.md. The last line is JSON.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "concepts" / "adviser-calibration.md"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS"), "1")
SHUFFLED = "shuffled_payments"
EFFECTS: dict[str, tuple[str, tuple[float, ...]]] = {
    "slow_drift": ("turn", (0.03, 0.05, 0.07, 0.14)),
    "jumps": ("leap", (0.8, 1.2, 2.4)),
    "bursts": ("heat", (0.8, 1.2, 1.8)),
}
LENGTHS = (16, 18, 20, 22, 32)


@dataclass(frozen=True)
class Job:
    """One world to be advised on, and which table it belongs to."""

    group: str
    kind: str
    seed: int
    chosen: dict[str, float] = field(default_factory=dict)
    window: str | None = "28d"

    @property
    def name(self) -> str:
        """The same for the same world."""
        return json.dumps(asdict(self), sort_keys=True)


def jobs(given: argparse.Namespace) -> Iterator[Job]:
    """Every world that is asked for."""
    for kind, count in (
        ("calm", given.calm),
        ("cold_start", given.cold),
        (SHUFFLED, given.shuffled),
        ("slow_drift", given.drift),
        ("jumps", given.jumps),
        ("bursts", given.bursts),
    ):
        yield from (Job("main", kind, seed) for seed in range(count))
    yield from (Job("main", "calm", seed, window=None) for seed in range(given.expanding))
    for kind, (name, sizes) in EFFECTS.items():
        yield from (Job("effect", kind, 1000 + seed, {name: size}) for size in sizes for seed in range(given.power))
    for weeks in LENGTHS:
        for kind in ("calm", *EFFECTS):
            yield from (Job("length", kind, 2000 + seed, {"weeks": weeks}) for seed in range(given.power))


# ------------------------------------------------------------------------- child


def advised(job: Job) -> dict[str, Any]:
    """One world through the adviser: verdicts, gains and truth by capability."""
    from dayshift.adviser.history import read_history
    from dayshift.adviser.run import CADENCE, FRESH, LABELS, AdviseRequest, advise
    from dayshift.definition.settings import Settings

    pipeline, log, truth = _world(job)
    begun = time.process_time()
    history = read_history(pipeline, log, threads=1)
    questions = frozenset((FRESH, LABELS, CADENCE))
    settings = Settings.model_validate({"train": {"window": job.window}} if job.window else {})
    request = AdviseRequest(history.known_until_us, settings, workers=0, seconds=float("inf"), questions=questions)
    advice = advise(history, request)
    found = {"job": asdict(job), "cpu_s": round(time.process_time() - begun, 2), "capabilities": {}}
    if advice.stopped_by:
        return {**found, "stopped": [asdict(one) for one in advice.stopped_by], "contrasts": []}
    delta = advice.skill.delta if advice.skill else None
    found |= {"delta": delta, "skill": advice.skill.value - advice.skill.floor if advice.skill else None}
    names = {
        "streaming features": "fresh features",
        "hourly features": "hourly features",
        "faster labels": "faster labels",
        "automatic retraining": "retraining",
        "retraining": "retraining at all",
    }
    for part in advice.parts:
        if part.name in names:
            gain = part.gain
            found["capabilities"][names[part.name]] = {
                "verdict": part.verdict,
                "gain": None if gain is None else [gain.mean, gain.low, gain.high],
                "weeks": None if gain is None else gain.weeks,
                "truth": _truth(truth, names[part.name]),
                "evidence": part.evidence,
            }
    found["contrasts"] = list(_contrasts(advice, truth))
    return found


def _truth(truth: Any, name: str) -> float | None:
    """What is really gained; of retraining at all only where nothing is: then weekly gains nothing over never either."""
    if name != "retraining at all":
        return truth(name)  # type: ignore[no-any-return]
    return 0.0 if truth("retraining") == 0 else None


def _world(job: Job) -> tuple[Any, Any, Any]:
    if job.kind == SHUFFLED:
        from _advised import shuffled

        pipeline, log = shuffled(job.seed)
        return pipeline, log, {"retraining": 0.0}.get  # labels known at once tell of the same day, which was kept whole
    from dayshift.testing.worlds import make

    world = make(job.kind, job.seed, **job.chosen)
    return world.pipeline, world.log, world.truth.of


def _contrasts(advice: Any, truth: Any) -> Iterator[dict[str, Any]]:
    """Every comparison of two levels with its interval; the truth where it is known."""
    ladders = [ladder for ladder in (advice.freshness, advice.label_delay) if ladder is not None]
    known = {"freshness.event": truth("fresh features"), "freshness.hour": truth("hourly features")}
    found = [rung.finding for ladder in ladders for rung in ladder.rungs if rung.finding is not None]
    found += [advice.cadence.finding] if advice.cadence is not None else []
    for finding in found:
        zero = truth("faster labels") == 0 and finding.name.startswith("label_delay.")
        true = 0.0 if zero else known.get(finding.name, truth("retraining") if finding.name == "retraining" else None)
        gain = finding.gain
        ends = None if gain is None else [gain.mean, gain.low, gain.high]
        yield {"name": finding.name, "verdict": finding.verdict, "gain": ends, "truth": true}


# ------------------------------------------------------------------------ report


def run(wanted: list[Job], results: Path | None, workers: int) -> list[dict[str, Any]]:
    """The result of each job; those that stand in `results` are not done again."""
    done: dict[str, dict[str, Any]] = {}
    if results is not None and results.exists():
        for line in results.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            done[Job(**one["job"]).name] = one
    left = [job for job in wanted if job.name not in done]
    print(f"{len(wanted)} worlds, {len(wanted) - len(left)} of them kept from before", file=sys.stderr)
    os.environ.update(ONE_THREAD)
    os.environ["PYTHONPATH"] = os.pathsep.join((str(ROOT / "src"), str(ROOT / "bench")))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        futures = [pool.submit(advised, job) for job in left]
        for number, future in enumerate(as_completed(futures), 1):
            one = future.result()
            done[Job(**one["job"]).name] = one
            if results is not None:
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(one) + "\n")
            if number % 20 == 0:
                print(f"{number} of {len(left)}", file=sys.stderr, flush=True)
    return [done[job.name] for job in wanted]


def figures(found: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The last line."""
    main = [one for one in found if one["job"]["group"] == "main" and one["job"]["window"]]
    kinds = {kind: [one for one in main if one["job"]["kind"] == kind] for kind in ("calm", *EFFECTS)}
    calm = kinds["calm"]
    return {
        "bench": "calibration",
        "calm": len(calm),
        "false_needed": share([any(needed(one, name) for name in one["capabilities"]) for one in calm]),
        "drift_found": share([_retrained(one) for one in kinds["slow_drift"]]),
        "jump_found": share([_retrained(one) for one in kinds["jumps"]]),
        "burst_found": share([needed(one, "fresh features") for one in kinds["bursts"]]),
    }


def _retrained(one: dict[str, Any]) -> bool:
    """Whether it says that models must be retrained, by a calendar or at all."""
    return needed(one, "retraining") or needed(one, "retraining at all")


def needed(one: dict[str, Any], capability: str) -> bool:
    """Whether the advice on this world calls the capability needed."""
    return bool(one["capabilities"].get(capability, {}).get("verdict") == "needed")


def share(found: list[bool]) -> float | None:
    """The share of those that hold, None without any."""
    return round(sum(found) / len(found), 4) if found else None


def main() -> int:
    """Runs, prints the tables, writes the page when asked; 1 when more than 5 % of calm worlds are called needy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calm", type=int, default=200)
    parser.add_argument("--cold", type=int, default=20)
    parser.add_argument("--expanding", type=int, default=20, help="calm worlds that are trained on all history")
    parser.add_argument("--shuffled", type=int, default=10, help="real payments with their days shuffled")
    for name in ("--drift", "--jumps", "--bursts"):
        parser.add_argument(name, type=int, default=50)
    parser.add_argument("--power", type=int, default=10, help="worlds for each point of the power curves")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--results", type=Path, help="a file that keeps each world's result, to go on later")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    from _advised import DATA
    from _calibrated import tables, write

    if not (DATA / "transactions.parquet").exists():
        given.shuffled = 0
    begun = time.monotonic()
    found = run(list(jobs(given)), given.results, given.workers)
    text = tables(found)
    print(text)
    cpu = sum(one["cpu_s"] for one in found)
    print(f"\n{len(found)} worlds, {cpu:,.0f} CPU s, {time.monotonic() - begun:,.0f} s")
    if given.write:
        write(PAGE, text)
    last = figures(found)
    print(json.dumps(last))
    return 1 if (last["false_needed"] or 0) > 0.05 else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    sys.exit(main())
