"""The rows of one source that are to be held, on the disk until the load is decided."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from dayshift.lake import Lake

ROW = {
    "source": pl.String,
    "origin": pl.String,
    "row": pl.Int64,
    "code": pl.String,
    "reason": pl.String,
    "raw": pl.String,
}
_AT_ONCE = 50_000


class Held:
    """Collects rows, a file for every fifty thousand."""

    def __init__(self, folder: Path, source: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._source = folder, source
        self._open: list[pl.DataFrame] = []
        self._files: list[Path] = []
        self.count = 0

    def add(self, origin: str, rows: pl.DataFrame) -> None:
        """Rows with `row`, `code`, `reason`, `raw`; `origin` unless the rows say it themselves."""
        if not rows.height:
            return
        self.count += rows.height
        origins = [] if "origin" in rows.columns else [pl.lit(origin).alias("origin")]
        self._open.append(rows.with_columns(pl.lit(self._source).alias("source"), *origins).select(*ROW))
        if sum(frame.height for frame in self._open) >= _AT_ONCE:
            self._flush()

    def frames(self) -> Iterator[pl.DataFrame]:
        """All rows, in the order in which they came."""
        self._flush()
        for file in self._files:
            yield pl.read_ipc(file)

    def split_known(self, lake: Lake) -> tuple[int, Iterator[pl.DataFrame]]:
        """How many rows earlier loads held already, word for word, and the others."""
        held = lake.quarantine().filter(pl.col("source") == self._source)
        known, kept = 0, []
        for number, frame in enumerate(self.frames()):
            seen = held.filter(pl.col("raw").is_in(frame["raw"].unique().implode())).select("raw").collect()["raw"]
            new = frame.filter(~pl.col("raw").is_in(seen.implode()))
            known += frame.height - new.height
            kept.append(self._folder / f"new-{number:06d}.arrow")
            new.write_ipc(kept[-1])
        return known, (pl.read_ipc(file) for file in kept)

    def _flush(self) -> None:
        if self._open:
            self._files.append(self._folder / f"held-{len(self._files):06d}.arrow")
            pl.concat(self._open).write_ipc(self._files[-1])
            self._open = []
