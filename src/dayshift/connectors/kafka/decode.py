"""Messages as rows of text. A message that cannot be read becomes a reject with its offset, like a torn line of a file.

A message without a value (of a compacted topic: its key was deleted) is a row without values: the contract holds it, or
the source's `where` passes it over; it does not vanish here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from dayshift.connectors.contract import REJECTS, Chunk, no_rejects
from dayshift.connectors.files.csv import SHOWN_RAW
from dayshift.connectors.files.jsonl import Objects, read_objects, text_frame
from dayshift.connectors.files.one_object import one_object
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import SourceSettings

FEW = 12
"""Up to so many JSON values are read one by one."""
Decoder = Callable[[Sequence[bytes | None]], Objects]
"""Reads the values of messages; what it cannot read stands in `faults`, by its place."""


def decoder_of(source: str, settings: SourceSettings, root: Path, retry: Retry) -> Decoder:
    """The decoder that the section of a source asks for.

    Raises:
        NotReady: DS310, a library is not installed; DS335, a schema cannot be read.
    """
    if settings.value == "json":
        return json_objects
    from dayshift.connectors.kafka.avro import AvroDecoder

    return AvroDecoder(source, settings, root, retry)


def json_objects(values: Sequence[bytes | None]) -> Objects:
    """Values that are JSON objects.

    >>> json_objects([b'{"id": 1}', None, b"{"]).faults[0][0]
    2
    """
    texts = [b"{}" if value is None else value for value in values]
    return read_objects(texts) if len(texts) > FEW else _one_by_one(texts)


def _one_by_one(texts: Sequence[bytes]) -> Objects:
    """As `read_objects`, to the letter; for a few texts in a fraction of its time."""
    try:
        return Objects(text_frame([one_object(text) for text in texts]), _numbers(range(len(texts))), [])
    except ValueError:
        return read_objects(texts)


def _numbers(values: Sequence[int]) -> pl.Series:
    return pl.Series("row", values, dtype=pl.Int64)


def chunk_of(origin: str, messages: Sequence[Any], settings: SourceSettings, decode: Decoder) -> Chunk:
    """Messages of one partition as a chunk; each row's number is its offset."""
    offsets = [message.offset() for message in messages]
    values = [message.value() for message in messages]
    columns, faults = _around(messages, settings)
    readable = [at for at in range(len(messages)) if at not in faults]
    found = decode([values[at] for at in readable])
    faults |= {readable[place]: reason for place, reason in found.faults}
    rejects = [
        (offsets[at], reason, (values[at] or b"")[:SHOWN_RAW].decode(errors="backslashreplace"))
        for at, reason in sorted(faults.items())
    ]
    places = [readable[place] for place in found.places]
    frame = found.frame
    if columns:
        kept = {name: pl.Series(name, [texts[at] for at in places], dtype=pl.String) for name, texts in columns.items()}
        frame = frame.with_columns(kept.values())
    return Chunk(
        frame.drop("") if frame.columns[:1] == [""] and columns else frame,
        origin,
        _numbers([offsets[at] for at in places] if faults else offsets),
        pl.DataFrame(rejects, schema=REJECTS, orient="row") if rejects else no_rejects(),
        sum(map(len, filter(None, values))) + sum(len(message.key() or b"") for message in messages),
        sparse=True,
    )


def size_of(message: Any) -> int:
    """Bytes of a message's key and value."""
    return len(message.value() or b"") + len(message.key() or b"")


def _around(messages: Sequence[Any], settings: SourceSettings) -> tuple[dict[str, list[str | None]], dict[int, str]]:
    """The columns that are asked for beside the value, and the messages in which one of them is no text."""
    columns: dict[str, list[str | None]] = {}
    faults: dict[int, str] = {}
    if settings.timestamp_column:
        times = [message.timestamp() for message in messages]
        columns[settings.timestamp_column] = [str(ms) if kind else None for kind, ms in times]
    if settings.key_column:
        keys = [message.key() for message in messages]
        columns[settings.key_column] = _texts(keys, "the key", faults)
    for header, name in settings.header_columns.items():
        found = [dict(message.headers() or ()).get(header) for message in messages]  # of several the last counts
        columns[name] = _texts(found, f"header '{header}'", faults)
    return columns, faults


def _texts(values: Sequence[bytes | str | None], what: str, faults: dict[int, str]) -> list[str | None]:
    texts: list[str | None] = []
    for at, value in enumerate(values):
        try:
            texts.append(value.decode() if isinstance(value, bytes) else value)
        except UnicodeDecodeError as error:
            texts.append(None)
            faults.setdefault(at, f"byte 0x{error.object[error.start]:02x} of {what} is not UTF-8")
    return texts
