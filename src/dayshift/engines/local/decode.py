"""The kernel's answers to tables: columns in the contract's order and types, nulls where there is no value."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from dayshift.definition import WindowFeature
from dayshift.engines.contract import AS_OF, DTYPES, FINGERPRINT, LOAD, POLICY, POSITION, Policy, question_columns
from dayshift.engines.local.numbering import Numberings
from dayshift.engines.local.task import Task
from dayshift.kernel.arrays import Answer
from dayshift.kernel.finish import FILLED


def columns(task: Task, answers: list[Answer], numberings: Numberings) -> dict[str, pl.Series]:
    """Each window feature's columns by name; `answers` is emptied, so that no column is held twice."""
    found: dict[str, pl.Series] = {}
    answers.reverse()
    for feature in task.features:
        for name in feature.columns:
            found[name] = _column(name, feature, answers.pop(), numberings)
    return found


def _column(name: str, feature: WindowFeature, answer: Answer, numberings: Numberings) -> pl.Series:
    dtype = DTYPES[feature.type]
    if feature.type == "str":
        found = _words(feature, answer, numberings)
    else:
        found = _masked(pl.Series(answer.values), answer)
        found = found if found.dtype == dtype else found.cast(pl.Int32 if dtype == pl.Date else pl.Int64).cast(dtype)
    if feature.fill is not None and feature.type not in FILLED:
        found = found.fill_null(pl.lit(feature.fill, dtype))
    return found.alias(name)


def _words(feature: WindowFeature, answer: Answer, numberings: Numberings) -> pl.Series:
    dictionary = numberings.words((feature.source.name, str(feature.aggregate.column)))
    codes = _masked(pl.Series(answer.values, dtype=pl.Int64), answer)
    return dictionary.values(codes)


def _masked(values: pl.Series, answer: Answer) -> pl.Series:
    if answer.valid is None:
        return values
    holder = pl.DataFrame({"value": values, "valid": answer.valid})
    return holder.select(pl.when("valid").then("value").alias("value")).to_series()


def table(
    task: Task, asked: pl.DataFrame, found: Mapping[str, pl.Series], fingerprint: str, policy: Policy
) -> pl.DataFrame:
    """The features table of these questions; `found` holds every feature column by name."""
    pipeline = task.pipeline
    names = list(dict.fromkeys([LOAD, POSITION, AS_OF, *question_columns(pipeline)]))
    frame = asked.select(names).with_columns(found[name].alias(name) for name in pipeline.columns)
    return frame.with_columns(pl.lit(fingerprint).alias(FINGERPRINT), pl.lit(policy).alias(POLICY))
