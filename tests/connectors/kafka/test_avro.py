"""Avro values: plain by a file's schema, and behind the number that a schema registry knows."""

import base64
import datetime as dt
import io
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import fastavro
import pytest

from dayshift.connectors.kafka.avro import AvroDecoder
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import NotReady

TIME = {"type": "long", "logicalType": "timestamp-micros"}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
SCHEMA = {
    "type": "record",
    "name": "payment",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "at", "type": TIME},
        {"name": "amount", "type": MONEY},
        {"name": "rate", "type": "double"},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "ok", "type": "boolean"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
AT = dt.datetime(2024, 5, 1, 10, 0, 0, 1, tzinfo=dt.UTC)
RECORD = {
    "id": 2**53 + 1,
    "at": AT,
    "amount": Decimal("2.50"),
    "rate": 0.1 + 0.2,
    "note": None,
    "ok": True,
    "tags": ["ä"],
}
TEXTS = {
    "id": "9007199254740993",
    "at": "2024-05-01T10:00:00.000001+00:00",
    "amount": "2.50",
    "rate": "0.30000000000000004",
    "note": None,
    "ok": "true",
    "tags": '["ä"]',
}


def avro(record: dict[str, Any], schema: dict[str, Any] | None = None) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema or SCHEMA), record)
    return stream.getvalue()


def decoder(root: Path, retries: int = 0, **settings: Any) -> AvroDecoder:
    given = SourceSettings(topic="t", brokers="b:9092", value="avro", **settings)
    return AvroDecoder("payments", given, root, Retry(retries, 0, lambda _: None))


@contextmanager
def registry(answers: dict[str, list[tuple[int, str]]]) -> Iterator[tuple[str, list[str | None]]]:
    """A registry's address, and who asked; each path gives its answers in turn, the last one for ever."""
    asked: list[str | None] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization"))
            given = answers.get(self.path, [(404, '{"error_code": 40403}')])
            status, text = given.pop(0) if len(given) > 1 else given[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_plain_avro_becomes_exact_text(tmp_path: Path) -> None:
    """Large integers, decimals, microseconds and doubles lose nothing; what is no record is a fault."""
    (tmp_path / "p.avsc").write_text(json.dumps(SCHEMA))
    found = decoder(tmp_path, schema_file="p.avsc")([avro(RECORD), avro(RECORD) + b"x", b"", None, b"\xff" * 20])
    assert found.frame.to_dicts() == [TEXTS, dict.fromkeys(TEXTS)]
    assert (found.places.to_list(), [at for at, _ in found.faults]) == ([0, 3], [1, 2, 4])
    assert found.faults[0][1] == "not Avro of its schema: 1 bytes are left over"


def test_a_registry_is_asked_once_for_each_schema(tmp_path: Path) -> None:
    """By the number before the value, with the login of its URL; it is asked again after a failure that may pass."""
    answer = json.dumps({"schema": json.dumps(SCHEMA)})
    head = struct.pack(">bI", 0, 7)
    with registry({"/schemas/ids/7": [(503, ""), (200, answer)]}) as (address, asked):
        decode = decoder(tmp_path, retries=1, schema_registry=f"http://me:pass%3Aword@{address}/")
        found = decode([head + avro(RECORD), b"{}", head + avro(RECORD), struct.pack(">bI", 0, 8)])
    assert found.frame.to_dicts() == [TEXTS, TEXTS]
    assert [reason.split(": ", 1)[1] for _, reason in found.faults] == [
        "it does not begin with a zero and the number of a schema",
        "schema 8 is not in the registry",
    ]
    assert asked == [f"Basic {base64.b64encode(b'me:pass:word').decode()}"] * 3


def test_values_are_resolved_to_the_schema_of_a_file(tmp_path: Path) -> None:
    """A field that the writer did not know gets its default."""
    old = {"type": "record", "name": "payment", "fields": [{"name": "id", "type": "int"}]}
    new = {**old, "fields": [*old["fields"], {"name": "country", "type": "string", "default": "??"}]}
    (tmp_path / "new.avsc").write_text(json.dumps(new))
    with registry({"/schemas/ids/1": [(200, json.dumps({"schema": json.dumps(old)}))]}) as (address, _):
        decode = decoder(tmp_path, schema_registry=f"http://{address}", schema_file="new.avsc")
        found = decode([struct.pack(">bI", 0, 1) + avro({"id": 5}, old)])
    assert found.frame.to_dicts() == [{"id": "5", "country": "??"}]


def test_a_registry_that_is_down_stops_the_load_and_holds_no_row(tmp_path: Path) -> None:
    """A message is not bad because nobody can be asked about it; the login is in no message."""
    decode = decoder(tmp_path, schema_registry="http://me:s3cret@127.0.0.1:1")
    with pytest.raises(NotReady) as caught:
        decode([struct.pack(">bI", 0, 1)])
    (problem,) = caught.value.problems
    assert problem.code == "DS335"
    assert "s3cret" not in repr(problem)


@pytest.mark.parametrize("text", [None, "{}", "nonsense"])
def test_a_schema_file_that_is_none_is_told(tmp_path: Path, text: str | None) -> None:
    """Absent, no JSON, or no schema."""
    if text is not None:
        (tmp_path / "p.avsc").write_text(text)
    with pytest.raises(NotReady) as caught:
        decoder(tmp_path, schema_file="p.avsc")
    assert caught.value.problems[0].code == "DS335"
