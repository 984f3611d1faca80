"""Time the kernel alone: the handbook's twelve windows on card transactions, as a history and as a stream.

    python bench/kernel.py [--repeat 5]

Prints a table and, as its last line, JSON. Needs `transactions.parquet` (DAYSHIFT_SHARED_DATA, or ../shared/data).
The handbook: Le Borgne, Siblini, Lebichot, Bontempi 2022, "Reproducible Machine Learning for Credit Card Fraud Detection".
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from dayshift.definition import Source, WindowFeature, decimal  # noqa: E402
from dayshift.kernel import history, steps  # noqa: E402
from dayshift.kernel.arrays import Events, Questions, Values  # noqa: E402
from dayshift.kernel.plan import Plan, compile_plan  # noqa: E402
from dayshift.kernel.stream import State  # noqa: E402
from dayshift.kernel.tape import write_tape  # noqa: E402

WIDTHS = ("1d", "7d", "30d")
YEAR_US = 366 * 86_400_000_000


def features() -> list[WindowFeature]:
    """Count and mean amount by customer, this payment included; count and risk by terminal, seven days later."""
    schema = {"id": int, "customer": int, "terminal": int, "amount": decimal(2), "fraud": bool}
    payments = Source("payments", time="at", key="id", schema=schema)
    customer = payments.by("customer").over(*WIDTHS, closed="right", including_self=True)
    terminal = payments.by("terminal").over(*WIDTHS, closed="right", delay="7d")
    return [*customer.count(), *customer.mean("amount"), *terminal.count(), *terminal.mean("fraud")]


def read(copies: int = 1) -> tuple[dict[str, Events], Questions]:
    """The transactions as arrays, repeated year after year `copies` times."""
    folder = Path(os.environ.get("DAYSHIFT_SHARED_DATA", ROOT.parent / "shared" / "data"))
    frame = pl.read_parquet(folder / "transactions.parquet")
    n = frame.height

    def column(name: str) -> np.ndarray:
        return np.tile(frame[name].cast(pl.Int64).to_numpy(), copies)

    years = np.repeat(np.arange(copies) * YEAR_US, n)
    at = np.tile(frame["TX_DATETIME"].cast(pl.Datetime("us")).cast(pl.Int64).to_numpy(), copies) + years
    position = np.arange(n * copies)
    customer, terminal = column("CUSTOMER_ID"), column("TERMINAL_ID")
    entities = {("customer",): customer, ("terminal",): terminal}
    columns = {"amount": Values(column("TX_AMOUNT_CENTS")), "fraud": Values(column("TX_FRAUD"))}
    events = {"payments": Events(at, position, entities, columns)}
    return events, Questions(at, position, [customer, terminal], position)


def part(log: tuple[dict[str, Events], Questions], first: int, last: int) -> tuple[dict[str, Events], Questions]:
    """A stretch of the log."""
    whole, questions = log[0]["payments"], log[1]
    cut = slice(first, last)
    columns = {name: Values(column.values[cut]) for name, column in whole.columns.items()}
    entities = {name: entity[cut] for name, entity in whole.entities.items()}
    events = {"payments": Events(whole.time[cut], whole.position[cut], entities, columns)}
    asked = [entity[cut] for entity in questions.entities]
    own = np.arange(whole.time[cut].size)
    return events, Questions(questions.time[cut], questions.position[cut], asked, own)


def best(plan: Plan, log: tuple[dict[str, Events], Questions], threads: int, repeat: int) -> tuple[float, float]:
    """The shortest wall and CPU seconds of a whole history."""
    walls, cpus = [], []
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        history.answer(plan, *log, threads=threads)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def stream(plan: Plan, log: tuple[dict[str, Events], Questions]) -> dict[str, float]:
    """Per event in a state that half the history has filled: one event a call, and micro-batches of 100."""
    state, n = State(plan), log[1].time.size
    for at in range(0, n // 2, 100_000):
        state.advance(*part(log, at, min(at + 100_000, n // 2)))
    singles = [write_tape(plan, state.tape, *part(log, at, at + 1)) for at in range(n // 2, n // 2 + 5_000)]
    out = np.empty((1, state.answer_words), np.int64)
    took = []
    for tape in singles:
        began = time.perf_counter_ns()
        steps.run(*state.memory, tape, 0, out)
        took.append(time.perf_counter_ns() - began)
    begin = n // 2 + 5_000
    batches = [part(log, at, at + 100) for at in range(begin, begin + 200_000, 100)]
    cpu = time.thread_time()
    for batch in batches:
        state.advance(*batch)
    batched = (time.thread_time() - cpu) / (len(batches) * 100)
    return {
        "event_us_p50": float(np.median(took)) / 1e3,
        "batch100_events_per_cpu_s": 1 / batched,
        "state_mb": state.bytes_used / 1e6,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    plan = compile_plan(features(), {("payments", "amount"): 100})
    log = read()
    history.answer(plan, *log)
    cores = os.cpu_count() or 1
    one, one_cpu = best(plan, log, 1, repeat)
    every, every_cpu = best(plan, log, cores, repeat)
    four = read(4)
    longer, longer_cpu = best(plan, four, cores, max(repeat // 2, 1))
    found = {
        "bench": "kernel",
        "rows": log[1].time.size,
        "features": len(plan.columns),
        "seconds": {"1 thread": one, f"{cores} threads": every},
        "cpu_seconds": {"1 thread": one_cpu, f"{cores} threads": every_cpu},
        "rows_4x": {"rows": four[1].time.size, "seconds": longer, "cpu_seconds": longer_cpu},
        "cpu_growth_at_4x": longer_cpu / every_cpu,
        **stream(plan, log),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(f"{'history, 12 features':<28}{'rows':>12}{'wall s':>10}{'CPU s':>10}")
    for name, rows, wall, cpu in (
        ("1 thread", log[1].time.size, one, one_cpu),
        (f"{cores} threads", log[1].time.size, every, every_cpu),
        (f"{cores} threads, four times", four[1].time.size, longer, longer_cpu),
    ):
        print(f"{name:<28}{rows:>12,}{wall:>10.3f}{cpu:>10.3f}")
    print(f"\nstream: one event a call {found['event_us_p50']:.2f} µs (median)")
    print(f"micro-batches of 100: {found['batch100_events_per_cpu_s']:,.0f} events per CPU second")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
