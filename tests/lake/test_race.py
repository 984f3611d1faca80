"""Writers that race, as they can where no lock reaches: at most one of two attempts at the same work succeeds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from dayshift.diagnostics import NotReady
from dayshift.lake import Lake, LoadRecord
from tests.lake.parts import NOW, code_of, events, load_of, positions

pytestmark = pytest.mark.filterwarnings("ignore:.*has no lock")


def _without_lock(root: Path) -> Lake:
    """A lake as on an object store: nothing but the optimistic commits."""
    lake = Lake(root)
    lake._lock = None
    return lake


def test_of_two_loads_the_one_that_began_last_commits(tmp_path: Path) -> None:
    """The earlier one is stopped at its commit, whatever it had announced; nothing of it is seen."""
    load_of(Lake(tmp_path), {"payments": events(1)})
    first, second = _without_lock(tmp_path), _without_lock(tmp_path)
    one = first.begin_load(NOW)
    one.append("payments", events(2))
    two = second.begin_load(NOW)
    two.append("payments", events(3))
    with pytest.raises(NotReady) as caught:
        one.commit(LoadRecord("payments", 1, 1))
    assert code_of(caught.value) == "DS402"
    two.commit(LoadRecord("payments", 1, 1))
    assert positions(first, "payments") == [1, 3]


def test_a_writer_that_wakes_up_late_cannot_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It passed its checks, then slept while another load began, cleared and committed: its claim is outdated."""
    load_of(Lake(tmp_path), {"payments": events(1), "refunds": events(1)})
    first, second = _without_lock(tmp_path), _without_lock(tmp_path)
    one = first.begin_load(NOW)
    one.append("payments", events(2))
    one.append("refunds", events(2))
    announce = one._announce
    calls: list[object] = []

    def sleeping(part: object) -> None:
        if calls:
            load_of(second, {"payments": events(3)})
        calls.append(part)
        announce(part)  # type: ignore[arg-type]

    monkeypatch.setattr(one, "_announce", sleeping)
    with pytest.raises(NotReady):
        one.commit(LoadRecord("payments", 1, 1), LoadRecord("refunds", 1, 1))
    assert (positions(first, "payments"), positions(first, "refunds")) == ([1, 3], [1])
    load_of(second, {"refunds": events(4)})
    assert (positions(first, "payments"), positions(first, "refunds")) == ([1, 3], [1, 4])


def _together(*works: Callable[[], object]) -> list[object]:
    """The works at the same time; what each returned or raised."""
    gate, results = threading.Barrier(len(works)), [None] * len(works)

    def run(index: int) -> None:
        gate.wait()
        try:
            results[index] = works[index]()  # type: ignore[call-overload]
        except NotReady as error:
            results[index] = code_of(error)  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(results)


def test_the_same_append_from_many_writers_happens_once(tmp_path: Path) -> None:
    """Each number is written by exactly one of them, the others are told that it is done."""
    for number in range(1, 6):
        tables = [Lake(tmp_path).table("features", "p") for _ in range(3)]
        frame = pl.DataFrame({"n": [number]})
        works = [partial(table.append_once, frame, "run", number) for table in tables]
        results = _together(*works)
        assert results.count(True) == 1, results
        assert results.count(False) == 2, results
    assert sorted(Lake(tmp_path).table("features", "p").scan().collect()["n"]) == [1, 2, 3, 4, 5]


def test_racing_loads_lose_and_double_nothing(tmp_path: Path) -> None:
    """Four writers without a lock, many loads: what `loads` says is exactly what is visible."""
    lakes = [_without_lock(tmp_path) for _ in range(3)]

    def work(writer: int) -> Callable[[], int]:
        def one() -> int:
            done = 0
            for attempt in range(6):
                position = writer * 1_000 + attempt
                try:
                    load_of(lakes[writer], {"payments": [events(position), events(position + 500)]})
                    done += 1
                except NotReady:
                    continue
            return done

        return one

    done = _together(*(work(writer) for writer in range(3)))
    lake = Lake(tmp_path)
    loads = lake.loads()
    assert sum(done) == loads.height == lake.last_load  # type: ignore[arg-type]
    seen = positions(lake, "payments")
    assert len(seen) == len(set(seen)) == 2 * loads.height
    load_of(lake, {"payments": events(9_999)})
    assert len(positions(lake, "payments")) == len(seen) + 1
