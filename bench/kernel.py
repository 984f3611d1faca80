"""Time the kernel alone: the handbook's twelve windows on card transactions, as a history and as a stream.

    python bench/kernel.py [--repeat 5]

Prints a table and, as its last line, JSON. Beside the stream run pure Python dictionaries and, if `river` is installed,
River; `equal`: how many of their answers are the kernel's, bit for bit. Needs `transactions.parquet` (DAYSHIFT_SHARED_DATA, or ../shared/data).
The handbook: Le Borgne, Siblini, Lebichot, Bontempi 2022, "Reproducible Machine Learning for Credit Card Fraud Detection".
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

import _streams  # noqa: E402

from dayshift.definition import Source, WindowFeature, decimal  # noqa: E402
from dayshift.kernel import history  # noqa: E402
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


class Stream:
    """A state filled by the first half of the log, and what comes next."""

    def __init__(self, plan: Plan, log: tuple[dict[str, Events], Questions]) -> None:
        self.plan, self.log, self.half = plan, log, log[1].time.size // 2
        state = State(plan)
        for at in range(0, self.half, 100_000):
            state.advance(*part(log, at, min(at + 100_000, self.half)))
        self.saved, self.bytes_used, self.held = state.save(), state.bytes_used, state.held

    def parts(self, size: int, number: int) -> list[tuple[dict[str, Events], Questions]]:
        """The next micro-batches."""
        return [part(self.log, at, at + size) for at in range(self.half, self.half + size * number, size)]

    def single(self, number: int = 5_000) -> tuple[float, float]:
        """Microseconds of one event a call, its row on the tape already written; median and 99th percentile, wall."""
        state, took = State.restore(self.plan, self.saved), []
        for tape in [write_tape(self.plan, state.tape, *each) for each in self.parts(1, number)]:
            began = time.perf_counter_ns()
            state.run(tape, 1)
            took.append(time.perf_counter_ns() - began)
        return float(np.median(took)) / 1e3, float(np.quantile(took, 0.99)) / 1e3

    def batched(self, size: int = 100, number: int = 2_000) -> tuple[float, float]:
        """Events a CPU second in micro-batches: from arrays to answers, and from the tape's rows to those of answers."""
        batches = self.parts(size, number)
        state = State.restore(self.plan, self.saved)
        began = time.thread_time()
        for batch in batches:
            state.advance(*batch)
        whole = time.thread_time() - began
        state = State.restore(self.plan, self.saved)
        tapes = [write_tape(self.plan, state.tape, *batch) for batch in batches]
        began = time.thread_time()
        for tape in tapes:
            state.run(tape, size)
        return size * number / whole, size * number / (time.thread_time() - began)


def contend(
    step: _streams.Step, made: Stream, number: int = 5_000
) -> tuple[dict[str, float], list[list[float | None]]]:
    """Microseconds of an event, median and 99th percentile, events a CPU second, and the answers, of a contender that has
    seen the last 38 days."""
    payments = made.log[0]["payments"]
    customer, terminal = (entity.tolist() for entity in made.log[1].entities)
    amount, fraud, at = (
        a.tolist() for a in (payments.columns["amount"].values, payments.columns["fraud"].values, payments.time)
    )
    first = int(np.searchsorted(payments.time, payments.time[made.half] - 38 * _streams.DAY_US))
    for i in range(first, made.half):
        step((at[i], customer[i], terminal[i], amount[i], fraud[i]))
    took, answers, cpu = [], [], time.thread_time()
    for i in range(made.half, made.half + number):
        began = time.perf_counter_ns()
        answers.append(step((at[i], customer[i], terminal[i], amount[i], fraud[i])))
        took.append(time.perf_counter_ns() - began)
    us_p50, us_p99 = (float(np.quantile(took, share)) / 1e3 for share in (0.5, 0.99))
    return {"us_p50": us_p50, "us_p99": us_p99, "events_s": number / (time.thread_time() - cpu)}, answers


def agrees(plan: Plan, made: Stream, answers: list[list[float | None]]) -> float:
    """The share of a contender's answers that are the kernel's."""
    found = State.restore(plan, made.saved).advance(*made.parts(len(answers), 1)[0])
    same = 0
    for column, theirs in zip(found, zip(*answers, strict=True), strict=True):
        valid = [True] * len(answers) if column.valid is None else column.valid.tolist()
        mine = [value if there else None for value, there in zip(column.values.tolist(), valid, strict=True)]
        same += sum(a == b for a, b in zip(mine, theirs, strict=True))
    return same / (len(found) * len(answers))


def stream(plan: Plan, log: tuple[dict[str, Events], Questions], repeat: int) -> dict[str, Any]:
    """The state and its contenders, one after the other in each repetition; medians."""
    made = Stream(plan, log)
    singles, batches = [], []
    for _ in range(repeat):
        singles.append(made.single())
        batches.append(made.batched())
    contenders = {}
    for name in ("dictionaries", "river"):
        try:
            figures, answers = contend(getattr(_streams, name)(), made)
        except ImportError:
            continue
        contenders[name] = {**figures, "equal_answers": agrees(plan, made, answers)}
    return {
        "kernel_us_p50": float(np.median([p50 for p50, _ in singles])),
        "kernel_us_p99": float(np.median([p99 for _, p99 in singles])),
        "kernel_events_s": float(np.median([whole for whole, _ in batches])),
        "kernel_tape_events_s": float(np.median([rows for _, rows in batches])),
        "state_mb": made.bytes_used / 1e6,
        "bytes_an_entry": made.bytes_used / made.held,
        "contenders": contenders,
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
        **stream(plan, log, repeat),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(f"{'history, 12 features':<28}{'rows':>12}{'wall s':>10}{'CPU s':>10}")
    for name, rows, wall, cpu in (
        ("1 thread", log[1].time.size, one, one_cpu),
        (f"{cores} threads", log[1].time.size, every, every_cpu),
        (f"{cores} threads, four times", four[1].time.size, longer, longer_cpu),
    ):
        print(f"{name:<28}{rows:>12,}{wall:>10.3f}{cpu:>10.3f}")
    print(f"\n{'stream, 12 features, 1 core':<44}{'µs/event p50':>14}{'events/CPU s':>15}{'equal':>9}")
    print(f"{'kernel, one event a call':<44}{found['kernel_us_p50']:>14.2f}")
    print(f"{'kernel, 100 a call, arrays to answers':<44}{'':>14}{found['kernel_events_s']:>15,.0f}")
    print(f"{'kernel, 100 a call, rows to rows':<44}{'':>14}{found['kernel_tape_events_s']:>15,.0f}")
    for name, row in found["contenders"].items():
        print(f"{name:<44}{row['us_p50']:>14.2f}{row['events_s']:>15,.0f}{row['equal_answers']:>9.1%}")
    print(
        f"state: {found['state_mb']:.1f} MB, {found['bytes_an_entry']:.0f} bytes an entry, heads and directory included"
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
