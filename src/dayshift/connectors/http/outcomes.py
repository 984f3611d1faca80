"""What became of records, back to the requests that brought them: by the records' numbers."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dayshift.connectors.http.inbox import Part, Posted
from dayshift.connectors.live import Outcome


@dataclass(frozen=True)
class Share:
    """The records with the numbers from `first` up to `end`, which are judged together, and the parts they are of."""

    parts: Sequence[Part]
    first: int
    end: int

    def overlapping(self) -> Iterator[tuple[Part, int]]:
        """The parts that have records of it, and how many."""
        for part in self.parts:
            count = min(part.first + len(part.texts), self.end) - max(part.first, self.first)
            if count > 0:
                yield part, count


def settle(share: Share, outcome: Outcome) -> Iterator[Posted]:
    """Adds an outcome to the requests it is about; those of which nothing is open any more."""
    firsts = [part.first for part in share.parts]
    mine = list(share.overlapping())
    for number, code, reason in outcome.held:
        part = share.parts[bisect_right(firsts, number) - 1]
        part.posted.hold(part.row(number), code, reason)
    for name, count, numbers in (
        ("duplicates", outcome.duplicates, outcome.repeated),
        ("filtered", outcome.filtered, outcome.passed),
    ):
        if len(numbers) == count:
            for number in numbers:
                _add(share.parts[bisect_right(firsts, number) - 1].posted, name, 1)
        else:  # told is only how many: of several requests nobody knows whose they are
            for part, _ in mine:
                _add(part.posted, name, count if len(mine) == 1 else None)
    for part, count in mine:
        part.posted.open -= count
        if not part.posted.open:
            yield part.posted


def _add(posted: Posted, name: str, count: int | None) -> None:
    before = getattr(posted, name)
    setattr(posted, name, None if before is None or count is None else before + count)


__all__ = ["Share", "settle"]
