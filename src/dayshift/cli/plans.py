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
    follows = {
        "load": plan.load if new else "none: nothing is new",
        "earlier loads to answer": plan.answers,
        "trains": plan.trains,
        "last training": plan.last_training,
        "scores with version": plan.scores_with or "none",
        **{f"delivers to {name}": f"what came after load {load}" for name, load in plan.delivers.items()},
    }
    columns = ("source", "new", "bytes", "known", "from cursor", "which")
    return [table("Would read", columns, rows), facts("Then", follows), "nothing was changed"]


def _listed(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(paths[:SHOWN]) + more
