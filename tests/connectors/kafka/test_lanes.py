"""The order in which messages of several partitions are handed over, without Kafka."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dayshift.connectors.contract import REJECTS, Chunk
from dayshift.connectors.kafka.lanes import FIRST_S, LATE_S, Block, Lane, Lanes

KEYS = [("a", "t", 0), ("a", "t", 1), ("b", "s", 0)]
Row = tuple[int, str, str, int]
Step = tuple[int, str, int]
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["take", "feed", "forget"]), st.integers(1, 4)), max_size=60
)
REST = [*((at, "feed", 20) for at in range(3)), (0, "take", 100)]
STREAMS = st.lists(st.lists(st.integers(0, 6), max_size=12), min_size=3, max_size=3)


def lanes_of() -> Lanes:
    """Three lanes that are assigned, and of which nothing is known."""
    lanes = Lanes(dict.fromkeys(KEYS, 0))
    for lane in lanes.all:
        lane.begin()
        lane.assigned = True
    return lanes


def put(lane: Lane, stamps: Sequence[int], torn: Sequence[int] = ()) -> None:
    """Messages with these timestamps, offsets going on; those whose offset is torn are rejects; without any, its end."""
    if not stamps:
        lane.at_end = True
        return
    offsets = np.arange(lane.fetched, lane.fetched + len(stamps), dtype=np.int64)
    good = [one for one in offsets.tolist() if one not in torn]
    rejects = [(one, "torn", "x") for one in offsets.tolist() if one in torn]
    rows = pl.Series("row", good, dtype=pl.Int64)
    frame = pl.DataFrame({"id": [str(one) for one in good]}, schema={"id": pl.String})
    torn_frame = pl.DataFrame(rejects, schema=REJECTS, orient="row")
    chunk = Chunk(frame, f"{lane.topic}/{lane.partition}", rows, torn_frame, 7 * len(stamps), sparse=True)
    lane.add(Block(chunk, offsets, lane.rising(np.array(stamps, np.int64))))


def taken(lanes: Lanes, most: int) -> list[Row]:
    """What one taking gives, in the order in which a runtime counts it: by stamp, then as handed over."""
    found = []
    for one in lanes.take(most):
        assert one.stamps_us is not None
        numbers = zip(one.stamps_us.tolist(), one.chunk.rows.to_list(), strict=True)
        found += [(us, one.source, one.chunk.origin, offset) for us, offset in numbers]
        assert one.chunk.frame["id"].to_list() == [str(offset) for offset in one.chunk.rows]
    return sorted(found, key=lambda row: row[0])


def wanted(streams: list[list[int]]) -> list[Row]:
    """All messages by running maximum, source, topic, partition and offset."""
    return sorted(
        (int(max(stamps[: offset + 1])), source, f"{topic}/{partition}", offset)
        for (source, topic, partition), stamps in zip(KEYS, streams, strict=True)
        for offset in range(len(stamps))
    )


@given(STREAMS, STEPS)
def test_the_merged_order_does_not_depend_on_when_what_is_fetched(streams: list[list[int]], steps: list[Step]) -> None:
    """Fed in any pieces, taken at any moments in any sizes, and forgotten and fetched again in between: one order."""
    lanes, out = lanes_of(), []
    for at, what, count in [*steps, *REST]:
        lane = lanes.all[at]
        if what == "feed":
            put(lane, streams[at][lane.fetched : lane.fetched + count])
            lane.at_end = lane.fetched == len(streams[at])
        elif what == "forget":
            lane.begin()
        else:
            out += taken(lanes, count)
    assert out == wanted(streams)


@given(STREAMS, STEPS)
def test_nothing_is_lost_or_doubled_however_slow_a_partition_is(streams: list[list[int]], steps: list[Step]) -> None:
    """When others go on without it the order is another, but in each partition it is the same, and each is there once."""
    lanes, out, now_s = lanes_of(), [], 0.0
    for at, what, count in [*steps, *REST]:
        lane = lanes.all[at]
        if what == "feed":
            put(lane, streams[at][lane.fetched : lane.fetched + count])
            lane.at_end = lane.fetched == len(streams[at]) and count == REST[0][2]
        now_s += count
        lanes.dry(now_s)
        out += taken(lanes, count)
    assert sorted(out) == wanted(streams)
    for source, topic, partition in KEYS:
        offsets = [row[3] for row in out if row[1:3] == (source, f"{topic}/{partition}")]
        assert offsets == sorted(offsets)


@given(st.sets(st.integers(0, 9)), st.lists(st.integers(1, 4), min_size=10, max_size=10))
def test_rejects_travel_with_the_rows_around_them(torn: set[int], sizes: list[int]) -> None:
    """However the messages are cut: rows + rejects = messages, and bytes are counted once."""
    lanes = lanes_of()
    put(lanes.all[0], range(6), sorted(torn))
    put(lanes.all[0], range(6, 10), sorted(torn))
    put(lanes.all[1], [])
    put(lanes.all[2], [])
    found, size = [], 0
    for most in sizes:
        for one in lanes.take(most):
            assert one.chunk.read <= most
            found += [*one.chunk.rows, *one.chunk.rejects["row"]]
            size += one.chunk.bytes
    assert sorted(found) == list(range(10))
    assert size == 70
    assert (lanes.rows, lanes.all[0].bytes, lanes.all[0].next) == (0, 0, 10)


def test_a_partition_that_may_have_more_holds_the_others_up_for_a_bounded_time() -> None:
    """Three seconds when nothing was ever heard of it, half a second later on; not at all at its end."""
    lanes = lanes_of()
    first, second, third = lanes.all
    put(first, [5])
    put(third, [])
    assert taken(lanes, 9) == []
    assert not lanes.dry(100.0)
    assert not lanes.dry(100.0 + FIRST_S - 0.01)
    assert lanes.dry(100.0 + FIRST_S)
    assert [row[0] for row in taken(lanes, 9)] == [5]
    put(second, [1])
    put(first, [6])
    assert [row[0] for row in taken(lanes, 9)] == [1]
    assert not lanes.dry(200.0)
    assert lanes.dry(200.0 + LATE_S)
    assert [row[0] for row in taken(lanes, 9)] == [6]
    assert lanes.went_on_without == 2
    put(first, [])
    put(second, [])
    assert lanes.caught_up


def test_equal_times_stand_by_source_even_when_one_may_come_later() -> None:
    """A later source waits for an earlier one that may still have a message of this time; an earlier one does not wait."""
    lanes = lanes_of()
    first, second, third = lanes.all
    put(second, [])
    put(first, [5])
    put(third, [5])
    assert [row[1] for row in taken(lanes, 9)] == ["a"]
    put(first, [5, 6])
    assert [row[1] for row in taken(lanes, 9)] == ["a", "b"]
