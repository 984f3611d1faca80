"""All faults of a definition at once: one small function a rule, and the table of them.

A rule takes the parts of a definition and yields what is wrong. It may find any part faulty in ways that another rule
tells, so it passes over what it cannot judge. A rule is added by writing its function and its line in `RULES`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from dayshift.definition.check import (
    calendar,
    columns,
    durations,
    future,
    label,
    model,
    names,
    operation,
    rows,
    shape,
    windows,
)
from dayshift.definition.check.parts import Parts, Span
from dayshift.definition.pipeline import Pipeline
from dayshift.diagnostics import DefinitionError, Problem

if TYPE_CHECKING:
    from dayshift.definition.settings import Settings

Rule = Callable[[Parts], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    shape.predict,
    shape.features,
    shape.label,
    shape.row_owner,
    names.tables,
    names.columns,
    names.duplicate_sources,
    names.duplicate_features,
    columns.types,
    columns.rules,
    columns.keys,
    columns.times,
    columns.derived,
    durations.readable,
    durations.empty_windows,
    windows.known_aggregates,
    windows.reads_known_columns,
    windows.keys_of_the_question,
    windows.key_types,
    windows.key_twice,
    windows.column_types,
    windows.bounded,
    windows.arguments,
    windows.edges,
    windows.including_self,
    windows.relations,
    windows.fills,
    rows.are_expressions,
    rows.read_the_question,
    rows.opaque_functions,
    calendar.period,
    calendar.entities,
    label.pick,
    label.keys,
    label.expression,
    label.missing,
    model.can_learn,
    model.has_a_label,
    model.metric,
    model.gates,
    future.own_row,
    future.own_event,
    future.earlier_answers,
    future.shared_edge,
    future.stamped_early,
    future.twin_columns,
    operation.sources_are_given,
    operation.columns_exist,
    operation.nothing_to_send,
    operation.nothing_to_train,
    durations.history,
)


def check(
    pipeline: Pipeline, settings: "Settings | None" = None, *, history: Mapping[str, Span] | None = None
) -> list[Problem]:
    """All that is wrong with a definition, errors first, in the order of the user's lines.

    Args:
        pipeline: the definition.
        settings: what stands in dayshift.toml; without it, only the definition is judged.
        history: the first and the last event time, in microseconds, of each source that has data.

    >>> from dayshift import Source
    >>> payments = Source("payments", time="at", key="id", schema={"id": str, "amount": float})
    >>> [str(problem) for problem in check(Pipeline("spend", predict=payments, features=[payments.over("1d").sum("amont")]))]
    ["DS201: feature 'payments_sum_amont_1d' reads 'amont', which source 'payments' does not have"]
    """
    parts = Parts(pipeline, settings, history)
    found = dict.fromkeys(problem for rule in RULES for problem in rule(parts))
    return sorted(found, key=_order)


def refuse_faults(
    pipeline: Pipeline, settings: "Settings | None" = None, *, history: Mapping[str, Span] | None = None
) -> list[Problem]:
    """The warnings of `check`; its errors are raised, all at once.

    Raises:
        DefinitionError: with every problem, warnings included, when one of them is an error.
    """
    found = check(pipeline, settings, history=history)
    if any(problem.severity == "error" for problem in found):
        raise DefinitionError(found)
    return found


def _order(problem: Problem) -> tuple[bool, str, int]:
    place = problem.place
    return problem.severity != "error", place.file if place else "", place.line if place else 0


__all__ = ["RULES", "Rule", "check", "refuse_faults"]
