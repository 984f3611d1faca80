"""Messages as rows of text. A message that cannot be read becomes a reject with its offset, like a torn line of a file.

A message without a value (of a compacted topic: its key was deleted) is a row without values: the contract holds it, or
the source's `where` passes it over; it does not vanish here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.connectors.contract import REJECTS, Chunk, Texts, no_rejects
from dayshift.connectors.files.csv import SHOWN_RAW
from dayshift.connectors.files.jsonl import Objects, read_objects, text_frame
from dayshift.connectors.files.one_object import one_object
from dayshift.connectors.plain_json import PlainReader
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import SourceSettings

FEW = 12
"""Up to so many JSON values are read one by one."""
Decoder = Callable[[Sequence[bytes | None]], Objects]
"""Reads the values of messages; what it cannot read stands in `faults`, by its place."""


def decoder_of(
    source: str, settings: SourceSettings, root: Path, retry: Retry, plain: PlainReader | None = None
) -> Decoder:
    """The decoder that the section of a source asks for; `plain` reads what needs no second look.

    Raises:
        NotReady: DS310, a library is not installed; DS335, a schema cannot be read.
    """
    if settings.value == "json":
        return json_objects if plain is None else _PlainFirst(plain)
    from dayshift.connectors.kafka.avro import AvroDecoder

    return AvroDecoder(source, settings, root, retry)


class _PlainFirst:
    """Reads JSON objects as values where all of them are plain, as text otherwise."""

    def __init__(self, plain: PlainReader) -> None:
        self._plain = plain

    def __call__(self, values: Sequence[bytes | None]) -> Objects:
        frame = self._plain(objects_of(values))
        if frame is not None:
            return Objects(frame, pl.Series("row", np.arange(len(values))), [], plain=True)
        found = json_objects(values)
        self._plain.pass_over(found.frame.columns)
        return found


def objects_of(values: Sequence[bytes | None]) -> list[bytes]:
    """The text of each message's value; that of a message without one is an object without names."""
    return [b"{}" if value is None else value for value in values]


def json_objects(values: Sequence[bytes | None]) -> Objects:
    """Values that are JSON objects.

    >>> json_objects([b'{"id": 1}', None, b"{"]).faults[0][0]
    2
    """
    texts = objects_of(values)
    return read_objects(texts) if len(texts) > FEW else _one_by_one(texts)


def _one_by_one(texts: Sequence[bytes]) -> Objects:
    """As `read_objects`, to the letter; for a few texts in a fraction of its time."""
    try:
        return Objects(text_frame([one_object(text) for text in texts]), _numbers(range(len(texts))), [])
    except ValueError:
        return read_objects(texts)


def _numbers(values: Sequence[int]) -> pl.Series:
    return pl.Series("row", values, dtype=pl.Int64)


def chunk_of(
    origin: str,
    messages: Sequence[Any],
    settings: SourceSettings,
    decode: Decoder,
    offsets: NDArray[np.int64] | None = None,
) -> Chunk:
    """Messages of one partition, whose offsets may be known, as a chunk; each row's number is its offset."""
    if offsets is None:
        offsets = np.array([message.offset() for message in messages], np.int64)
    values = [message.value() for message in messages]
    columns, faults = _around(messages, settings)
    readable = [at for at in range(len(messages)) if at not in faults] if faults else range(len(messages))
    found = decode([values[at] for at in readable] if faults else values)
    faults |= {readable[place]: reason for place, reason in found.faults}
    rejects = [
        (int(offsets[at]), reason, (values[at] or b"")[:SHOWN_RAW].decode(errors="backslashreplace"))
        for at, reason in sorted(faults.items())
    ]
    places = np.asarray(readable, np.int64)[found.places.to_numpy()] if faults else slice(None)
    frame, texts = found.frame, None
    if columns:
        kept = [pl.Series(name, _at(given, places), dtype=pl.String) for name, given in columns.items()]
        frame = frame.with_columns(kept)
    if found.plain:
        texts = Texts(objects_of(_at(values, places)), tuple(columns))
    return Chunk(
        frame.drop("") if frame.columns[:1] == [""] and columns else frame,
        origin,
        pl.Series("row", offsets[places]),
        pl.DataFrame(rejects, schema=REJECTS, orient="row") if rejects else no_rejects(),
        sum(map(len, filter(None, values))) + sum(map(len, filter(None, [message.key() for message in messages]))),
        sparse=True,
        texts=texts,
    )


def _at(values: list[Any], places: Any) -> list[Any]:
    return values if isinstance(places, slice) else [values[at] for at in places.tolist()]


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
