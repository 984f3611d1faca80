"""The signature of each aggregate: what it takes and what it returns. What it means stands in `semantics/aggregates/`."""

from dataclasses import dataclass, field

from dayshift.definition.column import TYPES, Column

NUMERIC = ("int", "float", "decimal", "bool")
ORDERED = ("int", "float", "decimal", "bool", "datetime", "date")


@dataclass(frozen=True)
class Signature:
    """What an aggregate takes and returns.

    `accepts` holds the column types, none when it reads no column; `result` is a type's name, or "same" as the column's.
    `parameters` are the names of its own arguments. `unbounded` says whether it can run over the whole history;
    `relative` whether a ratio or a difference to another window of it has a meaning.
    """

    accepts: tuple[str, ...]
    result: str
    parameters: tuple[str, ...] = ()
    unbounded: bool = True
    relative: bool = True


AGGREGATES: dict[str, Signature] = {
    "count": Signature((), "int"),
    "sum": Signature(NUMERIC, "total"),
    "mean": Signature(NUMERIC, "float"),
    "variance": Signature(NUMERIC, "float"),
    "variance_population": Signature(NUMERIC, "float"),
    "std": Signature(NUMERIC, "float"),
    "std_population": Signature(NUMERIC, "float"),
    "min": Signature(ORDERED, "same"),
    "max": Signature(ORDERED, "same"),
    "first": Signature(TYPES, "same", relative=False),
    "last": Signature(TYPES, "same", relative=False),
    "last_n": Signature(TYPES, "same", ("n",), relative=False),
    "distinct_count": Signature(TYPES, "int", ("exact_up_to",), unbounded=False),
    "quantile": Signature(NUMERIC, "float", ("q", "accuracy"), unbounded=False),
    "time_since_last": Signature((), "int", relative=False),
}


@dataclass(frozen=True)
class Aggregate:
    """An aggregate as the user asked for it: its name, the column it reads (None for none), its own arguments by name."""

    name: str
    column: str | None = None
    arguments: tuple[tuple[str, object], ...] = field(default=())

    def __getitem__(self, argument: str) -> object:
        return dict(self.arguments)[argument]


def result_type(aggregate: Aggregate, column: Column | None) -> str:
    """The type of an aggregate's values: one of `column.TYPES`.

    A sum of integers or booleans is an "int", of decimals and floats a "float" (correctly rounded once).
    Extremes and picks of a decimal are given as "float" too, correctly rounded once.

    >>> result_type(Aggregate("sum", "n"), Column(int)), result_type(Aggregate("last", "name"), Column(str))
    ('int', 'str')
    """
    result = AGGREGATES[aggregate.name].result
    if result == "total":
        return "int" if column is not None and column.type in ("int", "bool") else "float"
    if result == "same":
        assert column is not None
        return "float" if column.type == "decimal" else column.type
    return result
