"""Files as a source: found by name or glob, told apart by content.

What was loaded is known by a manifest of path, size and SHA-256, never by the newest event time seen. A file whose
content was loaded before, under whatever name, is not read again; a file that was rewritten is read again as a whole,
and the rows in it that were loaded before come out as duplicates at the door. A file of a known path and size that was
not touched since it was hashed is known. Else it is hashed before reading when its size, or its path, is already in the
manifest; a file that can only be new is hashed while it is read. A large file of which a live run stored a part is read on
behind that part (`half.py`).
"""

import glob
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from dayshift.connectors.contract import Bookmark, Chunk, Origin, ReadPlan
from dayshift.connectors.files.csv import Block, behind, read_csv
from dayshift.connectors.files.half import Half
from dayshift.connectors.files.jsonl import read_jsonl
from dayshift.connectors.files.known import KnownFiles
from dayshift.connectors.files.parquet import read_parquet
from dayshift.connectors.files.stream import changed, opened, settled, sha256_of, stamp_of
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import DefinitionError, NotReady, shorten

_FORMATS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_FORMATS |= {".parquet": "parquet", ".pq": "parquet"}
_COMPRESSED = (".gz", ".zst", ".zstd")


class FilesReader:
    r"""Reads the files of one source that were not loaded yet.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "day1.csv").write_text("id,amount\n1,2.50\n")
    >>> reader = FilesReader("payments", SourceSettings(files="*.csv"), 1000, folder)
    >>> [chunk.frame.rows() for chunk in reader.chunks(reader.plan([], None))]
    [[('1', '2.50')]]
    >>> reader.plan(reader.bookmark().origins, None).origins
    ()
    """

    def __init__(self, source: str, settings: SourceSettings, chunk_rows: int, root: Path) -> None:
        self._source, self._settings, self._chunk_rows, self._root = source, settings, chunk_rows, root
        self._read: list[Origin] = []
        self._hashed: tuple[Origin, ...] = ()

    def plan(self, manifest: Sequence[Origin], cursor: str | None = None) -> ReadPlan:
        """The files that are new by content, in order of their names; `cursor` is of a file that was read in part.

        Raises:
            NotReady: DS301, a named file is absent, or nothing was ever there.
        """
        found = self._found(first=not manifest)
        plan, self._hashed = self._planned(found, KnownFiles(manifest), Half.parse(cursor))
        return plan

    def plan_of(self, paths: Iterable[Path], known: KnownFiles, half: Half | None) -> ReadPlan:
        """The plan of these files alone."""
        self._hashed = ()
        return self._planned(paths, known, half)[0]

    def listing(self) -> list[Path]:
        """The files that are there, by name."""
        return sorted({path for _, paths in self._matches() for path in paths}, key=str)

    def name(self, path: Path) -> str:
        """A file's name in manifests: relative to the project where it can be."""
        try:
            return path.relative_to(self._root).as_posix()
        except ValueError:
            return path.as_posix()

    def how(self, name: str) -> str:
        """How the records of a file are told apart, as `Half.how` has it.

        Raises:
            DefinitionError: DS307, its format is not known.
        """
        kind = self._settings.format or self._kind(name)
        return f"{kind} {self._settings.separator}" if kind == "csv" else kind

    def _planned(
        self, paths: Iterable[Path], known: KnownFiles, half: Half | None
    ) -> tuple[ReadPlan, tuple[Origin, ...]]:
        fresh, skipped, hashed = [], [], []
        for path in paths:
            found = path.stat()
            name, size, stamp = self.name(path), found.st_size, stamp_of(found)
            untouched = known.untouched(name, size, stamp)
            if untouched is not None:
                skipped.append(Origin(name, size, untouched, 0, stamp))
                continue
            begun = half is not None and half.size == size
            digest = sha256_of(path) if begun or known.may_be(name, size) else ""
            if digest in known.hashes:
                stamp = settled(stamp) if stamp == stamp_of(path.stat()) else 0
                skipped.append(Origin(name, size, digest, 0, stamp))
                hashed += skipped[-1:] if stamp else []
            else:
                fresh.append(Origin(name, size, digest))
        on = half if any(self._continues(origin, half) for origin in fresh) else None
        return ReadPlan(tuple(fresh), tuple(skipped), on.text if on else None), tuple(hashed)

    def _continues(self, origin: Origin, half: Half | None) -> bool:
        return half is not None and origin.sha256 == half.sha256 and self.how(origin.path) == half.how

    def chunks(self, plan: ReadPlan) -> Iterator[Chunk]:
        """The records of the plan's files, file by file; two files of equal content are read once.

        Raises:
            NotReady: DS302 to DS306, a file cannot be read, or changed while it was read.
        """
        self._read = []
        done: set[str] = set()
        half = Half.parse(plan.cursor)
        sizes = Counter(origin.size for origin in plan.origins)
        for origin in plan.origins:
            path = self._root / origin.path
            if sizes[origin.size] > 1:
                digest = sha256_of(path)
                if digest in done:
                    self._read.append(Origin(origin.path, origin.size, digest, 0))
                    continue
                done.add(digest)
            yield from self._file(path, origin, half.rows if half and self._continues(origin, half) else 0)

    def bookmark(self) -> Bookmark:
        """The files read, with their hashes and numbers of records; with them those that had to be hashed again."""
        return Bookmark((*self._read, *self._hashed) if self._read else ())

    def _file(self, path: Path, origin: Origin, skip: int) -> Iterator[Chunk]:
        name, rows, before = origin.path, skip, 0
        kind = self._settings.format or self._kind(name)
        try:
            with opened(path) as (plain, raw):
                for block in self._blocks(path, name, plain, kind, skip):
                    rows += block.frame.height + block.rejects.height
                    yield Chunk(
                        block.frame, name, block.rows, block.rejects, raw.count - before, sparse=kind == "jsonl"
                    )
                    before = raw.count
                read = raw.finish(name, rows)
                if skip and read.sha256 != origin.sha256:
                    raise changed(name, (f"its first {skip:,} records were read of another content",))
                self._read.append(read)
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            raise NotReady(
                "DS301", f"file '{name}' of source '{self._source}' cannot be opened", facts=(str(error),)
            ) from error

    def _blocks(self, path: Path, name: str, plain: IO[bytes], kind: str, skip: int) -> Iterator[Block]:
        if kind == "parquet":
            return read_parquet(path, name, self._chunk_rows, skip)
        if kind == "jsonl":
            return behind(skip, read_jsonl(plain, self._chunk_rows))
        return behind(skip, read_csv(plain, name, self._settings, self._chunk_rows))

    def _kind(self, name: str) -> str:
        path = Path(name)
        while path.suffix.lower() in _COMPRESSED:
            path = path.with_suffix("")
        kind = _FORMATS.get(path.suffix.lower())
        if kind is None:
            raise DefinitionError(
                "DS307",
                f"the format of file '{name}' of source '{self._source}' is not known",
                facts=(f"known endings: {shorten(_FORMATS, 12)}; each may be followed by .gz or .zst",),
                hint=f'[sources.{self._source}]\nformat = "csv"',
            )
        return kind

    def _found(self, *, first: bool) -> list[Path]:
        found: set[Path] = set()
        for pattern, paths in self._matches():
            if not paths and (first or not glob.has_magic(pattern)):
                self._absent(pattern)
            found.update(paths)
        return sorted(found, key=str)

    def _matches(self) -> Iterator[tuple[str, list[Path]]]:
        given = self._settings.files or []
        for pattern in [given] if isinstance(given, str) else given:
            matches = [self._root / name for name in glob.glob(pattern, root_dir=self._root, recursive=True)]  # noqa: PTH207
            yield pattern, [path for path in matches if path.is_file()]

    def _absent(self, pattern: str) -> None:
        what = f"no file matches '{pattern}'" if glob.has_magic(pattern) else f"file '{pattern}' is not there"
        raise NotReady(
            "DS301",
            f"source '{self._source}': {what}",
            facts=(f"looked in {self._root}",),
            hint=f'[sources.{self._source}]\nfiles = "data/*.csv"    # relative to dayshift.toml',
        )
