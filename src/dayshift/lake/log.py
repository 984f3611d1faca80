"""The events as engines read them: up to one load, and no further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from dayshift.lake.lake import Lake


class LakeLog:
    """The events up to one load, however many are committed while somebody reads."""

    def __init__(self, lake: Lake, last_load: int) -> None:
        self._lake = lake
        self._bits: dict[str, Mapping[str, int]] = {}
        self.last_load = last_load

    def scan(self, source: str) -> pl.LazyFrame:
        """All events of a source, with `_load` and `_position`.

        Raises:
            NotReady: DS410, no load brought any.
        """
        return self._lake.events(source, self.last_load)

    def bits(self, source: str) -> Mapping[str, int]:
        """The measured power of two of the source's float columns."""
        if source not in self._bits:
            self._bits[source] = self._lake.bits(source)
        return self._bits[source]

    def made(self) -> Mapping[int, int]:
        """When each load was made, in microseconds since 1970 UTC."""
        loads = self._lake.loads().filter(pl.col("load") <= self.last_load)
        return dict(loads.select("load", pl.col("at").dt.epoch("us")).iter_rows())
