"""Naive predictions that any model must beat: they cost nothing and are often hard to beat.

- "prevalence" ("mean" for a regressor): what the training rows hold on average, for everybody.
- "last label": what the last known answer says. Of the same entity where the questions' keys come again (a calendar),
  else of whichever question was answered last; known means ripe when the question is asked. A classifier's chance is how
  often the training rows were positive after such an answer; a regressor's value is that answer itself.

Under temporal dependence a model may look good and still lose to the last label (Žliobaitė et al. 2015).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from dayshift.lifecycle.metrics import Floats

LAST = "last label"


def baselines(
    training: pl.DataFrame, judged: pl.DataFrame, known: pl.DataFrame, keys: Sequence[str], kind: str
) -> dict[str, Floats]:
    """Each naive prediction for the rows of `judged`, by name.

    All frames hold `as_of`, `ripe_at`, the key columns and `label` as a number; `known` holds every label there is.

    >>> import datetime as dt
    >>> days = [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in range(1, 5)]
    >>> rows = pl.DataFrame({"id": ["a", "b", "c", "d"], "as_of": days, "ripe_at": days, "label": [1.0, 2.0, 4.0, 8.0]})
    >>> rows = rows.with_columns(ripe_at=pl.col("ripe_at") + dt.timedelta(hours=1))
    >>> found = baselines(rows[:2], rows[2:], rows, ["id"], "regressor")
    >>> found["mean"].tolist(), found["last label"].tolist()
    ([1.5, 1.5], [2.0, 4.0])
    """
    average = float(training["label"].mean())  # type: ignore[arg-type]
    constant = {"prevalence" if kind == "classifier" else "mean": np.full(judged.height, average)}
    by = list(keys) if known.select(keys).n_unique() < known.height else []
    last = _last_known(judged, known, by)
    if kind != "classifier":
        return {**constant, LAST: last.fill_null(average).to_numpy()}
    before = _last_known(training, known, by)
    chances = {value: _chance(training.filter(before == value)["label"], average) for value in (0.0, 1.0)}
    chance = last.replace_strict(chances, default=average, return_dtype=pl.Float64)
    return {**constant, LAST: chance.to_numpy()}


def _last_known(asked: pl.DataFrame, known: pl.DataFrame, by: list[str]) -> pl.Series:
    answers = known.select(*by, "ripe_at", answered_at="as_of", last="label").sort("ripe_at", "answered_at")
    questions = asked.select(*by, "as_of").with_row_index("row").sort("as_of")
    found = questions.join_asof(
        answers, left_on="as_of", right_on="ripe_at", by=by or None, strategy="backward", check_sortedness=False
    )
    return found.sort("row")["last"]


def _chance(labels: pl.Series, average: float) -> float:
    return (float(labels.sum()) + average) / (len(labels) + 1)
