"""Windowed features side by side: Dayshift, Polars rolling, DuckDB window frames, pandas groupby.rolling.

Every contender runs in its own process on all cores, repetitions interleaved. `seconds` is the median time of a
computation that is not the process's first (encoding, sorting and decoding are part of it, reading the file is not);
`process` is the whole process from its start: imports, reading, the first computation. `peak_mb` is the process's largest
resident memory up to there. The answers are compared: counts equal, means within 1e-9. RANGE frames and Polars' windows
also count later rows of the same key at the same time, which no question could have seen; those rows are counted out, and
shown to differ by exactly that.

    make bench NAME=features        # the last line is JSON
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import _contenders as contenders
import polars as pl

DATA = Path(os.environ.get("DAYSHIFT_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PROCESSES = int(os.environ.get("BENCH_PROCESSES", "3"))
TIMES = (1, 3, 10)
CLOSE = 1e-9


# ------------------------------------------------------------------------- child


def run_one(task: str, name: str, source: Path, started: float, repeats: int, save: Path | None) -> None:
    """One contender in this process; prints its figures as JSON."""
    read, compute, table = contenders.CONTENDERS[task][name]()
    held = read(source)
    found = compute(held)
    whole = time.monotonic() - started
    peak = peak_mb()
    seconds, cpu = [], []
    if save is not None:
        table(found).write_parquet(save)
    del found
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        again = compute(held)
        seconds.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
        del again
    print(json.dumps({"seconds": seconds, "cpu": cpu, "process": whole, "peak_mb": peak}))


def peak_mb() -> float:
    """The largest resident memory of this process so far; `ru_maxrss` would also remember the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def start(task: str, name: str, source: Path, repeats: int, save: Path | None = None) -> dict[str, Any]:
    """Run a contender in a process of its own."""
    command = [sys.executable, __file__, "--task", task, "--contender", name, "--source", str(source)]
    command += ["--repeats", str(repeats), *(["--save", str(save)] if save else [])]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}
    done = subprocess.run(
        [*command, "--started", str(time.monotonic())], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{name} on {task} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


# ------------------------------------------------------------------------- input


def payments(folder: Path, times: int = 1) -> Path:
    """The transactions in order; `times` over, each copy with customers, terminals and ids of its own."""
    time_ = pl.col("TX_DATETIME").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    one = pl.read_parquet(DATA / "transactions.parquet").select(
        pl.col("TRANSACTION_ID").cast(pl.Int64).alias("id"),
        time_.alias("at"),
        pl.col("CUSTOMER_ID").cast(pl.Int64).alias("customer"),
        pl.col("TERMINAL_ID").cast(pl.Int64).alias("terminal"),
        (pl.col("TX_AMOUNT_CENTS") / 100).alias("amount"),
        pl.col("TX_FRAUD").cast(pl.Int64).alias("fraud"),
    )
    shift = {name: int(one[name].max()) + 1 for name in ("id", "customer", "terminal")}  # type: ignore[call-overload]
    copies = [one.with_columns(pl.col(name) + size * copy for name, size in shift.items()) for copy in range(times)]
    path = folder / f"payments_{times}.parquet"
    placed = {"_load": pl.lit(1, pl.Int64), "_position": pl.col("at").to_physical()}
    pl.concat(copies).sort("at", "id").with_columns(**placed).write_parquet(path, row_group_size=250_000)
    return path


def flights(folder: Path) -> Path:
    """The three streams of each flight of New York 2013: scheduled, departed, arrived."""
    utc = [
        pl.col(name).dt.cast_time_unit("us").dt.replace_time_zone("UTC")
        for name in ("sched_dep", "dep_ts", "arr_known_ts")
    ]
    table = (
        pl.read_parquet(DATA / "flights.parquet")
        .with_row_index("id")
        .with_columns(pl.col("id").cast(pl.Int64), pl.col("carrier", "tailnum", "origin", "dest").cast(pl.String), *utc)
    )
    keys = ["id", "origin", "dest", "carrier", "tailnum"]
    streams = {"flights": ("sched_dep", "scheduled_at", None), "departures": ("dep_ts", "departed_at", "dep_delay")}
    streams["arrivals"] = ("arr_known_ts", "arrived_at", "arr_delay")
    for name, (column, called, value) in streams.items():
        values = [pl.col(value).cast(pl.Int64)] if value else []
        rows = table.filter(pl.col(column).is_not_null(), *[pl.col(value).is_not_null() for _ in values])
        placed = {"_load": pl.lit(1, pl.Int64), "_position": pl.col(called).to_physical()}
        chosen = rows.select(*keys, pl.col(column).alias(called), *values).sort(called, "id")
        chosen.with_columns(**placed).select(
            *keys, called, "_load", "_position", *[v for v in [value] if v]
        ).write_parquet(folder / f"{name}.parquet")
    return folder


# ---------------------------------------------------------------------- equality


def later_ties(frame: pl.DataFrame, key: str) -> pl.Series:
    """For each payment how many later ones of its key happened at the same time."""
    return frame.select((pl.len() - pl.int_range(1, pl.len() + 1)).over(key, "at")).to_series()


def compare(ours: pl.DataFrame, theirs: pl.DataFrame, ties: dict[str, pl.Series], counts: list[str]) -> dict[str, Any]:
    """Rows that differ but for the ties, the largest difference of means, and how many rows the ties explain."""
    wrong, explained, gap = 0, pl.Series([False]).new_from_index(0, ours.height), 0.0
    for name in [column for column in ours.columns if column != "id"]:
        extra = ties.get(name.split("_")[0])
        tied = pl.Series([False]).new_from_index(0, ours.height) if extra is None else extra > 0
        if name in counts:
            more = theirs[name].cast(pl.Int64) - ours[name]
            wrong += int((more != (0 if extra is None else extra.cast(pl.Int64))).sum())
            explained = explained | (more != 0)
            continue
        wrong += int(((ours[name].is_null() != theirs[name].is_null()) & ~tied).sum())
        difference = (ours[name] - theirs[name]).abs().filter(~tied).max()
        gap = max(gap, float(difference or 0.0))  # type: ignore[arg-type]
    return {"wrong": wrong, "tied_rows": int(explained.sum()), "largest_gap": gap, "equal": wrong == 0 and gap <= CLOSE}


# ------------------------------------------------------------------------ report


def race(task: str, source: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Every contender in interleaved processes (pandas in one); medians, and where each saved its answers."""
    names = list(contenders.CONTENDERS[task])
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    start(task, "dayshift", source, 0)  # compiled kernels are kept on disk
    for number in range(PROCESSES):
        for name in names:
            if name == "pandas" and number:
                continue
            repeats = 1 if name == "pandas" else 3
            save = folder / f"{task}_{name}.parquet" if number == 0 else None
            runs[name].append(start(task, name, source, repeats, save))
    return {name: summary(found) for name, found in runs.items()}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over processes and repetitions."""
    seconds = [second for run in runs for second in run["seconds"]]
    return {
        "seconds": statistics.median(seconds),
        "best": min(seconds),
        "cpu": statistics.median(second for run in runs for second in run["cpu"]),
        "process": statistics.median(run["process"] for run in runs),
        "peak_mb": statistics.median(run["peak_mb"] for run in runs),
        "n": len(seconds),
    }


def show(title: str, rows: int, found: dict[str, dict[str, Any]]) -> None:
    """A table of one race."""
    print(f"\n{title}: {rows:,} rows, {os.cpu_count()} cores")
    print(
        f"  {'':10} {'compute s':>10} {'(best)':>8} {'x dayshift':>11} {'CPU s':>7} {'process s':>10} {'peak MB':>8} {'n':>3}"
    )
    ours = found["dayshift"]["seconds"]
    for name, row in found.items():
        ratio = row["seconds"] / ours
        print(
            f"  {name:10} {row['seconds']:10.3f} {row['best']:8.3f} {ratio:11.1f} {row['cpu']:7.2f} {row['process']:10.2f}"
            f" {row['peak_mb']:8.0f} {row['n']:3}"
        )


def main(folder: Path) -> dict[str, Any]:
    """All races; the figures for the last line."""
    source = payments(folder)
    found = race("payments", source, folder)
    frame = pl.read_parquet(source)
    show("Card payments, 12 windowed features", frame.height, found)
    answers = {name: pl.read_parquet(folder / f"payments_{name}.parquet") for name in found}
    ties = {"customer": later_ties(frame, "customer")}
    judged = {
        name: compare(answers["dayshift"], answers[name], {} if name == "pandas" else ties, contenders.COUNTS)
        for name in found
        if name != "dayshift"
    }
    folder_ = flights(folder)
    flown = race("flights", folder_, folder)
    show("Flights with three sources, 11 features", pl.read_parquet(folder_ / "flights.parquet").height, flown)
    seen = {name: pl.read_parquet(folder / f"flights_{name}.parquet") for name in flown}
    judged["polars, flights"] = compare(seen["dayshift"], seen["polars"], {}, [*contenders.FLIGHT_COUNTS])
    print()
    for name, verdict in judged.items():
        print(
            f"  against {name}: {verdict['wrong']} values differ beyond the rule; largest gap of means {verdict['largest_gap']:.1e};"
            f" {verdict['tied_rows']} rows count later ties"
        )
    line = linearity(folder)
    return {
        "bench": "features",
        "rows": frame.height,
        "seconds": {name: round(row["seconds"], 3) for name, row in found.items()},
        **{
            f"ratio_{name}": round(row["seconds"] / found["dayshift"]["seconds"], 2)
            for name, row in found.items()
            if name != "dayshift"
        },
        "peak_mb": {name: round(row["peak_mb"]) for name, row in found.items()},
        "equal": all(verdict["equal"] for verdict in judged.values()),
        "process_seconds": {name: round(row["process"], 2) for name, row in found.items()},
        "cpu_seconds": {name: round(row["cpu"], 3) for name, row in found.items()},
        "tied_rows": {name: verdict["tied_rows"] for name, verdict in judged.items()},
        "largest_gap": {name: verdict["largest_gap"] for name, verdict in judged.items()},
        "flights": {
            "rows": seen["dayshift"].height,
            "seconds": {name: round(row["seconds"], 3) for name, row in flown.items()},
            "ratio_polars": round(flown["polars"]["seconds"] / flown["dayshift"]["seconds"], 2),
            "process_seconds": {name: round(row["process"], 2) for name, row in flown.items()},
            "peak_mb": {name: round(row["peak_mb"]) for name, row in flown.items()},
        },
        "linearity": line,
    }


def linearity(folder: Path) -> list[dict[str, Any]]:
    """Dayshift alone from a table on disk, to ten times the rows."""
    rows = []
    print("\nFrom disk, stretch by stretch, with more customers and terminals:")
    print(f"  {'rows':>12} {'compute s':>10} {'µs a row':>9} {'peak MB':>8}")
    for times in TIMES:
        source = payments(folder, times)
        count = pl.scan_parquet(source).select(pl.len()).collect().item()
        run = start("stretches", "dayshift", source, 1)
        seconds = run["seconds"][0]
        print(f"  {count:12,} {seconds:10.2f} {seconds / count * 1e6:9.3f} {run['peak_mb']:8.0f}")
        rows.append({"rows": count, "seconds": round(seconds, 3), "peak_mb": round(run["peak_mb"])})
        source.unlink()
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contender")
    parser.add_argument("--task")
    parser.add_argument("--source", type=Path)
    parser.add_argument("--started", type=float)
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    if given.contender:
        run_one(given.task, given.contender, given.source, given.started, given.repeats, given.save)
    elif not (DATA / "transactions.parquet").exists():
        sys.exit(f"no data at {DATA}: set DAYSHIFT_SHARED_DATA to its folder")
    else:
        with tempfile.TemporaryDirectory(prefix="bench-features-") as name:
            print(json.dumps(main(Path(name))))
