"""What is answered to whom: each request what became of its own rows, and one shape for all that is wrong."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.connectors.http.app import EventsApp
from dayshift.connectors.http.body import LARGEST
from dayshift.connectors.http.inbox import Inbox
from dayshift.connectors.http.tap import HttpTap
from dayshift.connectors.live import Arrived, Outcome
from dayshift.definition.settings import LiveSettings
from dayshift.diagnostics import NotReady
from dayshift.testing.connectors import check_tap
from tests.connectors.http.serving import JSON, LINES, NOW_US, Service, in_background, served, waited

GOOD = {"filtered": 0, "quarantined": 0, "held": []}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with served() as one:
        yield one


@pytest.mark.parametrize(
    ("body", "headers", "read"),
    [
        (b'{"id": "a"}', JSON, 1),
        (b'{\n  "id": "a",\n  "at": {"day":\n 1}\n}', JSON, 1),
        (b' [ {"id": "a"},\n {"id": "b"} ]\n', JSON, 2),
        (b'{"id": "a"}\n{"id": "b"}\r\n\n', LINES, 2),
        (b'{"id": "a"}\n{"id": "b"}\n', JSON, 2),
        (b'[{"id": "a"}]', LINES, 1),
        (b'\xef\xbb\xbf{"id": "a"}', {"Content-Type": "Application/JSON; charset=UTF-8"}, 1),
        (b'{"id": "a"}', {}, 1),
        (b"[]", JSON, 0),
        (gzip.compress(b'{"id": "a"}\n{"id": "b"}', mtime=0), {**LINES, "Content-Encoding": "gzip"}, 2),
        (
            gzip.compress(b'[{"id": "a"},', mtime=0) + gzip.compress(b'{"id": "b"}]'),
            {**JSON, "Content-Encoding": "gzip"},
            2,
        ),
    ],
)
def test_an_object_an_array_and_lines_are_taken(service: Service, body: bytes, headers: Any, read: int) -> None:
    """However they are written, plain or compressed."""
    reply = service.post(body, headers=headers)
    assert (reply.status, reply.body) == (200, {"read": read, "loaded": read, "duplicates": 0, **GOOD})


def test_each_row_is_judged_for_itself(service: Service) -> None:
    """Rows are counted and numbered as the sender numbers them: one that is held stops no other."""
    reply = service.post([{"id": "a"}, 17, {"id": "x1"}, {"at": 1}, {"id": "elsewhere"}, "b", {"id": "c"}])
    assert reply.status == 200
    assert {name: value for name, value in reply.body.items() if name != "held"} == {
        "read": 7,
        "loaded": 2,
        "duplicates": 1,
        "filtered": 1,
        "quarantined": 3,
    }
    assert [(one["row"], one["code"]) for one in reply.body["held"]] == [(2, "DS350"), (4, "DS351"), (6, "DS350")]
    lines = service.post(b'{"id": "a"}\nnonsense\n{"id": "b"}', headers=LINES)
    assert [(one["row"], one["code"]) for one in lines.body["held"]] == [(2, "DS350")]


@pytest.mark.parametrize("most", [1, 2, 10_000])
def test_requests_side_by_side_get_each_their_own(service: Service, most: int) -> None:
    """A request is cut into several batches, or many are taken in one: the sums of each are right."""
    bodies = [[{"id": "a"}, {"id": f"x{n}"}, 5, {"id": "elsewhere"}][: n % 4 + 1] for n in range(8)]
    service.runtime.taking.clear()
    service.runtime.most = most
    try:
        with ThreadPoolExecutor(len(bodies)) as pool:
            asked = [pool.submit(service.post, body) for body in bodies]
            waited(lambda: service.tap.state()["buffered"] == sum(map(len, bodies)))
            service.runtime.taking.set()
            service.runtime.woken.set()
            replies = [one.result() for one in asked]
    finally:
        service.runtime.most = 10_000
        service.runtime.taking.set()
    for body, reply in zip(bodies, replies, strict=True):
        told = [reply.body[name] for name in ("read", "loaded", "duplicates", "quarantined", "filtered")]
        assert told == [len(body), 1, int(len(body) > 1), int(len(body) > 2), int(len(body) > 3)]
        assert [one["row"] for one in reply.body["held"]] == [3][: int(len(body) > 2)]


def test_what_nobody_can_tell_is_null_not_a_guess() -> None:
    """A judge that tells how many duplicates there are, and not which: one request alone gets the number, two get null."""

    def vague(one: Arrived) -> Outcome:
        return Outcome(one.chunk.read - 1, duplicates=1)

    with served(judge=vague) as service:
        assert service.post([{"id": "a"}, {"id": "b"}]).body["duplicates"] == 1
        service.runtime.taking.clear()
        with (
            in_background(lambda: service.post({"id": "a"})) as first,
            in_background(lambda: service.post({"id": "b"})) as second,
        ):
            waited(lambda: service.tap.state()["buffered"] == 2)
            service.runtime.taking.set()
        assert [one[0].body["loaded"] for one in (first, second)] == [None, None]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "said"),
    [
        ("POST", "/events/payment", b"{}", JSON, 404, "did you mean 'payments'"),
        ("POST", "/events/refunds", b"{}", JSON, 404, "comes from files"),
        ("POST", "/events/" + "a" * 20_000, b"{}", JSON, 404, "no source"),
        ("POST", "/event", b"{}", JSON, 404, "POST /events/SOURCE"),
        ("GET", "/events/payments", None, {}, 405, "use POST"),
        ("POST", "/livez", b"", {}, 405, "use GET, HEAD"),
        ("POST", "/events/payments", b"", JSON, 400, "empty"),
        ("POST", "/events/payments", b" \n ", JSON, 400, "empty"),
        ("POST", "/events/payments", b'{"id": ', JSON, 400, "truncated"),
        ("POST", "/events/payments", b'{\n"id": 1,\n}', JSON, 400, "trailing comma"),
        ("POST", "/events/payments", b'[{"id": 1},]', JSON, 400, "not JSON"),
        ("POST", "/events/payments", b"[" * 100_000, JSON, 400, "nested too deep"),
        ("POST", "/events/payments", b"17", JSON, 400, "no object"),
        ("POST", "/events/payments", b"{}", {"Content-Type": "text/plain"}, 415, "application/json"),
        ("POST", "/events/payments", b"{}", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "not taken"),
        ("POST", "/events/payments", b"{}", {"Origin": "http://elsewhere.example"}, 415, "not taken"),
        ("POST", "/events/payments", b"{}", {"Content-Type": "application/json; charset=utf-16"}, 415, "not taken"),
        ("POST", "/events/payments", b"{}", {**JSON, "Content-Encoding": "br"}, 415, "br"),
        ("POST", "/events/payments", b"{}", {**JSON, "Content-Encoding": "gzip"}, 400, "no gzip"),
        (
            "POST",
            "/events/payments",
            gzip.compress(b"{}", mtime=0)[:-3],
            {**JSON, "Content-Encoding": "gzip"},
            400,
            "too early",
        ),
        ("POST", "/events/payments", b" " * (LARGEST + 1), JSON, 413, "16 MiB"),
        ("POST", "/events/payments", b"{}\n" * 100_001, LINES, 413, "100,000"),
        ("POST", "/events/payments", json.dumps({str(n): n for n in range(3_000)}).encode(), JSON, 413, "2,000 names"),
    ],
)
def test_what_is_wrong_is_told_in_one_shape(
    service: Service, method: str, path: str, body: bytes, headers: Any, status: int, said: str
) -> None:
    """An error and a hint, as JSON, whatever the cause; and nothing was taken."""
    before = len(service.runtime.batches)
    reply = service.ask(method, path, body, headers)
    assert reply.status == status
    assert set(reply.body) == {"error", "hint"}
    assert said in f"{reply.body['error']} {reply.body['hint']}"
    assert len(service.runtime.batches) == before
    if status == 405:
        assert reply.headers["allow"] in reply.body["hint"]


def test_a_gzip_bomb_is_not_inflated(service: Service) -> None:
    """A gigabyte of blanks is a megabyte compressed; it is given up at sixteen."""
    bomb = gzip.compress(b" " * (1 << 30), compresslevel=1, mtime=0)
    reply = service.post(bomb, headers={**JSON, "Content-Encoding": "gzip"})
    assert reply.status == 413
    assert service.tap.state()["bytes"] == 0


def test_a_token_is_asked_for_when_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the right one opens; whether it lives may be asked without."""
    monkeypatch.setenv("EVENTS_TOKEN", "s3cret")
    with served(token="env:EVENTS_TOKEN") as service:
        assert service.post({"id": "a"}).status == 401
        for wrong in ("Bearer s3cre", "Bearer s3cret1", "Basic s3cret", "s3cret", "Bearer", "Bearer \xe9"):
            reply = service.post({"id": "a"}, headers={**JSON, "Authorization": wrong})
            assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
        assert service.post({"id": "a"}, headers={**JSON, "Authorization": "bearer s3cret"}).status == 200
        assert [service.ask("GET", path).status for path in ("/livez", "/readyz")] == [200, 200]
        assert "s3cret" not in repr(service.tap.state())


@pytest.mark.parametrize(
    ("token", "said"), [("env:EVENTS_TOKEN", "variable 'EVENTS_TOKEN' is empty"), ("", "is empty")]
)
@pytest.mark.parametrize("value", ["", " \n"])
def test_an_empty_token_is_refused_before_anybody_listens(
    monkeypatch: pytest.MonkeyPatch, token: str, said: str, value: str
) -> None:
    """A secret that was not filled in must not open the door to whoever shows nothing."""
    monkeypatch.setenv("EVENTS_TOKEN", value)
    with pytest.raises(NotReady, match=f"DS113: .*{said}"):
        HttpTap(["payments"], {}, LiveSettings(listen="127.0.0.1:0", token=token), lambda: NOW_US)


@pytest.mark.parametrize("shown", [b"Bearer ", b"Bearer", b"Bearer    ", b""])
def test_an_application_with_an_empty_token_opens_to_nobody(shown: bytes) -> None:
    """Also where somebody mounts it with a token of his own."""
    app = EventsApp(Inbox(["payments"]), ["payments"], {}, "", lambda: NOW_US, lambda: None)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the body is not asked for")

    scope = {"type": "http", "method": "POST", "path": "/events/payments", "headers": [(b"authorization", shown)]}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 401


def test_rows_are_known_when_their_request_is_complete() -> None:
    """The stamp is the clock's, and never descends though the clock does; the order is that of the records."""
    ticks = iter([NOW_US] + [NOW_US + step for step in (0, 5, 2, 9)])
    with served(clock_us=lambda: next(ticks)) as service:
        for name in "abcd":
            assert service.post([{"id": name}, {"id": name}]).status == 200
        stamps = np.concatenate([one.stamps_us for batch in service.runtime.batches for one in batch.arrived])
        assert (stamps - NOW_US).tolist() == [0, 0, 5, 5, 5, 5, 9, 9]
        numbers = pl.concat([one.chunk.rows for batch in service.runtime.batches for one in batch.arrived])
        assert numbers.to_list() == list(range(1, 9))
        assert all(one.ordered for batch in service.runtime.batches for one in batch.arrived)


def test_the_tap_keeps_the_contract_of_taps() -> None:
    """Nothing lost, nothing twice, whatever is asked for at once; numbers and stamps rise."""
    taps: list[HttpTap] = []
    ticks = count(NOW_US)

    def make() -> HttpTap:
        taps.append(HttpTap(["payments"], {}, LiveSettings(listen="127.0.0.1:0"), lambda: next(ticks)))
        return taps[-1]

    def store(rows: Any) -> None:
        assert Service(taps[-1], None).post(list(rows)).body["loaded"] == len(rows)  # type: ignore[arg-type]

    batches = [[{"id": f"{batch}-{n}", "at": "2024-05-01"} for n in range(7)] for batch in range(3)]
    check_tap(make, store, batches, waits=False)


WORDS = b'{ } [ ] , : " "id" 1e999 \\ud800 null \xff \x00 NaN {} {"":{}} {"id":1,"id":2} {"id":[1,{"a":"\\n"}]} {"id":1e-400}'
PIECES = st.sampled_from([*WORDS.split(b" "), b"\n", b" "])
BODIES = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=12).map(b"".join))
TYPES = st.sampled_from([JSON, LINES, {}])


@given(body=BODIES, headers=TYPES, packed=st.booleans())
def test_whatever_is_sent_is_answered_in_json(service: Service, body: bytes, headers: Any, packed: bool) -> None:
    """Never 500, never silence: what is taken adds up, what is not says why."""
    if packed:
        body, headers = gzip.compress(body, mtime=0), {**headers, "Content-Encoding": "gzip"}
    reply = service.post(body, headers=headers)
    if reply.status == 200:
        told = reply.body
        assert told["read"] == told["loaded"] + told["duplicates"] + told["filtered"] + told["quarantined"]
    else:
        assert reply.status in (400, 413)
        assert re.search(r"\w", reply.body["error"])
