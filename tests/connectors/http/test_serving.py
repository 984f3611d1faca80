"""What happens under load, at the limits, and at the end."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dayshift.connectors import open_source
from dayshift.connectors.http import app, inbox, protocol, tap
from dayshift.connectors.http.app import EventsApp
from dayshift.connectors.http.protocol import GuardedProtocol
from dayshift.connectors.http.tap import HttpTap
from dayshift.definition import Pipeline, Source
from dayshift.definition.settings import IngestSettings, LiveSettings, Settings
from dayshift.diagnostics import NotReady
from tests.connectors.http.serving import JSON, NOW_US, Service, in_background, judged, served, waited
from tests.laws.tree import ROOT


def _many(service: Service, name: str, count: int) -> None:
    connection = http.client.HTTPConnection(service.tap.address, timeout=60)
    for number in range(count):
        body = json.dumps({"id": f"{name}-{number}", "at": "2024-05-01T10:00:00Z", "amount": number})
        connection.request("POST", "/events/payments", body, JSON)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["loaded"]) == (200, 1)
    connection.close()


def test_two_thousand_small_requests_are_each_answered_and_taken_once() -> None:
    """From twenty senders at once; what comes while others are being taken is taken together."""
    with served() as service:
        with ThreadPoolExecutor(20) as pool:
            for done in [pool.submit(_many, service, f"s{number}", 100) for number in range(20)]:
                done.result()
        batches = service.runtime.batches
        ids = [name for batch in batches for one in batch.arrived for name in one.chunk.frame["id"]]
        assert sorted(ids) == sorted(f"s{sender}-{number}" for sender in range(20) for number in range(100))
        assert len(batches) < 2_000
        assert service.tap.state() | {"listens": ""} == {"listens": "", "buffered": 0, "unkept": 0, "bytes": 0}


def test_what_does_not_fit_is_declined_whole_and_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with Retry-After when the inbox is full: nothing of the request was taken, and later it is."""
    monkeypatch.setattr(tap, "Inbox", lambda sources: inbox.Inbox(sources, most_bytes=3_000))
    with served() as service:
        service.runtime.taking.clear()
        first = [{"id": "a" * 1_000}, {"id": "b" * 1_000}]
        with in_background(lambda: service.post(first)) as waiting:
            waited(lambda: service.tap.state()["buffered"] == 2)
            reply = service.post([{"id": "c" * 1_000}])
            assert (reply.status, reply.headers["retry-after"]) == (429, "1")
            assert service.tap.state()["buffered"] == 2
            service.runtime.taking.set()
        assert waiting[0].body["loaded"] == 2
        assert service.post([{"id": "c" * 1_000}]).status == 200
        assert service.post([{"id": "d" * 5_000}]).status == 429
        assert service.tap.state()["bytes"] == 0


def test_a_run_that_is_held_up_declines_what_it_has_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After, and nothing of it is taken later; it is not ready until somebody comes to take again."""
    monkeypatch.setattr(EventsApp, "held_seconds", 0.3)
    with served() as service:
        service.runtime.taking.clear()
        reply = service.post({"id": "a"})
        assert (reply.status, reply.headers["retry-after"], reply.headers.get("connection")) == (503, "5", None)
        assert reply.body["error"] == "the run is held up: nothing of this request was taken within 0.3 seconds"
        assert (service.tap.state()["buffered"], service.tap.state()["bytes"]) == (0, 0)
        ready = service.ask("GET", "/readyz")
        assert (ready.status, ready.body["error"].partition(":")[0]) == (503, "the run is held up")
        assert service.ask("GET", "/livez").status == 200
        service.runtime.taking.set()
        waited(lambda: service.ask("GET", "/readyz").status == 200)
        assert service.post({"id": "a"}).body["loaded"] == 1
        assert [one.chunk.read for batch in service.runtime.batches for one in batch.arrived] == [1]


def test_what_was_taken_is_answered_when_it_is_kept_however_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as if it were not taken, a part of it included; the load balancer learns meanwhile that nothing gets on."""
    monkeypatch.setattr(EventsApp, "held_seconds", 0.2)
    with served() as service:
        service.runtime.keeping.clear()
        with in_background(lambda: service.post({"id": "whole"})) as whole:
            waited(lambda: service.tap.state()["unkept"] == 1)
            service.runtime.taking.clear()
            with in_background(lambda: service.post([{"id": "half"}, {"id": "other"}])) as half:
                waited(lambda: service.tap.state()["buffered"] == 2)
                batch = service.tap.take(1)
                assert batch is not None
                waited(lambda: service.ask("GET", "/readyz").status == 503)
                time.sleep(0.3)
                assert (whole, half) == ([], [])
                service.runtime.keeping.set()
                waited(lambda: bool(whole))
                service.tap.keep(batch, [judged(one) for one in batch.arrived])
                service.runtime.taking.set()
        assert [whole[0].status, half[0].status, half[0].body["loaded"]] == [200, 200, 2]
        assert service.ask("GET", "/readyz").status == 200


def test_an_answer_comes_only_when_the_rows_are_kept() -> None:
    """Taken is not stored: as long as nothing is kept, nobody is told anything."""
    with served() as service:
        service.runtime.keeping.clear()
        with in_background(lambda: service.post({"id": "a"})) as reply:
            waited(lambda: bool(service.runtime.batches))
            time.sleep(0.1)
            assert not reply
            assert service.tap.state()["unkept"] == 1
            service.runtime.keeping.set()
        assert reply[0].status == 200


def test_at_the_end_whoever_waits_gets_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept in time is told as stored; what was not taken may be sent again; so may what nobody knows of."""
    monkeypatch.setattr(tap, "CLOSE_SECONDS", 1.0)
    with served() as service:
        service.runtime.keeping.clear()
        half = service.connected()
        half.sendall(
            b"POST /events/payments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        with in_background(lambda: service.post({"id": "taken"})) as taken:
            waited(lambda: service.tap.state()["unkept"] == 1)
            service.runtime.taking.clear()
            with in_background(lambda: service.post({"id": "waits"})) as untaken:
                waited(lambda: service.tap.state()["buffered"] == 1)
                service.tap.close()
        assert [taken[0].status, untaken[0].status] == [503, 503]
        assert "nothing of this request was taken" in untaken[0].body["error"]
        assert "duplicates" in taken[0].body["hint"]
        assert half.recv(1_000).startswith(b"HTTP/1.1 503")


def test_what_is_kept_while_it_closes_is_answered() -> None:
    """Closing waits for the disk, for a while."""
    with served() as service:
        service.runtime.keeping.clear()
        with in_background(lambda: service.post({"id": "a"})) as reply:
            waited(lambda: service.tap.state()["unkept"] == 1)
            threading.Timer(0.2, service.runtime.keeping.set).start()
            service.tap.close()
        assert (reply[0].status, reply[0].body["loaded"]) == (200, 1)


def test_a_request_of_which_a_part_was_taken_is_told_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not told that nothing was taken."""
    monkeypatch.setattr(tap, "CLOSE_SECONDS", 0.2)
    with served() as service:
        service.runtime.taking.clear()
        with in_background(lambda: service.post([{"id": "a"}, {"id": "b"}])) as reply:
            waited(lambda: service.tap.state()["buffered"] == 2)
            assert service.tap.take(1) is not None
            service.tap.close()
        assert (reply[0].status, "duplicates" in reply[0].body["hint"]) == (503, True)


def test_while_it_stops_it_is_alive_and_not_ready() -> None:
    """A load balancer sends no more, and nobody kills it."""
    with served() as service:
        service.runtime.keeping.clear()
        with in_background(lambda: service.post({"id": "a"})):
            waited(lambda: service.tap.state()["unkept"] == 1)
            open_still = http.client.HTTPConnection(service.tap.address)
            with in_background(service.tap.close):
                waited(lambda: service.tap.app.stopping)
                told = {}
                for path in ("/livez", "/readyz"):
                    open_still.request("GET", path)
                    response = open_still.getresponse()
                    told[path] = response.status
                    response.read()
                reply = service.post({"id": "b"})
                service.runtime.keeping.set()
        assert (told, reply.status, reply.headers["retry-after"]) == ({"/livez": 200, "/readyz": 503}, 503, "5")


def test_a_port_that_is_taken_is_told_with_its_number() -> None:
    """Two taps on one port: the second says which port, and how to choose another."""
    with served() as service:
        port = service.tap.address.rpartition(":")[2]
        other = HttpTap(["payments"], {}, LiveSettings(listen=service.tap.address), lambda: NOW_US)
        with pytest.raises(NotReady) as caught:
            other.open({}, lambda: None)
        other.close()
        problem = caught.value.problems[0]
        assert (problem.code, f"port {port} is taken" in problem.message) == ("DS340", True)
        assert service.post({"id": "a"}).status == 200


def _said(service: Service, *parts: bytes, pause: float = 0.0) -> bytes:
    with service.connected() as one:
        for part in parts:
            one.sendall(part)
            time.sleep(pause)
        answer = b""
        while more := one.recv(65_536):
            answer += more
        return answer


def test_a_head_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects and says nothing, or a letter now and then, does not hold a connection for ever."""
    monkeypatch.setattr(GuardedProtocol, "head_seconds", 0.3)
    with served() as service:
        for parts in (
            [b""],
            [b"POST /events/payments HTTP/1.1\r\n"],
            [b"\r\n", b"\r\n"],
            [b"GET /livez HTTP/1.1\r\nX: "],
        ):
            assert _said(service, *parts).startswith(b"HTTP/1.1 408")


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it was taken, and its memory is free again."""
    monkeypatch.setattr(tap, "EventsApp", lambda *given: app.EventsApp(*given, body_seconds=0.3))
    head = b"POST /events/payments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    with served() as service:
        assert _said(service, head, b'{"id"').startswith(b"HTTP/1.1 408")
        assert service.tap.state()["bytes"] == 0


def test_a_head_without_end_is_given_up() -> None:
    """Header after header, in a hundred small pieces."""
    with served() as service:
        lines = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 500) for number in range(20))
        answer = b""
        try:
            answer = _said(service, b"GET /livez HTTP/1.1\r\n", *[lines] * 20, pause=0.005)
        except (ConnectionResetError, BrokenPipeError):
            return  # it was closed while we still wrote
        assert answer.startswith(b"HTTP/1.1 431")


POST = b"POST /events/payments HTTP/1.1\r\nContent-Length: 2\r\n"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\n\r\n",
        POST + b"Content-Length: 1\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\n\r\n{}",
    ],
)
def test_what_is_no_http_is_told_so(garbage: bytes) -> None:
    """In the shape of every other refusal, and the server goes on."""
    with served() as service:
        answer = _said(service, garbage)
        assert answer.startswith(b"HTTP/1.1 400")
        assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"error", "hint"}
        assert service.post({"id": "a"}).status == 200


def test_beyond_the_most_connections_new_ones_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are there go on being answered."""
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 3)
    with served() as service:
        first = http.client.HTTPConnection(service.tap.address)
        first.request("GET", "/livez")
        first.getresponse().read()
        others = [service.connected() for _ in range(2)]
        time.sleep(0.05)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            service.ask("GET", "/livez")
        first.request("GET", "/livez")
        assert first.getresponse().status == 200
        for one in others:
            one.close()


def test_requests_in_one_go_and_bodies_in_pieces_are_taken() -> None:
    """Pipelined requests, chunked bodies with a trailer, and Expect: 100-continue."""
    head = b"POST /events/payments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    two = (head + b'Content-Length: 10\r\n\r\n{"id":"a"}') + (
        head + b'Connection: close\r\nContent-Length: 10\r\n\r\n{"id":"b"}'
    )
    pieces = (
        head
        + b'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"id\r\n6\r\n":"c"}\r\n0\r\nX-Sum: 1\r\n\r\n'
    )
    patient = head + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    with served() as service:
        assert _said(service, two).count(b'"loaded":1') == 2
        assert _said(service, pieces).count(b'"loaded":1') == 1
        answer = _said(service, patient, b'{"id":"d"}', pause=0.1)
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


def test_a_nightly_run_finds_nothing_to_read_of_what_is_sent(tmp_path: Path) -> None:
    """Its events are in the lake already."""
    settings = Settings.model_validate({"sources": {"payments": {"http": True}}})
    source = Source("payments", time="at", key="id", schema={"id": str})
    reader = open_source(source, settings.sources["payments"], IngestSettings(), tmp_path)
    plan = reader.plan([], None)
    assert (plan.origins, list(reader.chunks(plan)), reader.bookmark().origins) == ((), [], ())


def test_without_the_extra_it_is_told_how_to_install_it(tmp_path: Path) -> None:
    """The message names what is missing."""
    from dayshift.connectors.opening import open_taps

    hidden: dict[str, Any] = {name: None for name in list(sys.modules) if name.startswith("dayshift.connectors.http.")}
    pipeline = Pipeline("shop", predict=Source("payments", time="at", key="id", schema={"id": str}))
    settings = Settings.model_validate({"sources": {"payments": {"http": True}}})
    with pytest.MonkeyPatch.context() as patch:
        for name in hidden:
            patch.delitem(sys.modules, name)
        patch.setitem(sys.modules, "msgspec", None)
        with pytest.raises(NotReady) as caught:
            open_taps(pipeline, settings, tmp_path, lambda: NOW_US)
    assert (caught.value.problems[0].code, caught.value.problems[0].hint) == ("DS310", "pip install 'dayshift[http]'")


def test_importing_the_connectors_loads_no_server() -> None:
    """Who does not use HTTP does not pay for it."""
    said = "import sys, dayshift.connectors.opening; print([name for name in ('uvicorn', 'msgspec') if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[]\n"
