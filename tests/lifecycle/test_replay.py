"""History as a stream: the log's order, its clock, and messages that read back to the same bits."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.connectors.kafka.decode import json_objects
from dayshift.definition import Source
from dayshift.definition.column import decimal, optional
from dayshift.engines.contract import FrameLog
from dayshift.lifecycle import replay as replaying
from dayshift.lifecycle.contract import Contract
from dayshift.lifecycle.replay import Selection, messages, replay, span
from dayshift.semantics.instants import EPOCH

FLIGHTS = Source("flights", time="at", key="id", schema={"id": str})
ARRIVALS = Source("arrivals", time="at", key=["id", "leg"], schema={"id": str, "leg": int}, delay="1h")
SECOND = 1_000_000


def frame(rows: list[tuple[int, int, str]], **more: list[int]) -> pl.DataFrame:
    at = pl.Series([place for _, place, _ in rows], dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    loads, places, names = zip(*rows, strict=True)
    return pl.DataFrame({"_load": loads, "_position": places, "at": at, "id": names, **more})


LOG = FrameLog(
    {
        "flights": frame([(1, 30, "c"), (1, 10, "a"), (2, 5, "late"), (1, 20, "b")]),
        "arrivals": frame([(1, 20, "x"), (1, 10, "z"), (1, 10, "y")], leg=[1, 2, 3]),
    }
)
BOTH = {FLIGHTS: "live-flights", ARRIVALS: "live-arrivals"}


@dataclass
class Clocked:
    """Takes messages, and is a clock that only waiting moves; sending takes `cost` seconds."""

    cost: float = 0.0
    now: float = 0.0
    taken: list[tuple[float, str, bytes | None, bytes]] = field(default_factory=list)
    finished: int = 0
    stamps: list[int] = field(default_factory=list)
    on_send: Callable[[], None] = lambda: None

    def send(self, topic: str, key: bytes | None, value: bytes, stamp_us: int) -> None:
        self.stamps.append(stamp_us)
        self.taken.append((self.now, topic, key, value))
        self.now += self.cost
        self.on_send()

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def finish(self, seconds: float) -> None:
        self.finished += 1

    def clock(self) -> float:
        return self.now


def test_several_sources_stand_in_the_logs_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """By load, position, source's name, event time and key, however the rows are stored and however small the cuts are."""
    wanted = ["y", "z", "a", "x", "b", "c", "late"]
    for most in (1, 2, 100):
        monkeypatch.setattr(replaying, "AT_ONCE", most)
        found = [json.loads(value)["id"] for _, _, _, value in messages(LOG, Selection(BOTH))]
        assert found == wanted


def test_a_message_is_keyed_by_the_events_key_or_by_a_column() -> None:
    """A key of several columns is a JSON object; a null is no key."""
    keys = {key for _, name, key, _ in messages(LOG, Selection(BOTH)) if name == "arrivals"}
    assert keys == {b'{"id":"x","leg":1}', b'{"id":"z","leg":2}', b'{"id":"y","leg":3}'}
    keys = {key for _, _, key, _ in messages(LOG, Selection({ARRIVALS: "t"}, key="leg"))}
    assert keys == {b"1", b"2", b"3"}


def test_a_stretch_of_the_clock_is_selected() -> None:
    """The first end is included, the second is not; the plan counts the same."""
    selection = Selection(BOTH, since_us=10, until_us=20)
    assert [json.loads(value)["id"] for _, _, _, value in messages(LOG, selection)] == ["y", "z", "a"]
    assert span(LOG, selection) == ({"flights": 1, "arrivals": 2}, 10, 10)


def test_the_clock_runs_at_the_speed_that_is_asked_for() -> None:
    """Two seconds of history in one; an older event of a later load follows at once."""
    log = FrameLog({"flights": frame([(1, 0, "a"), (1, 4 * SECOND, "b"), (2, SECOND, "c"), (2, 6 * SECOND, "d")])})
    taker = Clocked()
    sent = replay(log, Selection({FLIGHTS: "t"}), taker, 2.0, clock=taker.clock)
    assert [round(at, 6) for at, *_ in taker.taken] == [0, 2, 2, 3]
    assert (sent.messages, sent.behind_s, sent.interrupted) == ({"flights": 4}, 0.0, False)
    assert sent.last == EPOCH + dt.timedelta(seconds=6)


def test_falling_behind_is_told_and_drops_nothing() -> None:
    """A taker that needs a second a message, at four a second: the last one is more than two seconds late."""
    log = FrameLog({"flights": frame([(1, n * SECOND // 4, str(n)) for n in range(4)])})
    taker = Clocked(cost=1.0)
    sent = replay(log, Selection({FLIGHTS: "t"}), taker, 1.0, clock=taker.clock)
    assert (sent.messages["flights"], sent.behind_s) == (4, 2.25)


def test_an_interruption_lets_arrive_what_was_taken() -> None:
    """Ctrl-C ends between two messages; how many were sent is told."""
    taker = Clocked()

    def stop() -> None:
        if len(taker.taken) == 2:
            raise KeyboardInterrupt

    taker.on_send = stop
    sent = replay(LOG, Selection(BOTH), taker, clock=taker.clock)
    assert sent.interrupted
    assert (len(taker.taken), taker.finished) == (2, 1)


COLUMNS = {"id": str, "n": optional(int), "x": optional(float), "money": optional(decimal(2)), "ok": optional(bool)}
WIDE = Source("wide", time="at", key="id", schema={**COLUMNS, "day": optional(dt.date), "note": optional(str)})
TIMES = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC))
ROW = st.fixed_dictionaries(
    {
        "at": TIMES,
        "id": st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1),
        "n": st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
        "x": st.none() | st.floats(-1e9, 1e9, allow_nan=False).map(lambda x: round(x * 2**20) / 2**20),
        "money": st.none() | st.integers(-(10**12), 10**12).map(lambda cents: cents / 100),
        "ok": st.none() | st.booleans(),
        "day": st.none() | st.dates(dt.date(1800, 1, 1), dt.date(2200, 1, 1)),
        "note": st.none() | st.text(st.characters(codec="utf-8")),
    }
)


@given(st.lists(ROW, min_size=1, max_size=8))
def test_an_event_that_is_replayed_and_read_is_the_same_event(rows: list[dict[str, object]]) -> None:
    """Whatever its values: every bit of every column, through JSON and the contract."""
    schema = {"at": pl.Datetime("us", "UTC"), "id": pl.String, "n": pl.Int64, "x": pl.Float64, "money": pl.Float64}
    schema |= {"ok": pl.Boolean, "day": pl.Date, "note": pl.String}
    stored = pl.DataFrame(rows, schema=schema).with_columns(_load=1, _position=pl.int_range(pl.len()))
    sent = [value for *_, value in messages(FrameLog({"wide": stored}), Selection({WIDE: "t"}))]
    judged = Contract(WIDE, "UTC", {"x": 20}).judge(json_objects(sent).frame.select(*schema))
    assert judged.faults.rows() == []
    assert judged.good.select(*schema).equals(stored.select(*schema), null_equal=True)
