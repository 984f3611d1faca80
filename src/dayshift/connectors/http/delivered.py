"""What a nightly run reads of a source whose events are sent by HTTP: nothing, for they are in the lake already."""

from collections.abc import Iterator, Sequence

from dayshift.connectors.contract import Bookmark, Chunk, Origin, ReadPlan


class DeliveredReader:
    """Finds nothing new.

    >>> reader = DeliveredReader()
    >>> list(reader.chunks(reader.plan([], None))), reader.bookmark()
    ([], Bookmark(origins=(), cursor=None))
    """

    def plan(self, manifest: Sequence[Origin], cursor: str | None) -> ReadPlan:
        """Nothing."""
        del manifest, cursor
        return ReadPlan()

    def chunks(self, plan: ReadPlan) -> Iterator[Chunk]:
        """Nothing."""
        del plan
        return iter(())

    def bookmark(self) -> Bookmark:
        """Nothing was read."""
        return Bookmark()


__all__ = ["DeliveredReader"]
