"""The label: what it reads, and how it is tied to its question."""

from collections.abc import Iterator

from dayshift.definition import canonical
from dayshift.definition.check.columns import fits
from dayshift.definition.check.parts import Parts, columns_of, fault, is_expression, reads, unknown_column
from dayshift.definition.check.probe import Answer, aggregates, attempt
from dayshift.definition.label import Label
from dayshift.diagnostics import Problem, nearest, shorten

_PICKS = ("all", "first", "last")


def pick(parts: Parts) -> Iterator[Problem]:
    """Which event answers is said in one of three words."""
    label = parts.label
    if label is not None and label.pick not in _PICKS:
        near = nearest(str(label.pick), _PICKS)
        hint = f'pick="{near}"' if near else None
        yield fault("DS240", f"the label picks {label.pick!r}", label.place, f"allowed: {', '.join(_PICKS)}", hint=hint)


def keys(parts: Parts) -> Iterator[Problem]:
    """The columns that tie an answer to its question stand on both sides, with one type."""
    label = parts.label
    if label is None or parts.asker is None:
        return
    if not label.keys:
        yield fault("DS240", "the label names no column that ties it to a question", label.place, hint='by="flight_id"')
    for name in label.keys:
        if name not in label.source.columns:
            yield unknown_column("by of the label", name, label.source, label.place)
        elif name not in parts.question and (parts.calendar or name not in parts.asker.columns):
            yield fault(
                "DS209",
                f"the label is tied by '{name}', which {parts.asked} does not have",
                label.place,
                f"columns of the question: {shorten(parts.question)}",
                f"columns of '{label.source.name}': {shorten(label.source.columns)}",
                hint='name columns that both have: ds.Label(..., by="customer_id")',
            )
        else:
            yield from _types(label, name, parts)


def _types(label: Label, name: str, parts: Parts) -> Iterator[Problem]:
    ours, theirs = columns_of(label.source).get(name), parts.question.get(name)
    if ours is not None and theirs is not None and ours.type != theirs.type:
        message = f"the label compares '{name}' ({ours.type}) with the question's '{name}' ({theirs.type})"
        yield fault("DS210", message, label.place, hint="give both columns one type in their schemas")


def expression(parts: Parts) -> Iterator[Problem]:
    """It reads columns of its source and gives a truth or a number, one for each question."""
    label = parts.label
    if label is None or not is_expression(label.expression):
        return
    unknown = [name for name in reads(label.expression, ()) if name not in label.source.columns]
    for name in unknown:
        yield unknown_column("the label", name, label.source, label.place)
    if unknown or any(name not in columns_of(label.source) for name in reads(label.expression, ())):
        return
    answer = attempt(label.expression, columns_of(label.source), run=not canonical.opaque(label.expression))
    if answer.complaint is not None:
        message = f"the label cannot be computed from an event of '{label.source.name}'"
        yield fault("DS241", message, label.place, f"the engine says: {answer.complaint}")
    else:
        yield from _result(label, answer)


def _result(label: Label, answer: Answer) -> Iterator[Problem]:
    kind = answer.type or ""
    if not (kind == "Boolean" or kind.startswith(("Int", "UInt", "Float", "Decimal"))):
        message = f"the label is of type {kind}, which no model is trained on"
        yield fault("DS241", message, label.place, "allowed: a truth or a number", hint="pl.col(...) > 15")
    if label.pick == "all":
        if aggregates(label.expression, columns_of(label.source)) is False:
            message = "the label looks at all events of its interval, and does not make one value of them"
            yield fault("DS241", message, label.place, hint='pl.col("amount").sum(), or pick="first"')
    elif answer.row_wise is False:
        message = f"the label looks at several events, and picks only the {label.pick}"
        yield fault("DS241", message, label.place, hint='pick="all"')


def missing(parts: Parts) -> Iterator[Problem]:
    """What stands for an answer that never came is a truth or a number."""
    label = parts.label
    if (
        label is not None
        and label.missing is not None
        and not (fits(label.missing, "float") or fits(label.missing, "bool"))
    ):
        message = f"the label is {label.missing!r} when no event came, which is neither a truth nor a number"
        yield fault("DS241", message, label.place, hint="missing=False, or missing=0")
