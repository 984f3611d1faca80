"""The live door: whatever the size of a micro-batch, the same rows pass, are held, are duplicates, in the same order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

import dayshift as ds
from dayshift.connectors.contract import Chunk
from dayshift.connectors.live import Arrived
from dayshift.definition.settings import SourceSettings
from dayshift.engines.contract import POSITION
from dayshift.lifecycle.contract import KEY_HASH
from dayshift.lifecycle.door.live import LiveDoor, Taken
from dayshift.lifecycle.door.passing import LiveSource

PAYMENTS = ds.Source("payments", time="at", key="id", schema={"id": str, "amount": ds.decimal(2, minimum=0)})
ORDERS = ds.Source("orders", time="at", key="id", schema={"id": str, "ref": ds.Column(str, unique=True)})
FAR = 4_000_000_000_000_000


class Doors:
    """Doors that remember what they let in, as a run does."""

    def __init__(self, *sources: ds.Source, **settings: str) -> None:
        self.taken: dict[str, list[pl.DataFrame]] = {source.name: [] for source in sources}
        self.results: list[Taken] = []
        given = SourceSettings(http=True, **settings)  # type: ignore[arg-type]
        self.door = LiveDoor(
            {source.name: LiveSource(source, given, {}, self._lookup(source.name)) for source in sources}
        )

    def _lookup(self, name: str):  # noqa: ANN202
        def find(wanted: pl.Expr) -> pl.DataFrame:
            frames = [frame.filter(wanted) for frame in self.taken[name]]
            return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()

        return find

    def take(self, *arrived: Arrived, now_us: int = FAR) -> Taken:
        found = self.door.take(arrived, 1, now_us)
        for name, frame in found.events.items():
            self.taken[name].append(frame)
        self.results.append(found)
        return found

    def events(self, name: str) -> pl.DataFrame:
        frames = self.taken[name]
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()


def arrived(source: str, rows: Sequence[dict[str, str | None]], stamps: Sequence[int] | None = None) -> Arrived:
    """Rows as they come from a topic."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    frame = pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
    )
    numbers = pl.int_range(1, len(rows) + 1, eager=True).alias("row")
    marks = None if stamps is None else np.array(stamps, np.int64)
    return Arrived(source, Chunk(frame, f"{source}/0", numbers, sparse=True), marks)


def payment(name: str, amount: str = "1.00", at: str = "2024-05-01T00:00:00Z") -> dict[str, str | None]:
    """A row of a payment."""
    return {"id": name, "at": at, "amount": amount}


def balanced(taken: Taken) -> bool:
    """Whether every record is accounted for."""
    return all(
        one.read == one.loaded + one.quarantined + one.duplicates + one.filtered for one in taken.counts.values()
    )


def test_places_rise_and_never_pass_the_clock() -> None:
    """Stamps decide the order across sources, a stamp of the future counts as now, and no two events share a place."""
    doors = Doors(PAYMENTS, ORDERS)
    taken = doors.take(
        arrived("payments", [payment("a"), payment("b")], [10, 30]),
        arrived("orders", [{"id": "x", "at": "2024-05-01", "ref": "r"}], [20]),
        now_us=25,
    )
    assert taken.events["payments"][POSITION].to_list() == [10, 25]
    assert taken.events["orders"][POSITION].to_list() == [20]
    later = doors.take(arrived("payments", [payment("c")], [5]), now_us=26)
    assert later.events["payments"][POSITION].to_list() == [26]


def test_of_equal_stamps_the_source_and_then_the_sequence_decide() -> None:
    """Messages of one moment keep their sequence within a topic and stand by source between topics."""
    doors = Doors(PAYMENTS, ORDERS)
    taken = doors.take(
        arrived("payments", [payment("b"), payment("a")], [7, 7]),
        arrived("orders", [{"id": "x", "at": "2024-05-01", "ref": "r"}], [7]),
    )
    order = pl.concat([f.select("id", POSITION) for f in taken.events.values()]).sort(POSITION)["id"].to_list()
    assert order == ["x", "b", "a"]


def test_rows_of_files_stand_by_time_and_key() -> None:
    """What came together without an order of its own is ordered as a load of files is."""
    doors = Doors(PAYMENTS)
    rows = [payment("b", at="2024-05-01T00:00:01Z"), payment("c"), payment("a")]
    one = arrived("payments", rows)
    doors.take(Arrived(one.source, one.chunk, None, ordered=False))
    assert doors.events("payments")["id"].to_list() == ["a", "c", "b"]


def test_a_bad_row_is_held_with_its_reason_and_the_others_pass() -> None:
    """A poison message goes to quarantine with code, reason and raw text; nothing else is touched."""
    doors = Doors(PAYMENTS)
    taken = doors.take(arrived("payments", [payment("a"), payment("b", "-1.00"), payment("c", "x")], [1, 2, 3]))
    assert taken.events["payments"]["id"].to_list() == ["a"]
    assert taken.held.select("row", "code").rows() == [(2, "DS353"), (3, "DS352")]
    assert [held[:2] for held in taken.outcomes[0].held] == [(2, "DS353"), (3, "DS352")]
    assert balanced(taken)


def test_a_column_that_stops_a_load_holds_only_its_rows() -> None:
    """Where a new column stops a nightly load, live only the rows that have it are held."""
    doors = Doors(PAYMENTS, on_new_column="stop")
    strange = {**payment("b"), "extra": "1"}
    taken = doors.take(arrived("payments", [payment("a"), strange, payment("c")], [1, 2, 3]))
    assert taken.events["payments"]["id"].to_list() == ["a", "c"]
    assert taken.held["code"].to_list() == ["DS361"]
    assert balanced(taken)


def test_equal_rows_are_duplicates_and_other_content_is_held() -> None:
    """The first row of a key is the event, in this micro-batch or before it; the same again is dropped, other is held."""
    doors = Doors(PAYMENTS)
    first = doors.take(arrived("payments", [payment("a"), payment("a"), payment("a", "2.00")], [1, 2, 3]))
    again = doors.take(arrived("payments", [payment("a"), payment("a", "3.00"), payment("b")], [4, 5, 6]))
    assert (first.counts["payments"].loaded, first.counts["payments"].duplicates) == (1, 1)
    assert first.held["code"].to_list() == again.held["code"].to_list() == ["DS358"]
    assert again.events["payments"]["id"].to_list() == ["b"]
    assert again.outcomes[0].repeated == (1,)
    assert balanced(first)
    assert balanced(again)


def test_a_unique_value_belongs_to_its_first_event() -> None:
    """A later event with the same unique value is held, whether it comes in this micro-batch or another."""
    doors = Doors(ORDERS)
    row = {"at": "2024-05-01", "ref": "r1"}
    first = doors.take(arrived("orders", [{"id": "a", **row}, {"id": "b", **row}], [1, 2]))
    second = doors.take(arrived("orders", [{"id": "c", **row}, {"id": "d", "at": "2024-05-01", "ref": "r2"}], [3, 4]))
    assert doors.events("orders")["id"].to_list() == ["a", "d"]
    assert first.held["code"].to_list() == second.held["code"].to_list() == ["DS359"]


def test_a_poison_row_that_comes_twice_is_held_once() -> None:
    """The same bad text again is a duplicate, as it is for a nightly load."""
    doors = Doors(PAYMENTS)
    doors.take(arrived("payments", [payment("a", "x")], [1]))
    taken = doors.take(arrived("payments", [payment("a", "x")], [2]))
    assert taken.held.height == 0
    assert taken.counts["payments"].duplicates == 1
    assert len(taken.outcomes[0].held) == 1


ROW = st.builds(
    payment,
    st.sampled_from("abcdef"),
    st.sampled_from(["1.00", "2.00", "-3.00", "x"]),
    st.sampled_from(["2024-05-01", "no"]),
)


@given(rows=st.lists(ROW, max_size=30), data=st.data())
def test_the_size_of_a_micro_batch_decides_nothing(rows: list[dict[str, str | None]], data: st.DataObject) -> None:
    """One micro-batch or many: the same events in the same order, the same held rows and reasons, the same counts."""
    stamps = list(range(1, len(rows) + 1))
    whole, cut = Doors(PAYMENTS), Doors(PAYMENTS)
    if rows:
        whole.take(arrived("payments", rows, stamps))
    at = 0
    while at < len(rows):
        size = data.draw(st.integers(1, len(rows) - at))
        cut.take(arrived("payments", rows[at : at + size], stamps[at : at + size]))
        at += size
    one, other = whole.events("payments"), cut.events("payments")
    assert one.equals(other) or (one.is_empty() and other.is_empty())
    held = [sorted(raw for r in doors.results for raw in r.held["raw"]) for doors in (whole, cut)]
    assert held[0] == held[1]
    assert all(balanced(taken) for doors in (whole, cut) for taken in doors.results)
    assert sum(t.counts["payments"].loaded for t in whole.results) == sum(
        t.counts["payments"].loaded for t in cut.results
    )


def test_events_carry_their_keys_hash() -> None:
    """Events of the live door have the columns that the lake's events have."""
    doors = Doors(PAYMENTS)
    taken = doors.take(arrived("payments", [payment("a")], [1]))
    assert set(taken.events["payments"].columns) == {"id", "at", "amount", KEY_HASH, POSITION, "_load"}
