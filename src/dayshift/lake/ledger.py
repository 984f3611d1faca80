"""The ledger: one record after each verb that changed the world, or tried to. Records are only ever added."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from dayshift.diagnostics import NotReady
from dayshift.lake.delta import Commit, Delta
from dayshift.lake.faults import guarding
from dayshift.lake.files import Writer, file_name, new_token
from dayshift.lake.place import Place
from dayshift.lake.scan import scan_files
from dayshift.lake.schema import TIME

NAME = "ledger"
ATTEMPTS = 10
SCHEMA: Mapping[str, pl.DataType] = {
    "id": pl.String(),
    "at": TIME,
    "verb": pl.String(),
    "outcome": pl.String(),
    "pipeline": pl.String(),
    "fingerprint": pl.String(),
    "load": pl.Int64(),
    "detail": pl.String(),
}


class Ledger:
    """The records of a lake; made by `Lake.ledger`."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def append(self, verb: str, outcome: str, detail: Mapping[str, Any], at: dt.datetime) -> str:
        """Add a record. "pipeline", "fingerprint" and "load" of `detail` become columns of their own as well.

        Args:
            verb: what was done: "run", "train", "backfill", ...
            outcome: how it ended: "done", "refused", "stopped", ...
            detail: anything JSON can hold; other values are kept as their text.
            at: when, aware.

        Returns:
            The record's id.

        Raises:
            NotReady: DS402, others write all the time; DS404; DS405.
        """
        identity = new_token()
        row = {
            "id": identity,
            "at": at.astimezone(dt.UTC),
            "verb": verb,
            "outcome": outcome,
            "pipeline": _text(detail.get("pipeline")),
            "fingerprint": _text(detail.get("fingerprint")),
            "load": detail.get("load") if isinstance(detail.get("load"), int) else None,
            "detail": json.dumps(dict(detail), default=str, ensure_ascii=False),
        }
        self._write(pl.DataFrame([row], schema=dict(SCHEMA)))
        return identity

    def read(self, verb: str | None = None) -> pl.DataFrame:
        """All records, or those of one verb, in the order of writing."""
        table = Delta.open(self._place, NAME)
        with guarding("reading the ledger", "the ledger"):
            frame = scan_files(self._place, table.files(), SCHEMA, "the ledger").collect()
        return frame if verb is None else frame.filter(pl.col("verb") == verb)

    def _write(self, row: pl.DataFrame) -> None:
        writer, token = Writer(), new_token()
        try:
            for attempt in range(ATTEMPTS):
                table = Delta.open(self._place, NAME)
                file = writer.write(self._place, file_name(table.version + 1, attempt, token), row)
                writer.wait()
                try:
                    return table.commit(SCHEMA, Commit([file]))
                except NotReady as error:
                    _remove(self._place, file.name)
                    if error.problems[0].code != "DS402" or attempt == ATTEMPTS - 1:
                        raise
        finally:
            writer.close()


def _remove(place: Place, name: str) -> None:
    if place.path is not None:
        (place.path / name).unlink(missing_ok=True)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
