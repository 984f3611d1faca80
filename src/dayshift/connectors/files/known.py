"""Which files are known already, by path, size and time of change first, by content where that is not enough."""

from collections.abc import Iterable

from dayshift.connectors.contract import Origin


class KnownFiles:
    """The files of earlier loads.

    >>> known = KnownFiles([Origin("a.csv", 10, "9f86", 2, stamp=5)])
    >>> known.untouched("a.csv", 10, 5), known.untouched("a.csv", 10, 6), known.may_be("b.csv", 10)
    ('9f86', None, True)
    """

    def __init__(self, manifest: Iterable[Origin] = ()) -> None:
        self.hashes: set[str] = set()
        self._sizes: set[int] = set()
        self._paths: set[str] = set()
        self._untouched: dict[tuple[str, int, int], str] = {}
        for origin in manifest:
            self.add(origin)

    def add(self, origin: Origin) -> None:
        """One more."""
        if origin.sha256:
            self.hashes.add(origin.sha256)
        self._sizes.add(origin.size)
        self._paths.add(origin.path)
        if origin.stamp:
            self._untouched[origin.path, origin.size, origin.stamp] = origin.sha256

    def untouched(self, name: str, size: int, stamp: int) -> str | None:
        """The hash of a file that was not touched since it was hashed."""
        return self._untouched.get((name, size, stamp))

    def may_be(self, name: str, size: int) -> bool:
        """Whether its content may be known, so that it has to be hashed before it is read."""
        return size in self._sizes or name in self._paths
