"""Fewer, larger, sorted files: reads become faster, no answer changes.

Events are sorted by (`_load`, `_position`), stably, so that a reader who wants a range skips the files outside of it.
Memory stays bounded: small loads are merged until a file has `TARGET` rows; a larger load is cut into ranges of
`_position` of about that size, and each range is collected, sorted and written by itself. One commit then puts the
new files in the place of the old ones and says that no row has changed. Killed before it, nothing has happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from dayshift.lake.delta import Commit, Delta
from dayshift.lake.faults import damaged, guarding
from dayshift.lake.files import SETTLED, DataFile, Writer, file_name, new_token
from dayshift.lake.scan import scan_files

TARGET = 1_000_000
SAMPLE = 1_000  # positions looked at, per file, to find where to cut
ORDER = ("_load", "_position")


@dataclass(frozen=True)
class Extent:
    """How much of a table is rewritten at once.

    Args:
        rows: so many at most, the oldest first; more that would become one are left. None: all.
        files: fewer files than these that would become one are not worth it; 1: a single one too, if it is not sorted yet.
        below: files, and loads, of so many rows are large enough; None: those of half the target that are sorted.
        target: rows of a file.
    """

    rows: int | None = None
    files: int = 1
    below: int | None = None
    target: int = TARGET

    def of(self, groups: Iterable[list[DataFile]]) -> Iterator[list[DataFile]]:
        """Those of the groups that are to be rewritten now."""
        left = self.rows
        for group in groups:
            rows = sum(file.rows for file in group)
            if len(group) < self.files or (self.rows is not None and rows > self.rows):
                continue
            if left is not None:
                left -= rows
                if left < 0:
                    return
            yield group


WHOLE = Extent()


def compact_events(
    table: Delta, files: Sequence[DataFile], schema: Mapping[str, pl.DataType], extent: Extent = WHOLE
) -> int:
    """Merge and sort the visible files of a source's events; returns how many files were rewritten.

    Args:
        table: the table, at its last version.
        files: its visible files, in the order of writing.
        schema: its visible columns.
        extent: how much of it.

    Raises:
        NotReady: DS402 to DS405; nothing has changed then.
    """
    count = 0
    for group in extent.of(_groups(files, extent)):
        _rewrite(table, group, schema, extent.target)
        count += len(group)
        table = table.reopen()
    return count


def merge_small(table: Delta, extent: Extent = WHOLE) -> int:
    """Merge runs of small files of a table whose rows have no order but that of writing."""
    count = 0
    schema = table.schema
    for group in extent.of(_runs(table.files(), extent)):
        what = f"table '{table.name}'"
        with guarding(f"reading {what}", what):
            frame = scan_files(table.place, group, schema, what).collect()
        _swap(table, group, schema, iter([frame]))
        count += len(group)
        table = table.reopen()
    return count


def vacuum_table(table: Delta, hours: int) -> int:
    """Delete files that no version younger than `hours` needs, and the log of older versions; returns how many files."""
    if table.handle is None:
        return 0
    length = f"interval {max(hours, 1)} hours"
    wanted = {"delta.logRetentionDuration": length, "delta.deletedFileRetentionDuration": length}
    with guarding(f"vacuuming '{table.name}'", f"table '{table.name}'"):
        if any(table.handle.metadata().configuration.get(name) != value for name, value in wanted.items()):
            table.handle.alter.set_table_properties(wanted)
        gone = table.handle.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
        newest = Delta.open(table.place, table.name)
        if newest.handle is not None:
            newest.handle.create_checkpoint()
            newest.handle.cleanup_metadata()
    return len(set(gone))


def _groups(files: Sequence[DataFile], extent: Extent) -> Iterator[list[DataFile]]:
    """Files to be rewritten together: whole loads, in order, up to the target; a larger load by itself."""
    group: list[DataFile] = []
    target = extent.target
    for load in _loads(files):
        rows = sum(file.rows for file in load)
        done = len(load) == 1 and load[0].kind == SETTLED and rows * 2 >= target
        if extent.below is not None:
            done = rows >= extent.below
        if group and (done or sum(file.rows for file in group) + rows > target):
            yield from _worthwhile(group, target)
            group = []
        if not done:
            group += load
    yield from _worthwhile(group, target)


def _worthwhile(group: list[DataFile], target: int) -> Iterator[list[DataFile]]:
    sorted_already = all(file.kind == SETTLED for file in group)
    rows = sum(file.rows for file in group)
    if (len(group) > 1 and not (sorted_already and rows > target and _same_load(group))) or (
        len(group) == 1 and not sorted_already
    ):
        yield group


def _same_load(group: list[DataFile]) -> bool:
    return len({file.low for file in group} | {file.high for file in group}) == 1


def _loads(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    """Runs of files that share a load; a file that holds several loads stands by itself."""
    run: list[DataFile] = []
    for file in files:
        if run and (file.low != run[-1].high or file.low is None):
            yield run
            run = []
        run.append(file)
    if run:
        yield run


def _runs(files: Sequence[DataFile], extent: Extent) -> Iterator[list[DataFile]]:
    run: list[DataFile] = []
    for file in files:
        done = extent.below is not None and file.rows >= extent.below
        if run and (done or sum(one.rows for one in run) + file.rows > extent.target):
            if len(run) > 1:
                yield run
            run = []
        if not done:
            run.append(file)
    if len(run) > 1:
        yield run


def _rewrite(table: Delta, group: list[DataFile], schema: Mapping[str, pl.DataType], target: int) -> None:
    rows = sum(file.rows for file in group)
    what = f"table '{table.name}'"
    with guarding(f"reading {what}", what):
        if rows <= target:
            whole = scan_files(table.place, group, schema, what).collect()
            _swap(table, group, schema, iter([whole.sort(ORDER, maintain_order=True)]))
        else:
            cuts = _cuts(table, group, schema, rows // target + 1)
            _swap(table, group, schema, _ranges(table, group, schema, cuts))


def _cuts(table: Delta, group: list[DataFile], schema: Mapping[str, pl.DataType], parts: int) -> list[int]:
    """Positions that cut the rows into about equal parts, from a sample of each file."""
    samples = []
    for file in group:
        frame = scan_files(table.place, [file], schema, f"table '{table.name}'").select("_position").collect()
        step = max(1, file.rows // SAMPLE)
        samples.append(frame["_position"].sort().gather_every(step).to_frame().with_columns(weight=pl.lit(step)))
    points = pl.concat(samples).sort("_position")
    share = points["weight"].cum_sum() * parts // int(points["weight"].sum() + 1)
    first = points.with_columns(share=share).group_by("share").agg(pl.col("_position").min()).sort("share")
    return first["_position"].unique().sort().to_list()[1:]


def _ranges(
    table: Delta, group: list[DataFile], schema: Mapping[str, pl.DataType], cuts: list[int]
) -> Iterator[pl.DataFrame]:
    scan = scan_files(table.place, group, schema, f"table '{table.name}'")
    position = pl.col("_position")
    for low, high in zip([None, *cuts], [*cuts, None], strict=True):
        above = pl.lit(True) if low is None else position >= low
        below = pl.lit(True) if high is None else position < high
        yield scan.filter(above & below).collect().sort(ORDER, maintain_order=True)


def _swap(table: Delta, old: list[DataFile], schema: Mapping[str, pl.DataType], frames: Iterator[pl.DataFrame]) -> None:
    """Write the frames and put them in the place of the old files, if no row is missing."""
    writer, token, new = Writer(), new_token(), list[DataFile]()
    try:
        for frame in frames:
            if frame.height:
                name = file_name(old[0].order, old[0].index + len(new), token)
                new.append(writer.write(table.place, name, frame))
        if sum(file.rows for file in new) != sum(file.rows for file in old):
            raise damaged(f"table '{table.name}'", "its files do not hold as many rows as its log says")
        writer.wait()
        table.commit(schema, Commit(new, old, data_change=False, note={"dayshift.compact": str(len(old))}))
    except BaseException:
        delete_unknown(table, new)
        raise
    finally:
        writer.close()


def delete_unknown(table: Delta, files: list[DataFile]) -> None:
    """Delete what a failed write left, unless the log knows it after all."""
    path = table.place.path
    if path is not None and files:
        known = {file.name for file in table.reopen().files()}
        for file in files:
            if file.name not in known:
                (path / file.name).unlink(missing_ok=True)
