"""Databases by ADBC: how their addresses are written, how they fail, and that a password is never printed.

An address is `postgresql://user@host/name`, `sqlite:path`, or `env:NAME`, the name of an environment variable that
holds one: dayshift.toml can be committed, a password cannot.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dayshift.diagnostics import DefinitionError, NotReady

_TRANSIENT = ("08", "40", "53", "55P03", "57P01", "57P02", "57P03")
_FINAL_WORDS = ("authentication failed", "does not exist", "no password supplied", "role ", "pg_hba.conf")
_TRANSIENT_WORDS: tuple[str, ...] = (
    "connection refused",
    "timeout",
    "timed out",
    "could not connect",
    "failed to connect",
    "is locked",
)
_TRANSIENT_WORDS += ("connection reset", "closed the connection", "starting up", "shutting down", "ssl syscall")


@dataclass(frozen=True)
class Database:
    """An address, resolved: `kind` "postgresql", "sqlite" or "duckdb"; `address` may hold a password, `shown` never."""

    kind: str
    address: str = field(repr=False)
    shown: str = ""

    def connect(self, *, write: bool = False) -> Any:
        """An ADBC connection; for SQLite read-only unless `write`.

        Raises:
            NotReady: DS310, the driver is not installed; DS311, an SQLite file is absent.
        """
        if self.kind == "postgresql":
            return _driver("adbc_driver_postgresql", "postgres").connect(self.address)
        if not write and not Path(self.address).is_file():
            raise NotReady(
                "DS311", f"database file '{self.shown}' is not there", hint=f"ls {Path(self.address).parent}"
            )
        return _driver("adbc_driver_sqlite", "sqlite").connect(f"file:{self.address}{'' if write else '?mode=ro'}")

    def clean(self, error: Exception) -> str:
        """The first line of what a driver says, without any password."""
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        text = re.sub(r"(\w+://[^:/@\s]*):[^@\s]*@", r"\1:***@", text.replace(self.address, self.shown))
        return re.sub(r"(password\s*=\s*)\S+", r"\1***", text)


def _driver(module: str, extra: str) -> Any:
    import importlib

    try:
        importlib.import_module("pyarrow")
        return importlib.import_module(f"{module}.dbapi")
    except ImportError as error:
        raise NotReady(
            "DS310",
            f"reading this database needs {error.name}, which is not installed",
            hint=f"pip install 'dayshift[{extra}]'",
        ) from None


def resolve(text: str | None, where: str, root: Path) -> Database:
    """The database that a setting names; `where` is the setting's section, for messages.

    >>> resolve("postgresql://me:secret@db:5432/shop", "[sources.a]", Path("."))
    Database(kind='postgresql', shown='postgresql://me:***@db:5432/shop')

    Raises:
        DefinitionError: DS312, no database is named, or it is of an unknown kind.
        NotReady: DS313, the environment variable is not set.
    """
    if not text:
        raise DefinitionError("DS312", f"{where} names no database", hint=f'{where}\ndatabase = "env:DATABASE_URL"')
    if text.startswith("env:"):
        name = text.removeprefix("env:")
        if not os.environ.get(name):
            raise NotReady(
                "DS313",
                f"environment variable '{name}' of {where} is not set",
                hint=f"export {name}=postgresql://user:password@host:5432/database",
            )
        text = os.environ[name]
    kind, path = _kind(text)
    if kind == "postgresql":
        return Database(kind, text, re.sub(r"(//[^:/@]*):[^@]*@", r"\1:***@", text))
    if kind:
        return Database(kind, str(root / path), path)
    raise DefinitionError(
        "DS312",
        f"the database of {where} is of an unknown kind",
        facts=("known: postgresql://…, sqlite:PATH, duckdb:PATH (a destination), env:NAME",),
        hint=f'{where}\ndatabase = "sqlite:shop.db"',
    )


def _kind(text: str) -> tuple[str, str]:
    if text.startswith(("postgresql://", "postgres://")):
        return "postgresql", text
    for kind, endings in (("sqlite", (".db", ".sqlite", ".sqlite3")), ("duckdb", (".duckdb", ".ddb"))):
        if text.startswith(f"{kind}:"):
            rest = text.removeprefix(f"{kind}:")
            return kind, rest[2:].removeprefix("/") if rest.startswith("//") and not rest.startswith(
                "////"
            ) else rest.removeprefix("///")
        if text.endswith(endings) and "://" not in text:
            return kind, text
    return "", text


def is_transient(error: Exception) -> bool:
    """Whether the same question may be answered a little later."""
    state = str(getattr(error, "sqlstate", None) or "")
    if state:
        return state.startswith(_TRANSIENT)
    text = str(error).lower()
    if isinstance(error, NotReady) or any(word in text for word in _FINAL_WORDS):
        return False
    return any(word in text for word in _TRANSIENT_WORDS)


def quoted(name: str) -> str:
    """A name as SQL writes it; `schema.table` names a table of a schema.

    >>> quoted('public.pay"ments')
    '"public"."pay""ments"'
    """
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def column(name: str) -> str:
    """A column's name as SQL writes it; a point in it is a point.

    >>> column("a.b")
    '"a.b"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"
