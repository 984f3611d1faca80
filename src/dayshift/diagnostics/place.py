"""Where in the user's own file something was said."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_PACKAGE = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True)
class Place:
    """A line of a file of the user's; `line` counts from 1, and 0 means the whole file."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


def users_place() -> Place | None:
    """The innermost line on the call stack that is not Dayshift's own, or None when there is none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_PACKAGE) and not name.startswith("<"):
            return Place(name, frame.f_lineno)
        frame = frame.f_back
    return None
