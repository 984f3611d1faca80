"""A source's contract: its columns and rules, as Polars expressions that tell each row apart.

Own rules, not Pandera's. A door must give back three things: the rows that pass in their canonical types, the rows that
do not with each one's reasons and its text as it came, and nothing in between, in one pass over a chunk. Pandera
checks lazy frames' schema only by default; on data it reports failure cases by check, after a coercion that either
raises for a whole column or turns what it cannot convert into null, so that "abc" and an absent value look the same;
and "this row, these reasons, this text" has to be joined back together by row index. What is left to write here is
smaller than that: one conversion a type, one mask a rule.

A rule is a mask over the converted columns. All masks of a chunk are one Polars query; only when one of them finds
something are the reasons of those few rows written.

Codes: DS350 a torn record, DS351 absent, DS352 not of the type, DS353 out of range, DS354 not an allowed value, DS355 does
not match the pattern, DS356 cannot be counted with (not finite, or too large for exact arithmetic). Found later, by
`ingest`: DS358 the key is known with other content, DS359 a unique value is known already.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.definition.column import Column
from dayshift.definition.source import Source
from dayshift.diagnostics import shorten
from dayshift.engines.contract import DTYPES, POSITION
from dayshift.lifecycle.door.keys import key_hash
from dayshift.lifecycle.door.times import one_time
from dayshift.lifecycle.door.values import convert, expected
from dayshift.semantics.fixed_point import LIMIT, limit_of, scale_of

KEY_HASH = "_key_hash"
MOST_MOVED = 1e-6
FEW = 10_000
FAULTS = {"index": pl.Int64, "code": pl.String, "reason": pl.String}


@dataclass(frozen=True)
class Rule:
    """What a value must not be: rows where `broken` is true break the rule; `allowed` says what is."""

    code: str
    column: str
    broken: pl.Expr
    allowed: str


@dataclass(frozen=True)
class Judged:
    """A chunk after the contract.

    `good` has the source's columns in canonical types; `kept[n]` is the index in the chunk of its row n. `faults` has one
    row for each index that broke a rule: the code of its first reason, and all reasons.
    """

    good: pl.DataFrame
    kept: pl.Series
    faults: pl.DataFrame


class Contract:
    """The contract of one source.

    Args:
        source: whose columns and rules.
        timezone: of times that have neither a zone nor an offset.
        bits: the measured power of two of float columns that declare none; absent until the first load measured it.

    >>> source = Source("payments", time="at", key="id", schema={"amount": Column("decimal", digits=2, minimum=0)})
    >>> rows = pl.DataFrame({"id": ["a", "b"], "at": ["2024-05-01", "2024-05-01"], "amount": ["1.50", "1.005"]})
    >>> judged = Contract(source).judge(rows)
    >>> judged.good["amount"].to_list(), judged.faults.rows()
    ([1.5], [(1, 'DS352', "amount is '1.005', allowed is a number with at most 2 digits after the point")])
    """

    def __init__(self, source: Source, timezone: str = "UTC", bits: Mapping[str, int] | None = None) -> None:
        self.source, self.timezone, self.bits = source, timezone, dict(bits or {})
        self.coarse: dict[str, int] = {}
        self._identity = {*source.key_columns, source.time, source.arrival}

    def convert(self, frame: pl.DataFrame, names: list[str] | None = None) -> pl.DataFrame:
        """The named columns (all: None) that the frame has, in canonical types; what is not of its type is null."""
        columns = self.source.columns
        wanted = [name for name in (columns if names is None else names) if name in columns and name in frame.columns]
        return frame.with_columns(convert(columns[name], frame[name], self.timezone)[0].alias(name) for name in wanted)

    def judge(self, frame: pl.DataFrame) -> Judged:
        """Tells the rows of a chunk apart; a column that the chunk does not have is absent in every row."""
        typed, absent = self._typed(frame)
        # Of a few rows nothing is gained by other threads, and each hand-over waits for one to be free.
        select = typed.select_seq if frame.height < FEW else typed.select
        masks = select(
            *(rule.broken.fill_null(False).alias(str(n)) for n, rule in enumerate(self.rules)),
            *(self._of_other_type(frame, typed, name, absent).alias(f"type:{name}") for name in self.source.columns),
        )
        found = masks.select_seq(pl.any_horizontal(pl.all())).to_series()
        if not found.any():
            return Judged(typed, pl.int_range(frame.height, eager=True), pl.DataFrame(schema=FAULTS))
        bad = found.arg_true()
        faults = self._faults(frame[bad], masks[bad], bad)
        return Judged(typed.filter(~found), (~found).arg_true().cast(pl.Int64), faults)

    def whole(self, frame: pl.DataFrame) -> pl.DataFrame | None:
        """A chunk whose columns are there, in canonical types, as text or derived, as its good rows; None when one breaks a rule."""
        columns: list[pl.Series] = []
        for name, column in self.source.columns.items():
            values = frame.get_column(name)
            if values.dtype != DTYPES[column.type] or name in self.source.derive:
                nulls = values.null_count()
                values, blank = convert(column, values, self.timezone)
                if blank is not None or values.null_count() != nulls:
                    return None
                values = values.alias(name)
            if values.null_count() and (not column.optional or name in self._identity):
                return None
            columns.append(values)
        before = dict(self.coarse)
        typed = self.on_grid(pl.DataFrame(columns))
        if self._broken and typed.select_seq(self._broken).item():
            self.coarse = before
            return None
        return typed

    @cached_property
    def _broken(self) -> list[pl.Expr]:
        """Whether any row breaks a rule; nothing when there are no rules."""
        masks = [rule.broken.any() for rule in self.rules]
        return [pl.any_horizontal(masks)] if masks else []

    def place(self, good: pl.DataFrame) -> pl.DataFrame:
        """The rows with what the lake orders and identifies them by: `_position` and `_key_hash`."""
        if self.source.arrival is not None:
            position = pl.col(self.source.arrival).dt.epoch("us")
        else:
            position = pl.col(self.source.time).dt.epoch("us") + self.source.delay_us
        return good.with_columns_seq(position.alias(POSITION), key_hash(good, self.source.key_columns))

    def on_grid(self, good: pl.DataFrame, bits: Mapping[str, int] | None = None) -> pl.DataFrame:
        """Float columns rounded, half to even, to multiples of 2**-bits (their own, or those measured).

        `coarse` counts, by column, the values that this moved by more than a millionth of themselves.
        """
        measured, rounded = {**self.bits, **(bits or {})}, []
        for name, column in self.source.columns.items():
            if column.type == "float" and (column.bits is not None or name in measured):
                rounded.append(_on_grid(good[name], scale_of(column, measured.get(name))))
                moved = _moved(good[name].to_numpy(), rounded[-1].to_numpy())
                if moved:
                    self.coarse[name] = self.coarse.get(name, 0) + moved
        return good.with_columns(rounded) if rounded else good

    @cached_property
    def unmeasured(self) -> tuple[str, ...]:
        """The float columns whose grid is not known yet."""
        columns = self.source.columns.items()
        return tuple(name for name, c in columns if c.type == "float" and c.bits is None and name not in self.bits)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule of every column, a column's in the order in which they are told."""
        return tuple(rule for name, column in self.source.columns.items() for rule in self._rules_of(name, column))

    def _rules_of(self, name: str, column: Column) -> list[Rule]:
        it, rules = pl.col(name), []
        if column.type in ("int", "float", "decimal"):
            rules.append(self._countable(name, column))
        for bound, sign in ((column.minimum, ">="), (column.maximum, "<=")):
            if bound is not None:
                value = pl.lit(self._own(column, bound), DTYPES[column.type])
                rules.append(Rule("DS353", name, it < value if sign == ">=" else it > value, f"{sign} {bound}"))
        if column.allowed is not None:
            values = pl.Series([self._own(column, value) for value in column.allowed], dtype=DTYPES[column.type])
            rules.append(Rule("DS354", name, ~it.is_in(values.implode()), shorten(column.allowed)))
        if column.pattern is not None:
            matches = it.cast(pl.String).str.contains(f"^(?:{column.pattern})$")
            rules.append(Rule("DS355", name, ~matches, f"text that matches {column.pattern}"))
        return rules

    def _countable(self, name: str, column: Column) -> Rule:
        it, limit = pl.col(name), limit_of(column)
        if column.type == "int":
            return Rule(
                "DS356",
                name,
                ~it.is_between(-limit + 1, limit - 1),
                f"a whole number {_between(limit, 1)}; an identifier is a str",
            )
        scale = 1 if name in self.unmeasured else scale_of(column, self.bits.get(name))
        far = (it * float(scale)).round(0, mode="half_to_even").abs() >= limit
        shown = f"finite, and {_between(limit, scale)}{self._declared(name, column)}"
        return Rule("DS356", name, it.is_nan() | it.is_infinite() | far, shown)

    def _declared(self, name: str, column: Column) -> str:
        """Where the bounds of a column's numbers come from."""
        if column.type == "decimal":
            return f" (it has digits={column.digits or 0})"
        if column.bits is not None:
            return f" (it has bits={column.bits})"
        return "" if name in self.unmeasured else f" (bits={self.bits[name]} were measured at its first load)"

    def _own(self, column: Column, value: Any) -> Any:
        """A bound or an allowed value in the column's own type."""
        if column.type == "datetime":
            text = value.isoformat() if isinstance(value, dt.date) else str(value)
            micros = one_time(text, self.timezone)
            return None if micros is None else dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=micros)
        if column.type == "date" and isinstance(value, str):
            return dt.date.fromisoformat(value)
        return float(value) if column.type in ("float", "decimal") else value

    def _typed(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
        columns, blank = {}, {}
        for name, column in self.source.columns.items():
            if name not in frame.columns:
                columns[name] = pl.repeat(None, frame.height, dtype=DTYPES[column.type], eager=True)
                continue
            columns[name], spaces = convert(column, frame[name], self.timezone)
            if spaces is not None:
                blank[name] = spaces
        return self.on_grid(pl.DataFrame(columns)), blank

    def _of_other_type(
        self, frame: pl.DataFrame, typed: pl.DataFrame, name: str, blank: Mapping[str, pl.Series]
    ) -> pl.Expr:
        """Rows whose value is absent though it must not be, or came and could not be converted."""
        required = not self.source.columns[name].optional or name in self._identity
        if required:
            return pl.col(name).is_null()
        if name not in frame.columns or typed[name].null_count() == frame[name].null_count():
            return pl.lit(False)
        came = frame[name].is_not_null() & ~blank[name] if name in blank else frame[name].is_not_null()
        return pl.col(name).is_null() & pl.lit(came)

    def _faults(self, raw: pl.DataFrame, masks: pl.DataFrame, index: pl.Series) -> pl.DataFrame:
        rows = []
        flags, values = masks.to_dicts(), raw.to_dicts()
        for number, broken, row in zip(index, flags, values, strict=True):
            reasons = [
                reason for name in self.source.columns if broken[f"type:{name}"] for reason in [self._absent(name, row)]
            ]
            reasons += [
                (rule.code, f"{rule.column} is {_shown(row.get(rule.column))}, allowed is {rule.allowed}")
                for n, rule in enumerate(self.rules)
                if broken[str(n)]
            ]
            rows.append((number, reasons[0][0], "; ".join(reason for _, reason in reasons)))
        return pl.DataFrame(rows, schema=FAULTS, orient="row")

    def _absent(self, name: str, row: Mapping[str, Any]) -> tuple[str, str]:
        value = row.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            part = (
                "part of the key"
                if name in self.source.key_columns
                else "the time"
                if name == self.source.time
                else "not optional"
            )
            return "DS351", f"{name} is absent, and it is {part}"
        return (
            "DS352",
            f"{name} is {_shown(value)}, allowed is {expected(self.source.columns[name])}{self._zone_note(name, value)}",
        )

    def _zone_note(self, name: str, value: Any) -> str:
        if (
            self.source.columns[name].type == "datetime"
            and isinstance(value, str)
            and one_time(value, "UTC") is not None
        ):
            return f"; this local time never happened in {self.timezone}"
        return ""


def _between(limit: int, scale: int) -> str:
    """The numbers whose magnitude stays below `limit / scale`.

    >>> _between(2**53, 1), _between(2**51, 100)
    ('between -9,007,199,254,740,992 and 9,007,199,254,740,992', 'between -22,517,998,136,852.48 and 22,517,998,136,852.48')
    """
    most = f"{limit // scale:,}" if limit % scale == 0 else f"{limit / scale:,}"
    return f"between -{most} and {most}"


def _on_grid(values: pl.Series, scale: int) -> pl.Series:
    with np.errstate(over="ignore", invalid="ignore"):
        found = pl.Series(values.name, np.rint(values.to_numpy() * float(scale)) / float(scale) + 0.0)
    if not values.null_count():
        return found
    return found.to_frame().select(pl.when(values.is_not_null()).then(values.name)).to_series().alias(values.name)


def _moved(before: NDArray[np.float64], after: NDArray[np.float64]) -> int:
    """How many values are another by more than a millionth of themselves."""
    with np.errstate(over="ignore", invalid="ignore"):
        return int(np.count_nonzero(np.abs(after - before) > np.abs(before) * MOST_MOVED))


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:76]}...{shown[-1]}"


__all__ = ["FAULTS", "KEY_HASH", "LIMIT", "Contract", "Judged", "Rule"]
