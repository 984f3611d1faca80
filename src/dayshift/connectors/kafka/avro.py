"""Avro values as rows of text: plain, by the schema of a file; or behind the five bytes that a schema registry's clients
write, a zero and the schema's number.

Values become text as JSON's do, so that one contract judges both: numbers as Python writes them, exactly; times and
dates in ISO 8601; decimals in digits; bytes as the text that they hold, else hexadecimal.
"""

import base64
import datetime as dt
import io
import json
import struct
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from dayshift.connectors.files.jsonl import Objects, text_frame
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import SourceSettings, secret
from dayshift.diagnostics import NotReady

_MAGIC = 0
_HEAD = 5
_WAIT_SECONDS = 10


class AvroDecoder:
    """Reads Avro values of one source."""

    def __init__(self, source: str, settings: SourceSettings, root: Path, retry: Retry) -> None:
        self._library = _fastavro()
        self._source = source
        self._own = None if settings.schema_file is None else self._from_file(root / settings.schema_file)
        url = settings.schema_registry
        self._registry = None if url is None else Registry(source, secret(url), retry)
        self._parsed: dict[int, Any] = {}

    def __call__(self, values: Sequence[bytes | None]) -> Objects:
        """The records; a value that is no record of its schema, whole and with nothing behind, is a fault.

        Raises:
            NotReady: DS335, the schema registry cannot be reached.
        """
        rows: list[Mapping[str, str | None]] = []
        places: list[int] = []
        faults: list[tuple[int, str]] = []
        for at, value in enumerate(values):
            try:
                rows.append({} if value is None else self._record(value))
                places.append(at)
            except NotReady:
                raise
            except Exception as error:  # noqa: BLE001 -- whatever a strange value does to the library, the row is held
                faults.append((at, f"not Avro of its schema: {str(error) or type(error).__name__}"))
        return Objects(text_frame(rows), pl.Series("row", places, dtype=pl.Int64), faults)

    def _record(self, value: bytes) -> dict[str, str | None]:
        stream = io.BytesIO(value)
        schema = self._own if self._registry is None else self._written_by(stream)
        record = self._library.schemaless_reader(stream, schema, self._own if self._registry is not None else None)
        left = len(value) - stream.tell()
        if left:
            raise ValueError(f"{left} bytes are left over")
        if not isinstance(record, dict):
            raise ValueError("it is no record")
        return {name: text_of(item) for name, item in record.items()}

    def _written_by(self, stream: io.BytesIO) -> Any:
        """The schema whose number stands before the value."""
        head = stream.read(_HEAD)
        if len(head) < _HEAD or head[0] != _MAGIC:
            raise ValueError("it does not begin with a zero and the number of a schema")
        number = struct.unpack(">I", head[1:])[0]
        if number not in self._parsed:
            assert self._registry is not None
            self._parsed[number] = self._library.parse_schema(self._registry.schema(number))
        return self._parsed[number]

    def _from_file(self, path: Path) -> Any:
        try:
            return self._library.parse_schema(json.loads(path.read_text(encoding="utf-8")))
        except Exception as error:
            raise NotReady(
                "DS335",
                f"the Avro schema of source '{self._source}' cannot be read from '{path}'",
                facts=(f"{type(error).__name__}: {error}".splitlines()[0],),
                hint=f'[sources.{self._source}]\nschema_file = "{self._source}.avsc"    # relative to dayshift.toml',
            ) from error


class Registry:
    """A schema registry, asked once for each schema. `user:password@` in its URL is sent as basic authentication."""

    def __init__(self, source: str, url: str, retry: Retry) -> None:
        parts = urllib.parse.urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self._source, self._retry = source, retry
        self.shown = urllib.parse.urlunsplit(parts._replace(netloc=host)).rstrip("/")
        self._headers = {"Accept": "application/vnd.schemaregistry.v1+json"}
        if parts.username is not None:
            login = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"

    def schema(self, number: int) -> Any:
        """The schema of a number.

        Raises:
            ValueError: the registry does not know the number.
            NotReady: DS335, it cannot be reached, or refuses.
        """
        address = f"{self.shown}/schemas/ids/{number}"
        try:
            if not address.startswith(("http://", "https://")):
                raise ValueError("the URL begins neither with http:// nor with https://")
            request = urllib.request.Request(address, headers=self._headers)  # noqa: S310 -- checked just before
            answer = self._retry(lambda: self._get(request), _is_transient)
            told = json.loads(answer)
            if told.get("references"):
                raise ValueError(f"schema {number} refers to other schemas")
            return json.loads(told["schema"])
        except (OSError, ValueError, KeyError) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code == 404:
                raise ValueError(f"schema {number} is not in the registry") from None
            raise NotReady(
                "DS335",
                f"the schema registry at '{self.shown}' of source '{self._source}' does not give schema {number}",
                facts=(str(error), "nothing was loaded"),
                hint="start the registry or correct `schema_registry`, then run again",
            ) from error

    def _get(self, request: urllib.request.Request) -> bytes:
        with urllib.request.urlopen(request, timeout=_WAIT_SECONDS) as answer:  # noqa: S310 -- http or https, see above
            got: bytes = answer.read()
        return got


def _is_transient(error: Exception) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code == 429
    return isinstance(error, OSError)


def text_of(value: Any) -> str | None:
    """A value of Avro as text.

    >>> text_of(Decimal("2.50")), text_of(True), text_of(dt.date(2024, 5, 1)), text_of([1, None])
    ('2.50', 'true', '2024-05-01', '[1, null]')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return _bytes_text(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=text_of)
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def _bytes_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _fastavro() -> Any:
    try:
        import fastavro
    except ImportError as error:
        raise NotReady(
            "DS310", f"Avro needs {error.name}, which is not installed", hint="pip install 'dayshift[kafka]'"
        ) from None
    return fastavro
