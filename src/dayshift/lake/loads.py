"""Table `loads`: the single commit point. A load's events count from the commit of its row here, and not before.

Whoever begins a load first claims it: an empty commit with the app transaction ("dayshift.claim", n + 1). The commit
of the load carries its own claim again, so that it fails when anybody has begun another load in between. On one
machine the lock prevents that; on a store shared by several it is the only fence, and the last who began wins.
"""

from __future__ import annotations

import json

import polars as pl

from dayshift.diagnostics import NotReady
from dayshift.lake.delta import Commit, Delta
from dayshift.lake.faults import conflict, guarding
from dayshift.lake.files import Writer, file_name, new_token
from dayshift.lake.place import Place
from dayshift.lake.record import PUBLIC, SCHEMA
from dayshift.lake.scan import scan_files

CLAIM, LOAD = "dayshift.claim", "dayshift.load"
NAME = "loads"
ATTEMPTS = 5


class Loads:
    """The committed loads of a lake; each version of the table is read once."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._cached: tuple[int, pl.DataFrame] | None = None

    def read(self) -> pl.DataFrame:
        """One row per (load, source) with all columns, in order."""
        return self._rows(Delta.open(self._place, NAME))

    @property
    def exists(self) -> bool:
        """Whether a load was ever begun."""
        return Delta.open(self._place, NAME).exists

    @property
    def last(self) -> int:
        """The number of the last committed load; 0 when there is none."""
        return last_of(self.read())

    def claim(self) -> Claim:
        """Announce a load: from here on, whoever claimed before cannot commit any more.

        Raises:
            NotReady: DS402, others claim all the time.
        """
        for _ in range(ATTEMPTS):
            table = Delta.open(self._place, NAME)
            mine = (table.number(CLAIM) or 0) + 1
            try:
                table.commit(SCHEMA, Commit(apps={CLAIM: mine}))
            except NotReady as error:
                if error.problems[0].code != "DS402":
                    raise
                continue
            table = table.reopen()
            if table.number(CLAIM) == mine:
                return Claim(table, mine, self._rows(table))
        raise conflict("table 'loads'", f"{ATTEMPTS} claims of a load were overtaken")

    def _rows(self, table: Delta) -> pl.DataFrame:
        if self._cached is not None and self._cached[0] == table.version:
            return self._cached[1]
        with guarding("reading table 'loads'", "table 'loads'"):
            frame = scan_files(table.place, table.files(), SCHEMA, "table 'loads'").collect()
        self._cached = (table.version, frame.sort("load", maintain_order=True))
        return self._cached[1]


class Claim:
    """The right to commit the next load, as long as nobody claims it after us."""

    def __init__(self, table: Delta, mine: int, rows: pl.DataFrame) -> None:
        self._table = table
        self._mine = mine
        self.rows = rows
        self.number = last_of(rows) + 1

    def check(self) -> None:
        """Nobody has claimed a load since; what this one wrote is still there.

        Raises:
            NotReady: DS402.
        """
        if self._table.reopen().number(CLAIM) != self._mine:
            raise conflict("table 'loads'", "another load has begun since this one")

    def commit(self, rows: pl.DataFrame) -> None:
        """THE commit: the load's rows appear in `loads`, and with them all that its token wrote.

        Raises:
            NotReady: DS402, another load has begun since; DS404; DS405.
        """
        writer = Writer()
        try:
            file = writer.write(self._table.place, file_name(self.number, 0, new_token()), rows)
            writer.wait()
        finally:
            writer.close()
        self._table.commit(SCHEMA, Commit([file], apps={LOAD: self.number, CLAIM: self._mine}))


def last_of(rows: pl.DataFrame) -> int:
    """The largest number of a load; 0 when there is none."""
    return int(rows["load"].max() or 0)  # type: ignore[arg-type]


def tokens_of(rows: pl.DataFrame) -> dict[int, str]:
    """The token of each committed load."""
    return dict(zip(rows["load"].to_list(), rows["token"].to_list(), strict=True))


def public(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns that a reader is told of."""
    return rows.select(list(PUBLIC))


def sources_of(rows: pl.DataFrame) -> set[str]:
    """The sources that any load has stored columns of."""
    return {name for name, text in zip(rows["source"], rows["columns"], strict=True) if json.loads(text)}


__all__ = ["Claim", "Loads", "last_of", "public", "sources_of", "tokens_of"]
