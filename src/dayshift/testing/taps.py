"""The contract suite of live connectors: what every tap must hold, whoever wrote it.

A test of your own tap gives a way to make it for one source and a way to store rows for it, and calls `check_tap`:

    def test_my_tap(tmp_path):
        check_tap(lambda: MyTap(...), lambda rows: my_service.add(rows), batches)

The suite does what a live run does: it takes, stores what it has taken with cursors and origins, and begins a new tap
behind that. It also does what a killed run does: it takes, stores nothing, and begins again.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from dayshift.connectors.contract import Origin
from dayshift.connectors.live import Arrived, Batch, Known, Outcome, Tap

Row = dict[str, Any]
MakeTap = Callable[[], Tap]
"""Makes a new tap of one source, not yet open."""
Store = Callable[[Sequence[Row]], None]
"""Stores rows besides those that were stored before."""
_PATIENCE_SECONDS = 60.0


def check_tap(
    make: MakeTap,
    store: Store,
    batches: Sequence[Sequence[Row]],
    *,
    most: int = 3,
    again: bool = False,
    waits: bool = True,
    resumes: bool = True,
) -> None:
    """Raises AssertionError, with what does not hold, for a tap that breaks the contract.

    Args:
        make: makes the tap.
        store: stores rows for it.
        batches: rows to be stored one batch after another, at least two; values are text, columns the same in all.
        most: how many records are asked for at once; small, so that batches are cut.
        again: whether rows at the edge of what is stored may come again (a table's cursor).
        waits: whether rows that are stored while no tap is open come to the next one; of a tap to which events are sent,
            `store` is called on another thread while it is open, and returns when they are answered.
        resumes: whether a new tap goes on behind what is stored, however little that is; a table without a cursor does not.
    """
    ledger, stored = Ledger(), Counter[str]()
    for number, batch in enumerate(batches):
        during = number % 2 == 1 or not waits
        if not during:
            store(batch)
        with _opened(make(), ledger) as life:
            if during:
                life.drain(most)
                _while_open(life, store, batch, most)
            life.drain(most, until=stored + Counter(map(_text, batch)) if waits else None)
        stored += Counter(map(_text, batch))
        _compare(ledger.rows, stored, again=again, when=f"after batch {number}")
    if not waits:
        return
    with _opened(make(), ledger) as life:
        life.drain(most)
    _compare(ledger.rows, stored, again=again, when="when nothing new was stored")
    if resumes:
        _check_killed(make, stored, most, again=again)


@dataclass
class Ledger:
    """What a live run has stored of one source: rows, and how far it came."""

    rows: Counter[str] = field(default_factory=Counter)
    manifest: list[Origin] = field(default_factory=list)
    cursor: str | None = None

    def known(self, source: str) -> dict[str, Known]:
        """What the next tap is told."""
        return {source: Known(tuple(self.manifest), self.cursor)}

    def add(self, source: str, batch: Batch) -> None:
        """Stores a batch."""
        for one in batch.arrived:
            self.rows.update(map(_text, one.chunk.frame.to_dicts()))
        self.manifest += batch.origins.get(source, ())
        self.cursor = batch.cursors.get(source, self.cursor)


class Life:
    """A tap from its opening to its end, and what is stored of it."""

    def __init__(self, tap: Tap, ledger: Ledger) -> None:
        assert isinstance(tap, Tap), "the tap has open, take, keep, caught_up, state and close"
        assert len(tap.sources) == 1, "the suite is for a tap of one source"
        self.tap, self.ledger, self.source = tap, ledger, tap.sources[0]
        self.woken = threading.Event()
        self._numbers: dict[str, int] = {}
        self._stamp = -(2**63)
        tap.open(ledger.known(self.source), self.woken.set)

    def take(self, most: int, *, patience: float = _PATIENCE_SECONDS) -> Batch | None:
        """The next batch, checked; None when the tap has caught up."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            batch = self.tap.take(most)
            if batch is not None:
                self._check(batch, most)
                return batch
            if self.tap.caught_up:
                return None
            self.woken.wait(0.02)
            self.woken.clear()
        raise AssertionError(f"the tap has not caught up after {patience:g} seconds: {self.tap.state()}")

    def keep(self, batch: Batch) -> None:
        """Stores a batch, and says so."""
        self.ledger.add(self.source, batch)
        self.tap.keep(batch, [_outcome(one) for one in batch.arrived])

    def drain(self, most: int, until: Counter[str] | None = None) -> None:
        """Stores what comes, until the tap has caught up and, where they are told, these rows are there."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            batch = self.take(most)
            if batch is not None:
                self.keep(batch)
            elif until is None or not until - self.ledger.rows or time.monotonic() > end:
                break
            else:
                time.sleep(0.01)
        assert self.tap.take(most) is None or not self.tap.caught_up, "a tap that has caught up has nothing to take"
        json.dumps(dict(self.tap.state()))

    def _check(self, batch: Batch, most: int) -> None:
        assert batch.read <= 2 * most, f"{batch.read} records came, and at most about {most} were asked for"
        assert {*batch.cursors, *batch.origins} <= {self.source}, "cursors and origins are of the tap's sources"
        for one in batch.arrived:
            self._check_one(one)

    def _check_one(self, one: Arrived) -> None:
        chunk = one.chunk
        assert one.source == self.source, "what arrives is of one of the tap's sources"
        assert isinstance(chunk.frame, pl.DataFrame), "a chunk's rows are a Polars frame"
        assert len(chunk.rows) == chunk.frame.height, "every row of a chunk has its number"
        numbers = [*chunk.rows, *chunk.rejects["row"]]
        assert len(set(numbers)) == len(numbers), "every record of a chunk has a number of its own"
        assert chunk.rows.is_sorted(), "the rows of a chunk are in the order of their numbers"
        if one.ordered and numbers:
            assert min(numbers) > self._numbers.get(chunk.origin, -1), (
                "the numbers of an origin rise from batch to batch"
            )
            self._numbers[chunk.origin] = max(numbers)
        if one.stamps_us is not None and chunk.frame.height:
            stamps = one.stamps_us.tolist()
            assert len(stamps) == chunk.frame.height, "every row has its stamp"
            assert stamps == sorted(stamps), "stamps never descend"
            assert stamps[0] >= self._stamp, "stamps never descend from batch to batch"
            self._stamp = stamps[-1]


@contextmanager
def _opened(tap: Tap, ledger: Ledger) -> Iterator[Life]:
    life = Life(tap, ledger)
    try:
        yield life
    finally:
        tap.close()
        tap.close()


def _while_open(life: Life, store: Store, rows: Sequence[Row], most: int) -> None:
    """Stores rows on another thread while the tap is taken from."""
    failed: list[BaseException] = []

    def storing() -> None:
        try:
            store(rows)
        except BaseException as error:  # noqa: BLE001 - it is raised below
            failed.append(error)

    thread = threading.Thread(target=storing)
    thread.start()
    while thread.is_alive():
        life.woken.wait(0.02)
        life.woken.clear()
        batch = life.tap.take(most)
        if batch is not None:
            life.keep(batch)
    thread.join()
    if failed:
        raise failed[0]


def _check_killed(make: MakeTap, stored: Counter[str], most: int, *, again: bool) -> None:
    """Runs that store one batch and lose the next, until everything is stored."""
    ledger = Ledger()
    for _ in range(sum(stored.values()) * 4 + 4):
        with _opened(make(), ledger) as life:
            batch = life.take(most)
            if batch is None:
                break
            life.keep(batch)
            life.take(most)
        if again and not stored - ledger.rows:
            break
    _compare(ledger.rows, stored, again=again, when="after runs that were killed")


def _compare(found: Counter[str], stored: Counter[str], *, again: bool, when: str) -> None:
    assert not stored - found, f"{when} rows are missing: {sorted(stored - found)[:3]}"
    assert set(found) <= set(stored), f"{when} rows came that nobody stored: {sorted(set(found) - set(stored))[:3]}"
    assert again or found == stored, f"{when} rows came twice: {sorted(found - stored)[:3]}"


def _outcome(one: Arrived) -> Outcome:
    held = tuple((row, "DS350", reason) for row, reason, _ in one.chunk.rejects.rows())
    return Outcome(one.chunk.frame.height, held=held)


def _text(row: Row) -> str:
    return repr(sorted((name, None if value is None else str(value)) for name, value in row.items()))


__all__ = ["Ledger", "Life", "MakeTap", "Store", "check_tap"]
