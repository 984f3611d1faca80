"""Which version serves: promotion and rollback. Both give back the record that the caller writes into the ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dayshift.diagnostics import UsageError, shorten
from dayshift.learners.registry import CHAMPION, Registry

REPLACED = "dayshift.replaced"


@dataclass(frozen=True)
class Promotion:
    """What happened to the champion: `verb` "promote" or "rollback", `outcome` "done" or "unchanged"."""

    verb: str
    model: str
    version: int
    replaced: int | None
    outcome: str
    at: datetime

    def record(self) -> dict[str, Any]:
        """The detail of the ledger's record."""
        return {"model": self.model, "version": self.version, "replaced": self.replaced, "at": self.at.isoformat()}


def promote(registry: Registry, name: str, version: int, now: datetime) -> Promotion:
    """Let a version serve. What it replaces is written down first, so that `rollback` finds the way back.

    Raises:
        UsageError: DS621, there is no such version.
    """
    before = registry.alias(name, CHAMPION)
    if before == version:
        return Promotion("promote", name, version, before, "unchanged", now)
    registry.tag(name, version, REPLACED, "" if before is None else str(before))
    registry.set_alias(name, CHAMPION, version)
    return Promotion("promote", name, version, before, "done", now)


def rollback(registry: Registry, name: str, now: datetime) -> Promotion:
    """Let the version serve again that the champion replaced.

    Raises:
        UsageError: DS650, there is no champion, or it replaced nobody.
    """
    champion, earlier = before_champion(registry, name)
    registry.set_alias(name, CHAMPION, earlier)
    return Promotion("rollback", name, earlier, champion, "done", now)


def before_champion(registry: Registry, name: str) -> tuple[int, int]:
    """The version that serves, and the one that it replaced; changes nothing.

    Raises:
        UsageError: DS650, there is no champion, or it replaced nobody.
    """
    versions = registry.versions(name)
    champion = next((entry for entry in versions if CHAMPION in entry.aliases), None)
    earlier = champion.tags.get(REPLACED, "") if champion else ""
    if champion is None or not earlier:
        reason = "has no champion" if champion is None else f"has no earlier champion than version {champion.version}"
        others = [entry.version for entry in versions if entry is not champion]
        hint = f"dayshift promote {others[-1]}" if others else "dayshift train"
        facts = (f"other versions: {shorten(others)}",)
        raise UsageError("DS650", f"model '{name}' {reason}", facts=facts, hint=hint)
    return champion.version, int(earlier)
