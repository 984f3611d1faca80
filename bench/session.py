"""Time an engine's live session: the handbook's twelve windows and three row features, in micro-batches from 1 to 10,000 rows.

    make bench NAME=session        # the last line is JSON; --keys 200000 for a smaller large state

From tables to tables: what `Session.take` does between the contract's frames and the features. `few` is the card
transactions with their 5 thousand customers and 10 thousand terminals; `many` draws customers out of a million, once as
numbers and once as texts, each of whom has paid before. CPU is that of the whole process, wall that of one call. Then the
state of the million: how long a snapshot blocks, how long it takes to make bytes of it on another thread, to restore it,
and whether the restored session goes on with the same bits. Needs `transactions.parquet` (DAYSHIFT_SHARED_DATA).
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from dayshift.definition import Pipeline, Source, decimal  # noqa: E402
from dayshift.engines.contract import FrameLog, Session  # noqa: E402
from dayshift.engines.local.engine import LocalEngine  # noqa: E402

WIDTHS = ("1d", "7d", "30d")
SIZES = {1: 1_000, 10: 500, 100: 300, 1_000: 100, 10_000: 20}
"""How many micro-batches of each size are timed."""
FILL = 100_000
EVENTS_A_KEY = 10


def pipeline(key: type) -> Pipeline:
    """The handbook's features, and three of the payment's own row."""
    schema = {"id": int, "customer": key, "terminal": key, "amount": decimal(2), "fraud": bool}
    payments = Source("payments", time="at", key="id", schema=schema)
    customer = payments.by("customer").over(*WIDTHS, closed="right", including_self=True)
    terminal = payments.by("terminal").over(*WIDTHS, closed="right", delay="7d")
    at = pl.col("at")
    row = payments.row(amount_paid=pl.col("amount"), weekend=at.dt.weekday() >= 6, night=at.dt.hour() <= 6)
    windows = [*customer.count(), *customer.mean("amount"), *terminal.count(), *terminal.mean("fraud")]
    return Pipeline("cards", predict=payments, features=[*windows, *row])


def transactions() -> pl.DataFrame:
    """The card transactions as a live source gives them."""
    folder = Path(os.environ.get("DAYSHIFT_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "transactions.parquet").exists():
        sys.exit(f"no data at {folder}: set DAYSHIFT_SHARED_DATA to its folder")
    at = pl.col("TX_DATETIME").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    frame = pl.read_parquet(folder / "transactions.parquet").select(
        pl.col("TRANSACTION_ID").cast(pl.Int64).alias("id"),
        at.alias("at"),
        pl.col("CUSTOMER_ID").cast(pl.Int64).alias("customer"),
        pl.col("TERMINAL_ID").cast(pl.Int64).alias("terminal"),
        (pl.col("TX_AMOUNT_CENTS") / 100).alias("amount"),
        pl.col("TX_FRAUD").cast(pl.Boolean).alias("fraud"),
    )
    return placed(frame.sort("at", "id"))


def placed(frame: pl.DataFrame) -> pl.DataFrame:
    """Events in order with a load and unique rising positions."""
    return frame.with_columns(_load=pl.lit(1, pl.Int64), _position=pl.int_range(pl.len(), dtype=pl.Int64))


def drawn(keys: int, text: bool) -> Iterator[pl.DataFrame]:
    """Thirty days of payments, EVENTS_A_KEY of each customer, then those that are timed; the last frame is the latter."""
    rng = np.random.default_rng(0)
    fill, timed = keys * EVENTS_A_KEY, sum(size * number for size, number in SIZES.items())
    gap, done = 30 * 86_400_000_000 // fill, 0
    for size in [*[FILL] * (fill // FILL), timed]:
        number = np.arange(done, done + size)
        first = number < keys
        customer = np.where(first, number, rng.integers(0, keys, size))
        frame = pl.DataFrame(
            {
                "id": number,
                "at": pl.Series(1_700_000_000_000_000 + number * gap).cast(pl.Datetime("us", "UTC")),
                "customer": customer,
                "terminal": rng.integers(0, keys // 50, size),
                "amount": rng.integers(1, 20_000, size) / 100,
                "fraud": rng.random(size) < 0.01,
            }
        )
        if text:
            names = [
                ("card-" + pl.col(name).cast(pl.String).str.zfill(12)).alias(name) for name in ("customer", "terminal")
            ]
            frame = frame.with_columns(names)
        yield frame.with_columns(_load=pl.lit(1, pl.Int64), _position=pl.int_range(done, done + size, dtype=pl.Int64))
        done += size


def opened(key: type, state: bytes | None = None) -> Session:
    """A session without a log behind it: no question here is late."""
    return LocalEngine().session(pipeline(key), lambda: FrameLog({}), state)


def timed(session: Session, frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Micro-batches of every size, one after the other."""
    rows, at = [], 0
    for size, number in SIZES.items():
        walls, rest = [], 5
        for batch in range(number):
            part = frame.slice(at, size)
            at += size
            if batch == rest:
                cpu = time.process_time()
            began = time.perf_counter_ns()
            table = session.take({"payments": part})
            walls.append((time.perf_counter_ns() - began) / 1e3)
            assert table.height == size
        used = (time.process_time() - cpu) * 1e6 / (number - rest)
        p50, p99 = np.percentile(walls[rest:], [50, 99])
        row = {"rows": size, "calls": number - rest, "cpu_us_call": used, "cpu_us_event": used / size}
        rows.append({**row, "wall_us_p50": p50, "wall_us_p99": p99, "events_s": size / p50 * 1e6})
    return rows


def snapshot(session: Session, key: type, frame: pl.DataFrame) -> dict[str, Any]:
    """How long a snapshot blocks, the first one and the next, and the rest of its life."""
    began = time.perf_counter()
    give = session.snapshot(1)
    first = time.perf_counter() - began
    give()
    del give
    began = time.perf_counter()
    give = session.snapshot(1)
    blocked = time.perf_counter() - began
    with ThreadPoolExecutor(1) as pool:
        began = time.perf_counter()
        made = pool.submit(give)
        meanwhile, table, walls = 0, pl.DataFrame(), []
        while not made.done():
            asked = time.perf_counter()
            table = session.take({"payments": frame.slice(meanwhile, 100)})
            walls.append(time.perf_counter() - asked)
            meanwhile += 100
        state = made.result()
        serialised = time.perf_counter() - began
    began = time.perf_counter()
    again = opened(key, state)
    restored = time.perf_counter() - began
    repeated = [again.take({"payments": frame.slice(at, 100)}) for at in range(0, meanwhile, 100)]
    return {
        **session.size,
        "state_mb": len(state) / 1e6,
        "blocked_first_s": first,
        "blocked_s": blocked,
        "serialise_s": serialised,
        "events_meanwhile": meanwhile,
        "meanwhile_ms_p99": float(np.percentile(walls, 99)) * 1e3,
        "meanwhile_ms_max": max(walls) * 1e3,
        "restore_s": restored,
        "equal": not meanwhile or repeated[-1].equals(table),
    }


def show(name: str, rows: list[dict[str, Any]]) -> None:
    """A table of one state."""
    print(f"\n{name}")
    print(
        f"{'rows a call':>12}{'calls':>7}{'CPU µs/call':>13}{'CPU µs/event':>14}{'wall µs p50':>13}{'p99':>10}{'events/s':>12}"
    )
    for row in rows:
        print(
            f"{row['rows']:>12,}{row['calls']:>7}{row['cpu_us_call']:>13,.0f}{row['cpu_us_event']:>14.2f}"
            f"{row['wall_us_p50']:>13,.0f}{row['wall_us_p99']:>10,.0f}{row['events_s']:>12,.0f}"
        )


def many(keys: int, key: type) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A session that knows so many keys: its micro-batches, and its snapshot."""
    session = opened(key)
    frames = drawn(keys, key is str)
    frame = pl.DataFrame()
    for frame in frames:
        if frame.height == FILL:
            session.take({"payments": frame})
    rows = timed(session, frame)
    span = pl.lit(frame["at"][-1] - frame["at"][0])
    later = frame.with_columns(pl.col("_position", "id") + frame.height, pl.col("at") + span)
    return rows, snapshot(session, key, later)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000)
    keys = parser.parse_args().keys
    frame, session = transactions(), opened(int)
    half = frame.height // 2 // FILL * FILL
    for at in range(0, half, FILL):
        session.take({"payments": frame.slice(at, FILL)})
    found: dict[str, Any] = {"few": timed(session, frame.slice(half))}
    show(f"{session.size['keys']:,} keys, {session.size['events']:,} entries in windows, numbers", found["few"])
    for name, key in (("many", int), ("many_texts", str)):
        found[name], state = many(keys, key)
        show(
            f"{state['keys']:,} keys, {state['events']:,} entries in windows, {'texts' if key is str else 'numbers'}",
            found[name],
        )
        found[f"{name}_state"] = state
        print(
            f"snapshot: blocked {state['blocked_s']:.2f} s (the first one {state['blocked_first_s']:.2f} s), bytes made in {state['serialise_s']:.2f} s beside"
            f" {state['events_meanwhile']:,} events (100 a call, p99 {state['meanwhile_ms_p99']:.1f} ms, longest"
            f" {state['meanwhile_ms_max']:.0f} ms), {state['state_mb']:,.0f} MB; restored in {state['restore_s']:.2f} s;"
            f" equal afterwards: {state['equal']}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rounded = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 3))
    print(json.dumps({"bench": "session", "features": len(pipeline(int).columns), **rounded, "peak_mb": round(peak)}))


if __name__ == "__main__":
    main()
