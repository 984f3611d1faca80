"""`dayshift advise` on three histories whose answers are known, and its samples against all rows.

    make bench NAME=advise                                   all three, and the exactness check
    python bench/advise.py --sets electricity --no-exact     one of them, quickly

Each set is a project in a folder of its own (`bench/advised/`), its lake loaded before, advised on by the real command in
its own process. `seconds` is the whole command, `peak_mb` what it and its workers held at most. The exactness check replays
the transactions by brute force with every row (`bench/_replay.py`) and prints both answers. The last line is JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import _advised as advised  # noqa: E402
import _replay as brute  # noqa: E402
import numpy as np  # noqa: E402
from _watched import watch  # noqa: E402

from dayshift.adviser.history import read_history  # noqa: E402
from dayshift.adviser.interval import gain as interval  # noqa: E402
from dayshift.adviser.weeks import weeks_of  # noqa: E402
from dayshift.lifecycle.project import Project  # noqa: E402

DAYSHIFT = [sys.executable, "-c", "from dayshift.cli import main; main()"]
WEEK_US = 7 * brute.DAY_US


def main() -> int:
    """Advise on each set; print a table of answers, the exactness check, and the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=advised.SETS, default=advised.SETS)
    parser.add_argument("--no-exact", dest="exact", action="store_false", help="leave the replay of all rows out")
    parser.add_argument(
        "--seconds", type=float, help="the time that each advice may take; the command's own when absent"
    )
    parser.add_argument("--keep", type=Path, help="keep the projects and their advice in this folder")
    given = parser.parse_args()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}
    subprocess.run([*DAYSHIFT, "warmup"], env=environment, check=True, capture_output=True)
    with tempfile.TemporaryDirectory(prefix="dayshift-bench-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        answers, seconds, peaks, whole = {}, {}, {}, {}
        for name in given.sets:
            project = advised.make(name, folder)
            limit = [] if given.seconds is None else ["--seconds", str(given.seconds)]
            done = watch([*DAYSHIFT, "advise", "--json", *limit], project.root, environment)
            if done.code:
                sys.exit(f"{name}: exit code {done.code}\n{done.stdout[-3000:]}\n{done.stderr}")
            whole[name] = json.loads(done.stdout)
            answers[name] = answer(whole[name])
            seconds[name], peaks[name] = round(done.seconds, 1), round(done.peak_mb)
            show(name, whole[name], answers[name], done.seconds, done.peak_mb)
            if name == "transactions" and given.exact:
                exactness(project, whole[name])
    print(json.dumps({"bench": "advise", "sets": answers, "seconds": seconds, "peak_mb": peaks}))
    return 0


# ----------------------------------------------------------------------- answers


def answer(advice: dict[str, Any]) -> dict[str, Any]:
    """Verdict, gain and interval of fresh features, retraining and shorter label delays.

    `retraining` is whether a model must be retrained at all; `automatic` whether more often than a hand does it;
    `suffices_weeks` and `knee` how often is enough; `more_data` and `decay` what all history adds and what age costs.
    """
    parts = {part["name"]: part for part in advice["parts"]}
    event = finding(advice["freshness"], "event")
    cadence = advice["cadence"] or {}
    hand, suffices = cadence.get("hand_weeks"), cadence.get("suffices")
    return {
        "fresh_features": measured(event["verdict"] if event else "undecided", event and event["gain"]),
        "retraining": {
            **measured(parts["retraining"]["verdict"], (cadence.get("against_never") or {}).get("gain")),
            "automatic": plain(cadence.get("finding")),
            "suffices_weeks": suffices,
            "too_lazy_weeks": cadence.get("too_lazy"),
            "knee": cadence.get("knee"),
            "by_hand": None if suffices is None else suffices >= hand,
            "more_data": plain(cadence.get("more_data")),
            "decay": plain(cadence.get("decay")),
        },
        "label_delay": measured(parts["faster labels"]["verdict"], parts["faster labels"]["gain"]),
    }


def finding(ladder: dict[str, Any] | None, level: str) -> dict[str, Any] | None:
    """What a ladder says of one of its levels."""
    return next((rung["finding"] for rung in (ladder or {}).get("rungs", ()) if rung["level"] == level), None)


def plain(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """A finding as verdict, gain and interval."""
    return None if found is None else measured(found["verdict"], found["gain"])


def measured(verdict: str, gain: dict[str, Any] | None) -> dict[str, Any]:
    """A verdict with the gain that it stands on."""
    if not gain:
        return {"verdict": verdict, "gain": None, "interval": None}
    return {
        "verdict": verdict,
        "gain": round(gain["mean"], 5),
        "interval": [round(gain[end], 5) for end in ("low", "high")],
    }


def show(name: str, advice: dict[str, Any], found: dict[str, Any], seconds: float, peak_mb: float) -> None:
    """One set on the terminal."""
    skill = advice["skill"] or {}
    print(f"\n{name}: {advice['headline']}")
    print(f"  {seconds:.1f} s, {peak_mb:,.0f} MB; {json.dumps(advice['how'])[:400]}")
    if skill:
        print(
            f"  {skill['metric']} {skill['value']:.4f}, floor {skill['floor']:.4f}, smallest gain {skill['delta']:.4f}"
        )
        print(f"  naive: {skill['naive']}")
    for part in advice["parts"]:
        print(f"  {part['name']:22} {part['verdict']:12} {part['evidence']}")
    print(f"  {json.dumps(found)}")
    for said in (*advice["notes"], *advice["contradictions"], *advice["unfinished"], *advice["stopped_by"]):
        print(f"  note: {said}")


# --------------------------------------------------------------------- exactness


def exactness(project: Project, advice: dict[str, Any]) -> None:
    """The gains of the sampled advice beside those of all rows, one seed."""
    log = project.lake.as_log()
    history = read_history(project.pipeline, log)
    weeks = weeks_of(history, None)
    clock = brute.Clock(int(weeks.t0), weeks.count, weeks.window_us // brute.DAY_US, 1)
    del history
    event, midnight = (brute.rows_of(project.pipeline, log, level) for level in ("event", "midnight"))
    base, foot = brute.grid(event, clock)[:, 0], brute.grid(midnight, clock)[:, 0]
    rows = [exact_row("freshness.event", finding(advice["freshness"], "event"), base - foot, weeks)]
    hour = brute.grid(brute.rows_of(project.pipeline, log, "hour"), clock)[:, 0]
    rows.append(exact_row("freshness.hour", finding(advice["freshness"], "hour"), hour - foot, weeks))
    for days in (3, 1):
        sooner = brute.rows_of(project.pipeline, log, "event", (7 - days) * brute.DAY_US)
        whole = brute.grid(sooner, clock)[:, 0]
        rows.append(exact_row(f"label_delay.{days}d", finding(advice["label_delay"], f"{days}d"), whole - base, weeks))
    old = brute.grid(event, brute.Clock(clock.first_us, clock.weeks, None, 4))
    lost = np.full(clock.weeks, np.nan)
    lost[3:] = old[3:, 0] - old[3:].mean(axis=1)
    rows.append(exact_row("weekly over every 4 weeks", (advice["cadence"] or {}).get("finding"), lost, weeks))
    print("\n| gain | all rows | sampled | difference in half widths |\n|---|---|---|---|")
    print("\n".join(rows))


def exact_row(name: str, sampled: dict[str, Any] | None, weekly: np.ndarray, weeks: Any) -> str:
    """One line of the table."""
    whole = interval(weekly, weeks.starts)
    assert whole is not None
    shown = f"{whole.mean:+.4f} [{whole.low:+.4f}, {whole.high:+.4f}]"
    gain = (sampled or {}).get("gain")
    if not gain:
        return f"| {name} | {shown} | | |"
    half = (gain["high"] - gain["low"]) / 2
    theirs = f"{gain['mean']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
    return f"| {name} | {shown} | {theirs} | {(gain['mean'] - whole.mean) / half:+.2f} |"


if __name__ == "__main__":
    sys.exit(main())
