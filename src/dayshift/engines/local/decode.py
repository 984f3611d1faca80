"""The kernel's answers to tables: columns in the contract's order and types, nulls where there is no value."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache

import polars as pl

from dayshift.definition import WindowFeature
from dayshift.engines.contract import FINGERPRINT, POLICY, Policy
from dayshift.engines.local.numbering import Numberings
from dayshift.engines.local.task import Task
from dayshift.kernel.arrays import Answer
from dayshift.kernel.finish import FILLED

_PLAIN = {"l": pl.Int64(), "d": pl.Float64()}
SHORT = 32
"""So few values make a column sooner as a list than as an array."""


def columns(task: Task, answers: list[Answer], numberings: Numberings) -> dict[str, pl.Series]:
    """Each window feature's columns by name; `answers` is emptied, so that no column is held twice."""
    found: dict[str, pl.Series] = {}
    answers.reverse()
    for name, feature, dtype in task.answered:
        answer = answers.pop()
        if _PLAIN.get(answer.values.dtype.char) != dtype:
            found[name] = _column(feature, dtype, answer, numberings).alias(name)
        elif len(answer.values) <= SHORT:
            found[name] = pl.Series(name, _listed(answer), dtype)
        else:
            found[name] = _masked(pl.Series(name, answer.values), answer)
    return found


def _listed(answer: Answer) -> list[int | float | None]:
    values: list[int | float | None] = answer.values.tolist()
    if answer.valid is None:
        return values
    return [value if there else None for value, there in zip(values, answer.valid.tolist(), strict=True)]


def _column(feature: WindowFeature, dtype: pl.DataType, answer: Answer, numberings: Numberings) -> pl.Series:
    if feature.type == "str":
        found = _words(feature, answer, numberings)
    else:
        found = _masked(pl.Series(answer.values), answer)
        found = found if found.dtype == dtype else found.cast(pl.Int32 if dtype == pl.Date else pl.Int64).cast(dtype)
    if feature.fill is not None and feature.type not in FILLED:
        found = found.fill_null(pl.lit(feature.fill, dtype))
    return found


def _words(feature: WindowFeature, answer: Answer, numberings: Numberings) -> pl.Series:
    dictionary = numberings.words((feature.source.name, str(feature.aggregate.column)))
    codes = _masked(pl.Series(answer.values, dtype=pl.Int64), answer)
    return dictionary.values(codes)


def _masked(values: pl.Series, answer: Answer) -> pl.Series:
    if answer.valid is None or answer.valid.all():
        return values
    return values.zip_with(pl.Series(answer.valid), _null(values.dtype))


@cache
def _null(dtype: pl.DataType) -> pl.Series:
    return pl.Series([None], dtype=dtype)


def table(
    task: Task, asked: pl.DataFrame, found: Mapping[str, pl.Series], fingerprint: str, policy: Policy
) -> pl.DataFrame:
    """The features table of these questions; `found` holds every feature column by name."""
    columns = [asked.get_column(name) for name in task.named] + [found[name].alias(name) for name in task.columns]
    constant = _word(FINGERPRINT, fingerprint), _word(POLICY, policy)
    return pl.DataFrame(columns + [each.new_from_index(0, asked.height) for each in constant])


@lru_cache(maxsize=64)
def _word(name: str, word: str) -> pl.Series:
    return pl.Series(name, [word])
