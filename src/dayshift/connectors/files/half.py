"""How far a large file was read: the cursor of a source of files.

A nightly load reads files whole, and leaves none. A live run stores the rows of a large file piece by piece; the cursor
beside them says which content was read, up to which record, and how records were told apart, so that whoever reads next,
live or nightly, passes over exactly those. A file whose content is another is read whole: what is known of it comes out
as duplicates at the door.
"""

import json
from dataclasses import asdict, dataclass

_MARK = "file "


@dataclass(frozen=True)
class Half:
    """The first `rows` records of a content are read: of `size` bytes and hash `sha256`, stored as `file`, split `how`.

    >>> half = Half("day1.csv", 1_000, "9f86", 40, "csv ,")
    >>> Half.parse(half.text) == half
    True
    >>> Half.parse("2024-05-01 10:00:00") is Half.parse('{"payments": {"id": "", "next": [3]}}') is None
    True
    """

    file: str
    size: int
    sha256: str
    rows: int
    how: str

    @property
    def text(self) -> str:
        """As it is stored."""
        return _MARK + json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def parse(cls, text: str | None) -> "Half | None":
        """The cursor of that text; None when it is of another kind of origin, such as a table."""
        if text is None or not text.startswith(_MARK):
            return None
        return cls(**json.loads(text.removeprefix(_MARK)))


def is_of_files(text: str) -> bool:
    """Whether a cursor is one of files.

    >>> is_of_files(Half("a", 1, "", 1, "").text), is_of_files("17")
    (True, False)
    """
    return text.startswith(_MARK)
