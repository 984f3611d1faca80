"""Plans as tables: what a verb would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dayshift.cli.tables import Table, facts, table

if TYPE_CHECKING:
    from dayshift.runtimes.plans import RunPlan

SHOWN = 10


def run_plan_tables(plan: RunPlan) -> list[Table | str]:
    """What `run` would read, and what would follow from it."""
    rows = [
        (one.source, len(one.origins), one.bytes, one.skipped, one.cursor or "", _listed(one.origins))
        for one in plan.reads
    ]
    new = any(one.origins for one in plan.reads)
    left = f"{_loads(plan.settles)} of its journal; what they hold is not read again"
    settles = {"settles of a live run": left} if plan.settles else {}
    none = "none: nothing is new beside what it settles" if plan.settles else "none: nothing is new"
    follows = {
        **settles,
        "load": plan.load if new else none,
        "earlier loads to answer": plan.answers,
        "trains": plan.trains,
        "last training": plan.last_training,
        "scores with version": plan.scores_with or "none",
        **{f"delivers to {name}": f"what came after load {load}" for name, load in plan.delivers.items()},
    }
    columns = ("source", "new", "bytes", "known", "from cursor", "which")
    return [table("Would read", columns, rows), facts("Then", follows), "nothing was changed"]


def _loads(numbers: tuple[int, ...]) -> str:
    """What is settled, in words.

    >>> _loads((7,)), _loads((7, 8))
    ('load 7', 'loads 7, 8')
    """
    return f"load{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _listed(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(paths[:SHOWN]) + more
