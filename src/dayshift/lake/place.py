"""Where things lie: a lake is a folder, or a URI of an object store; each table has a folder of its own.

A name that the user chose (a source may be called "Täglich/neu") becomes a folder's name that every file system and
every reader of Delta accepts: letters that are safe stay, the rest becomes "-", and whenever that changed anything a
short hash of the name keeps two names apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dayshift.diagnostics import UsageError

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_UNSAFE = re.compile(r"[^a-z0-9_-]+")
READABLE = 40


def folder_name(name: str) -> str:
    """A folder's name for a name of the user's; different names never share one, whatever the file system's case rules.

    >>> folder_name("card_payments"), folder_name("Card Payments")
    ('card_payments', 'card-payments-4feb07b11b01')
    """
    if _PLAIN.fullmatch(name):
        return name
    short = _UNSAFE.sub("-", name.lower()).strip("-")[:READABLE] or "x"
    return f"{short}-{blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()}"


@dataclass(frozen=True)
class Place:
    """A folder of the lake: `path` on this machine, or None when only `uri` leads there."""

    uri: str
    path: Path | None
    options: Mapping[str, str] = field(default_factory=dict)

    def __truediv__(self, part: str) -> Place:
        path = None if self.path is None else self.path / part
        uri = f"{self.uri.rstrip('/')}/{part}" if path is None else path.as_uri()
        return Place(uri, path, self.options)

    def __str__(self) -> str:
        return self.uri if self.path is None else str(self.path)

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What delta-rs and Polars want to know about an object store, or None."""
        return dict(self.options) or None


def place_of(root: str | Path, storage_options: Mapping[str, str] | None = None) -> Place:
    """The place a root names: a path, a `file://` URI, or the URI of an object store.

    Raises:
        UsageError: DS409, the path holds a percent sign, which delta-rs would decode.
    """
    text = str(root)
    parts = urlsplit(text)
    if "://" in text and parts.scheme != "file":
        return Place(text.rstrip("/"), None, dict(storage_options or {}))
    path = Path(unquote(parts.path) if "://" in text else text).expanduser().absolute()
    if "%" in str(path):
        raise UsageError(
            "DS409",
            f"a lake cannot lie at '{path}'",
            facts=("the path holds a '%', which the Delta library reads as an escaped letter",),
            hint="give the lake another folder: `lake = ...` in dayshift.toml",
        )
    return Place(path.as_uri(), path, {})
