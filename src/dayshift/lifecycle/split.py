"""Which rows train and which judge, so that the judgement is what would have happened.

    ... training ......................... | purged ... | ........ holdout ........ | unripe
                        labels ripe until   boundary                          last ripe question

- Ripe: a row exists only once its label is ripe at the training time. What is still unripe is counted.
- Holdout: the ripe questions asked in the last `holdout` before (and with) the newest ripe one.
- Purge: of the earlier questions only those train whose labels were ripe when the holdout began. The others are known
  today but were not known then; training on them would be a model that nobody could have had (prequential).
- Window: with `window`, only the questions asked in that long before the newest training question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from dayshift.definition.duration import parse_duration
from dayshift.definition.pipeline import Pipeline
from dayshift.definition.settings import TrainSettings
from dayshift.diagnostics import DefinitionError, NotReady
from dayshift.engines.contract import question_columns
from dayshift.lifecycle.score import require_one_meaning


@dataclass(frozen=True)
class Ripe:
    """The questions with ripe labels (features, `label`, `ripe_at`), and how many others there are."""

    frame: pl.DataFrame
    questions: int
    unripe: int
    unlabelled: int


@dataclass(frozen=True)
class Split:
    """Training and holdout rows, disjoint in time; `purged` rows lie between them, `boundary` is the holdout's start."""

    training: pl.DataFrame
    holdout: pl.DataFrame
    purged: int
    boundary: datetime


def ripe_rows(pipeline: Pipeline, features: pl.DataFrame, labels: pl.DataFrame, now: datetime) -> Ripe:
    """Features beside their labels, as far as these are ripe at `now`, in order of `as_of`.

    Raises:
        DefinitionError: DS604, the pipeline has no label.
        Refused: DS631, the features mix definitions or policies.
        NotReady: DS601, no label is ripe yet.
    """
    if pipeline.label is None:
        raise DefinitionError("DS604", f"pipeline '{pipeline.name}' has no label to learn", hint="label=Label(...)")
    require_one_meaning(pipeline, features)
    keys = [*question_columns(pipeline), "as_of"]
    answers = labels if labels.width else features.select(*keys, label=None, ripe_at="as_of").clear()
    newest: Any = answers["ripe_at"].max()
    ripe_by = now if newest is None else min(now, newest)  # what is not loaded yet is not ripe, whatever the hour
    answers = answers.select(*keys, "label", "ripe_at")
    joined = features.join(answers, on=keys, how="left", nulls_equal=True, validate="m:1", maintain_order="left")
    ripe_at = pl.coalesce("ripe_at", pl.col("as_of") + timedelta(microseconds=pipeline.label.ripe_after_us))
    joined = joined.with_columns(ripe_at=ripe_at)
    is_ripe = pl.col("ripe_at") <= ripe_by
    unripe = joined.filter(~is_ripe)
    known = joined.filter(is_ripe, pl.col("label").is_not_null()).sort("as_of", maintain_order=True)
    if not known.height:
        raise _nothing_ripe(pipeline, joined, unripe, now)
    return Ripe(known, joined.height, unripe.height, joined.height - unripe.height - known.height)


def split(rows: pl.DataFrame, settings: TrainSettings) -> Split:
    """Divide ripe rows (in order of `as_of`) by time; the training part may be empty.

    >>> day = timedelta(days=1)
    >>> asked = [datetime(2026, 1, 1) + n * day for n in range(10)]
    >>> rows = pl.DataFrame({"as_of": asked, "ripe_at": [at + 2 * day for at in asked]})
    >>> found = split(rows, TrainSettings(holdout="3d"))
    >>> found.training.height, found.purged, found.holdout.height
    (5, 2, 3)
    """
    newest: Any = rows["as_of"].max()
    boundary = newest - timedelta(microseconds=parse_duration(settings.holdout))
    holdout = rows.filter(pl.col("as_of") > boundary)
    earlier = rows.filter(pl.col("as_of") <= boundary)
    eligible = earlier.filter(pl.col("ripe_at") <= boundary)
    return Split(within_window(eligible, settings), holdout, earlier.height - eligible.height, boundary)


def within_window(rows: pl.DataFrame, settings: TrainSettings) -> pl.DataFrame:
    """The rows of the last `window` before (and with) the newest one; all rows without a window."""
    if settings.window is None or not rows.height:
        return rows
    newest: Any = rows["as_of"].max()
    return rows.filter(pl.col("as_of") > newest - timedelta(microseconds=parse_duration(settings.window)))


def needed_since(labels: pl.DataFrame, settings: TrainSettings, now: datetime) -> datetime | None:
    """The time before which no question can train or judge, so that older ones need not be read; None for no limit.

    >>> day = timedelta(days=1)
    >>> asked = [datetime(2026, 1, 1) + n * day for n in range(10)]
    >>> labels = pl.DataFrame({"as_of": asked, "ripe_at": [at + 2 * day for at in asked], "label": [True] * 10})
    >>> needed_since(labels, TrainSettings(holdout="3d", window="2d"), datetime(2026, 2, 1))
    datetime.datetime(2026, 1, 4, 0, 0)
    """
    if settings.window is None or not labels.width:
        return None
    ripe = labels.filter(pl.col("ripe_at") <= now, pl.col("label").is_not_null())
    training = split(ripe, settings).training if ripe.height else ripe
    oldest: Any = training["as_of"].min()
    return oldest  # type: ignore[no-any-return]


def require_enough(found: Split, ripe: Ripe, settings: TrainSettings, kind: str) -> None:
    """Refuse to train on too little.

    Raises:
        NotReady: DS602, the training labels are all the same; DS603, fewer rows than `min_rows`.
    """
    training = found.training
    began = f"{found.boundary:%Y-%m-%d %H:%M}"
    counts = (
        f"{ripe.frame.height:,} questions have ripe labels; {found.holdout.height:,} of them judge",
        f"{found.purged:,} labels became ripe only after the holdout began on {began}",
        f"{ripe.unripe:,} labels are still unripe",
    )
    if training.height < settings.min_rows:
        raise NotReady(
            "DS603",
            f"{training.height:,} rows to train on, fewer than min_rows = {settings.min_rows:,}",
            facts=counts,
            hint=f'[train]\nholdout = "1d"        # now "{settings.holdout}"; or wait for more labels',
        )
    if kind == "classifier" and training["label"].n_unique() < 2:
        only = training["label"][0]
        raise NotReady(
            "DS602",
            f"all {training.height:,} training rows have the same label: {only}",
            facts=counts,
            hint="train on a longer window, or look at the label: dayshift why",
        )


def span(rows: Sequence[pl.DataFrame] | pl.DataFrame) -> list[str] | None:
    """The first and the last `as_of` as text, or None without rows."""
    frame = rows if isinstance(rows, pl.DataFrame) else pl.concat(rows)
    if not frame.height:
        return None
    first: Any = frame["as_of"].min()
    last: Any = frame["as_of"].max()
    return [first.isoformat(), last.isoformat()]


def _nothing_ripe(pipeline: Pipeline, joined: pl.DataFrame, unripe: pl.DataFrame, now: datetime) -> NotReady:
    next_at: Any = unripe["ripe_at"].min()
    when = (
        f"the first becomes ripe at {next_at:%Y-%m-%d %H:%M} UTC" if next_at is not None else "no question is waiting"
    )
    return NotReady(
        "DS601",
        f"no label of pipeline '{pipeline.name}' is ripe at {now:%Y-%m-%d %H:%M} UTC",
        facts=(f"{joined.height:,} questions, {unripe.height:,} of them unripe; {when}",),
        hint="dayshift run        # load more history",
    )
