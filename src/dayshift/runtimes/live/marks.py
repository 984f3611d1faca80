"""How far each output had got, as the lake remembers it: `live/marks.json`.

An output keeps its own mark, where its rows are; so the mark goes when its topic is deleted, or becomes another one. Then
this one says behind which row the run still owes its answers. It is written after the rows that it tells of were
acknowledged, so it may be older than the output's own, never newer: a new topic may get some rows that the one
before had got, and misses none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from dayshift.connectors.live import Mark
from dayshift.lake.faults import guarding
from dayshift.lake.files import sync
from dayshift.lake.lake import LIVE
from dayshift.runtimes.live.output import Output

NAME = "marks.json"


class Marks:
    """The marks of all outputs that ever were, by name.

    Args:
        root: the lake's folder.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / LIVE / NAME
        self._known = _read(self._path)

    def of(self, name: str) -> Mark | None:
        """How far the output of this name had got; None when there never was one."""
        return self._known.get(name)

    def keep(self, outputs: Iterable[Output]) -> None:
        """Remembers how far these have got; wholly or not at all.

        Raises:
            NotReady: DS404 or DS405, there is no room or no right to write.
        """
        known = {**self._known, **{one.name: one.mark for one in outputs if one.mark is not None}}
        if known == self._known:
            return
        text = json.dumps({name: vars(mark) for name, mark in known.items()}, indent=1)
        beside = self._path.with_suffix(".tmp")
        with guarding("noting how far the outputs are", f"the file {self._path}"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(text, encoding="utf-8")
            sync(str(beside))
            beside.replace(self._path)
            sync(str(self._path.parent))
        self._known = known


def _read(path: Path) -> dict[str, Mark]:
    """What stands there; nothing when it is no such file: an output without a mark then tells that it is new."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: Mark(int(one["load"]), int(one["position"])) for name, one in found.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
