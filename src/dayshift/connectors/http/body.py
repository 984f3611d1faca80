"""A request's body as the texts of its records: one object, an array of objects, or JSON Lines, plain or gzip.

What the body is, it shows itself; the content type only says whether lines that are no JSON are rows to be held
(JSON Lines) or make the whole body malformed. Values are not looked at here: that is done for the rows of many requests
at once, when they are taken.
"""

import zlib
from collections.abc import Sequence

import msgspec

from dayshift.connectors.http.answers import Declined

LARGEST = 16 << 20
MOST_RECORDS = 100_000
_MOST_NAMES = 2_000
_JSON = ("application/json", "text/json")
_LINES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/json-lines",
)
_value: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)
_array: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_object: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])


def check_type(given: bytes | None, origin: bytes | None) -> bool:
    """Whether the content type says JSON Lines.

    A browser sends forms and plain text to any address without asking; so a page elsewhere could write events. Only JSON,
    for which it would have to ask first, is taken; no type at all only from what is no browser.

    Raises:
        Declined: 415.
    """
    kind, _, rest = (given or b"").decode("latin-1").lower().partition(";")
    charset = rest.partition("charset=")[2].split(";")[0].strip().strip('"')
    kind = kind.strip()
    known = kind in _JSON or kind in _LINES or kind.endswith("+json") or (not kind and origin is None)
    if not known or charset not in ("", "utf-8", "utf8", "us-ascii"):
        shown = (given or b"none").decode("latin-1")
        raise Declined(
            415, f"content type {shown!r} is not taken", "Content-Type: application/json, or application/x-ndjson"
        )
    return kind in _LINES


def check_encoding(given: bytes | None) -> bool:
    """Whether the body is compressed by gzip.

    Raises:
        Declined: 415.
    """
    encoding = (given or b"identity").decode("latin-1").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return True
    if encoding != "identity":
        raise Declined(415, f"content encoding {encoding!r} is not taken", "Content-Encoding: gzip, or none")
    return False


def inflated(body: bytes) -> bytes:
    """The bytes behind gzip, at most `LARGEST` of them.

    Raises:
        Declined: 400, they are damaged; 413, they are more.
    """
    parts: list[bytes] = []
    left = LARGEST
    while body:
        stream = zlib.decompressobj(wbits=31)
        try:
            part = stream.decompress(body, left + 1)
        except zlib.error as error:
            raise Declined(400, f"the body is no gzip: {error}") from None
        left -= len(part)
        if left < 0:
            raise too_large()
        if not stream.eof:
            raise Declined(400, "the body's gzip ends too early")
        parts.append(part)
        body = stream.unused_data
    return b"".join(parts)


def too_large() -> Declined:
    """The body is larger than is taken."""
    return Declined(413, f"the body is larger than {LARGEST >> 20} MiB", "send the events in several requests")


def records(body: bytes, *, lines: bool) -> Sequence[bytes]:
    r"""The text of each record.

    >>> records(b'{"id": 1}', lines=False), records(b'[{"id": 1}, {"id": 2}]', lines=False)
    ([b'{"id": 1}'], [b'{"id": 1}', b'{"id": 2}'])
    >>> records(b'{"id": 1}\n{"id": 2}\n', lines=False)
    [b'{"id": 1}', b'{"id": 2}']

    Raises:
        Declined: 400, it is none of the three; 413, there are too many.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not body:
        raise Declined(400, "the body is empty", "one event as a JSON object, or an array of them, or one a line")
    found = _array_of(body) if body.startswith(b"[") else _objects(body, lines=lines)
    if len(found) > MOST_RECORDS:
        raise Declined(413, f"the body holds more than {MOST_RECORDS:,} events", "send the events in several requests")
    _check_names(found)
    return found


def _array_of(body: bytes) -> list[bytes]:
    try:
        return [bytes(one).replace(b"\n", b" ") for one in _array.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from None


def _objects(body: bytes, *, lines: bool) -> list[bytes]:
    found = [line for line in body.split(b"\n") if line.strip()]
    if len(found) == 1 and lines:
        return found
    try:
        whole = _value.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if lines or (len(found) > 1 and any(map(_is_object, found[:100]))):
            return found
        raise _malformed(error) from None
    if not body.startswith(b"{"):
        raise Declined(400, "the body is JSON, but no object and no array of objects")
    return [bytes(whole).replace(b"\n", b" ")]


def _is_object(text: bytes) -> bool:
    try:
        return text.lstrip().startswith(b"{") and bool(_value.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _check_names(texts: Sequence[bytes]) -> None:
    """No record may have so many names that a table with a column for each would take the memory."""
    for text in texts:
        if len(text) > 4 * _MOST_NAMES and text.count(b":") > _MOST_NAMES:
            try:
                names = len(_object.decode(text))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if names > _MOST_NAMES:
                raise Declined(413, f"an event has more than {_MOST_NAMES:,} names")


def _malformed(error: Exception) -> Declined:
    said = "nested too deep" if isinstance(error, RecursionError) else str(error)
    return Declined(
        400, f"the body is not JSON: {said}", "one event as a JSON object, or an array of them, or one a line"
    )


__all__ = ["LARGEST", "MOST_RECORDS", "check_encoding", "check_type", "inflated", "records", "too_large"]
