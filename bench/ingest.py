"""A CSV larger than the memory that the process may have, through contract, lake and features.

    make bench NAME=ingest                       20 million rows, 2.3 GB, under a limit of 2,000 MiB
    python bench/ingest.py --rows 2000000        a smaller one

Side by side, each in its own process: Dayshift's ingest (every row judged by its contract, keys hashed and compared,
Delta tables committed) under the limit, and plain Polars (`scan_csv` with types, `sink_parquet`) without one. One row in
ten thousand has an amount that is no number, one comes twice in a row, and one in a million again after half a million
others, so the counts that must come out are
known: `lost` is how many rows are missing from them. Plain Polars turns such an amount into null, and keeps both.

The limit is RLIMIT_DATA: all memory that the process can write to, stacks included. RLIMIT_AS would count address space
that thread pools and allocators only reserve (2 GB before the first row); RLIMIT_DATA counts some of that, too. What is
in use, the peak of the resident set, is `peak_mb`.
"""

import argparse
import datetime as dt
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

LIMIT_MB = 2_000
PART = 1_000_000
EVERY = 10_000
START_US = 1_577_836_800_000_000
STEP_US = 1_500_000
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def main() -> None:
    """Makes the files, runs the processes, prints the table and the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--limit-mb", type=int, default=LIMIT_MB)
    parser.add_argument("--repeat", type=int, default=2, help="runs of the whole size; the best of each counts")
    parser.add_argument("--part", nargs=3, metavar=("WHAT", "FILE", "MB"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        what, file, limit = given.part
        print(json.dumps({"plain": plain, "ingest": ingest, "features": features}[what](Path(file), int(limit))))
        return
    with tempfile.TemporaryDirectory(prefix="dayshift-bench-", dir=os.environ.get("DAYSHIFT_BENCH_TMP")) as folder:
        report(Path(folder), given.rows, given.limit_mb, given.repeat)


def report(folder: Path, rows: int, limit_mb: int, repeat: int) -> None:
    """Measures three sizes, and the whole size against plain Polars."""
    print(f"{'rows':>12}  {'CSV MB':>7}  {'what':<28}{'seconds':>9}{'CPU s':>8}{'rows/s':>12}{'peak MB':>9}")
    flat: dict[int, float] = {}
    for share in (4, 2):
        file = generate(folder, rows // share)
        flat[rows // share] = line(run("ingest", file, limit_mb), rows // share, file, "Dayshift, ingest")["peak_mb"]
        shutil.rmtree(file.with_suffix(".lake"))
        file.unlink()
    file = generate(folder, rows)
    plains, ours = [], []
    for turn in range(repeat):
        plains.append(line(run("plain", file, 0), rows, file, "plain Polars, no contract"))
        if turn:
            shutil.rmtree(file.with_suffix(".lake"))
        ours.append(line(run("ingest", file, limit_mb), rows, file, "Dayshift, ingest"))
    told = line(run("features", file, limit_mb), rows, file, "Dayshift, 12 features")
    best_plain, best = (min(runs, key=lambda one: one["seconds"]) for runs in (plains, ours))
    flat[rows] = max(one["peak_mb"] for one in ours)
    cpu = min(one["cpu"] for one in plains) / min(one["cpu"] for one in ours)
    print(
        json.dumps(
            {
                "bench": "ingest",
                "rows": rows,
                "csv_mb": round(file.stat().st_size / 1e6),
                "seconds": {"polars": round(best_plain["seconds"], 2), "dayshift": round(best["seconds"], 2)},
                "rows_per_second": round(rows / best["seconds"]),
                "ratio_polars": round(best_plain["seconds"] / best["seconds"], 2),
                "ratio_polars_cpu": round(cpu, 2),
                "peak_mb": max(flat[rows], told["peak_mb"]),
                "peak_mb_features": told["peak_mb"],
                "peak_mb_by_rows": flat,
                "peak_mb_polars": best_plain["peak_mb"],
                "limit_mb": limit_mb,
                "lost": sum(one["lost"] for one in [*ours, told]),
            }
        )
    )


def line(found: dict[str, Any], rows: int, file: Path, what: str) -> dict[str, Any]:
    """Prints one row of the table."""
    size = file.stat().st_size / 1e6
    print(
        f"{rows:12,}  {size:7,.0f}  {what:<28}{found['seconds']:9.1f}{found['cpu']:8.1f}{rows / found['seconds']:12,.0f}{found['peak_mb']:9.0f}",
        flush=True,
    )
    return found


def run(what: str, file: Path, limit_mb: int) -> dict[str, Any]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, "--part", what, str(file), str(limit_mb)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{what} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# ------------------------------------------------------------------------ the file


def generate(folder: Path, rows: int) -> Path:
    """Card payments as CSV, 115 bytes each, a million rows at a time."""
    import numpy as np
    import polars as pl

    file = folder / f"payments-{rows}.csv"
    with file.open("wb") as out:
        for start in range(0, rows, PART):
            n = min(PART, rows - start)
            number = np.arange(start, start + n)
            number[number % EVERY == 1] -= 1  # comes twice, side by side
            number[number % PART == PART // 2 + 2] -= PART // 2  # comes twice, far apart
            times = START_US + number * STEP_US
            cents = (number * 7_919) % 50_000
            frame = pl.DataFrame(
                {
                    "payment_id": number,
                    "at": pl.Series(times).cast(pl.Datetime("us")),
                    "card": (number * 48_271) % 200_003,
                    "terminal": (number * 69_621) % 10_007,
                    "cents": cents,
                    "score": (number * 16_807) % 1_000_003 / 1_000_003,
                    "country": np.array(["NL", "DE", "FR", "GB"])[number % 4],
                    "channel": np.array(["web", "pos", "app"])[number % 3],
                    "reference": (number * 2_654_435_761) % 10**12,
                }
            )
            text = frame.select(
                pl.format("p{}", "payment_id").alias("payment_id"),
                pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S").alias("at"),
                pl.format("C{}", "card").alias("card"),
                "terminal",
                pl.when(pl.col("payment_id") % EVERY == 7)
                .then(pl.lit("unknown"))
                .otherwise(
                    pl.format("{}.{}", pl.col("cents") // 100, (pl.col("cents") % 100).cast(pl.String).str.zfill(2))
                )
                .alias("amount"),
                "score",
                "country",
                "channel",
                pl.format("REF-{}-{}-{}", "reference", "payment_id", "reference").alias("reference"),
            )
            text.write_csv(out, include_header=start == 0)
    return file


# ------------------------------------------------------------------------ what is measured


def measured(since: float) -> dict[str, Any]:
    """Wall and CPU seconds, and the peak of the resident set so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()  # ru_maxrss would remember the parent's
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    return {
        "seconds": time.perf_counter() - since,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mb": round(peak),
    }


def plain(file: Path, _: int) -> dict[str, Any]:
    """Polars alone: read with types, write Parquet."""
    import polars as pl

    kinds = {
        "payment_id": pl.String,
        "at": pl.Datetime("us"),
        "card": pl.String,
        "terminal": pl.Int64,
        "amount": pl.Float64,
    }
    kinds |= {"score": pl.Float64, "country": pl.String, "channel": pl.String, "reference": pl.String}
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        since = time.perf_counter()
        pl.scan_csv(file, schema=kinds, ignore_errors=True).sink_parquet(Path(folder) / "out.parquet")
        return measured(since)


def pipeline() -> Any:
    """Payments with a contract on every column; counts and means of two keys over three windows."""
    import dayshift as ds

    schema = {
        "payment_id": ds.Column(str, pattern="p[0-9]+"),
        "card": str,
        "terminal": ds.Column(int, minimum=0),
        "amount": ds.decimal(2, minimum=0, maximum=10_000),
        "score": ds.Column(float, bits=30, minimum=0, maximum=1),
        "country": ds.Column(str, allowed=("NL", "DE", "FR", "GB")),
        "channel": ds.Column(str, allowed=("web", "pos", "app")),
        "reference": str,
    }
    payments = ds.Source("payments", time="at", key="payment_id", schema=schema)
    recent = ("1h", "1d", "7d")
    features = [payments.by(key).over(*recent).count() for key in ("card", "terminal")]
    features += [payments.by(key).over(*recent).mean("amount") for key in ("card", "terminal")]
    return ds.Pipeline("payments", predict=payments, features=features)


def ingest(file: Path, limit_mb: int) -> dict[str, Any]:
    """Dayshift's ingest under the limit, and whether every row is where it belongs."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit_mb << 20,) * 2)
    from dayshift.definition.settings import Settings
    from dayshift.lake import Lake
    from dayshift.lifecycle.ingest import ingest as load

    lake = Lake(file.with_suffix(".lake"))
    settings = Settings.model_validate({"sources": {"payments": {"files": file.name}}})
    since = time.perf_counter()
    report = load(pipeline(), settings, lake, file.parent, NOW)
    found = measured(since)
    rows = int(file.stem.split("-")[1])
    twice = -(-(rows - 1) // EVERY) + -(-(rows - PART // 2 - 2) // PART)
    bad = -(-(rows - 7) // EVERY)
    stored = lake.as_log().scan("payments").select("payment_id").collect(engine="streaming").height
    wanted, came = (rows, rows - bad - twice, bad, twice), (report.read, stored, report.quarantined, report.duplicates)
    return {**found, "lost": sum(abs(one - other) for one, other in zip(wanted, came, strict=True))}


def features(file: Path, limit_mb: int) -> dict[str, Any]:
    """Features of all payments in the lake, into a table of the lake, under the limit."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit_mb << 20,) * 2)
    from dayshift.engines.local.engine import LocalEngine
    from dayshift.lake import Lake

    lake = Lake(file.with_suffix(".lake"))
    since = time.perf_counter()
    table = lake.table("features", "payments")
    table.append_once(LocalEngine(stretch=500_000).features(pipeline(), lake.as_log()), "bench", 1)
    found = measured(since)
    asked, answered = (one.select(pl_len()).collect().item() for one in (lake.as_log().scan("payments"), table.scan()))
    return {**found, "lost": asked - answered}


def pl_len() -> Any:
    """The number of rows."""
    import polars as pl

    return pl.len()


if __name__ == "__main__":
    main()
