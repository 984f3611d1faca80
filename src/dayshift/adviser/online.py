"""A learner that is taught step by step with the labels that became known, beside the same learner refitted weekly.

The first model is the weekly one of week 0. After that each step's newly ripe questions are taught once, in the order in
which they became known, and every question is answered by what was learned before it. Steps of a scikit-learn pipeline
before its last stay as they were fitted at first: they cannot be taught step by step.
"""

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from dayshift.adviser.judging import worth
from dayshift.adviser.sampling import Drawn, salt_of
from dayshift.adviser.tracks import SECOND, Floats, Grid, Ints, Track
from dayshift.diagnostics import DayshiftError
from dayshift.learners.estimator import CLASSIFIER, Model
from dayshift.learners.inputs import to_input
from dayshift.lifecycle.metrics import DAY_US

if TYPE_CHECKING:
    from dayshift.adviser.replay import Replay


def teachable(estimator: Any) -> bool:
    """Whether the estimator, or a pipeline's last step, has `partial_fit`.

    >>> from sklearn.linear_model import LogisticRegression, SGDClassifier
    >>> teachable(SGDClassifier()), teachable(LogisticRegression())
    (True, False)
    """
    return hasattr(_last(estimator), "partial_fit")


def teach(replay: "Replay", track: Track, every_us: int) -> Grid | None:
    """The grid of one learner, age 0 only; None when it cannot be taught step by step."""
    if track.family == SECOND or not teachable(replay.history.pipeline.model) or not replay.weeks.count:
        return None
    count, metrics = replay.weeks.count, len(replay.metrics)
    value, pooled, cpu_s = np.full((metrics, count, 1), np.nan), np.full((count, 1), np.nan), np.full(count, np.nan)
    rows, failed = np.zeros(count, np.int64), {}
    try:
        model = replay.fitted(track, 0)
    except DayshiftError as error:
        failed[0] = error.problems[0].message
    else:
        lessons = _lessons(replay, track)
        with replay.until_stopped():
            for week in range(count):
                if replay.stopped_now():
                    break
                started = time.process_time()
                prediction, rows[week] = _week(replay, track, model, (week, every_us), lessons)
                cpu_s[week] = time.process_time() - started
                judged = replay.sample.judged(*replay.places(week), prediction)
                value[:, week, 0] = [worth(metric, judged, replay.daily_metrics) for metric in replay.metrics]
                pooled[week, 0] = worth(replay.metrics[0], judged, daily=False)
    names = tuple(metric.name for metric in replay.metrics)
    return Grid(track, names, value, pooled, cpu_s, rows, replay.positives(), failed)


def _lessons(replay: "Replay", track: Track) -> tuple[Drawn, Ints]:
    """All questions that will be taught, in the order in which their labels become known, and when: as many of them as
    weekly refits would draw in their windows, by the same weights."""
    asked, weeks = replay.asked, replay.weeks
    delay = track.situation.label_delay_us
    known = asked.known(delay, None, weeks.end)
    ripe = np.asarray(replay.history.ripe_at(delay))
    new = known[ripe[known] > weeks.t0]
    window = asked.known(delay, track.window_us or weeks.window_us, weeks.t0)
    share = min(replay.train_rows / max(len(window), 1), 1.0)
    drawn = asked.drawn(new, max(int(share * len(new)), 1), salt_of(weeks.t0 // DAY_US, track.seed), replay.weighs)
    order = np.argsort(ripe[drawn.rows], kind="stable")
    return Drawn(drawn.rows[order], drawn.weight[order]), ripe[drawn.rows[order]]


def _week(
    replay: "Replay", track: Track, model: Model, span: tuple[int, int], lessons: tuple[Drawn, Ints]
) -> tuple[Floats, int]:
    """The week's answers, each from what was taught before it, and how many questions were taught."""
    week, every_us = span
    drawn, ripe = lessons
    first, end = replay.places(week)
    start, stop = int(replay.weeks.starts[week]), int(replay.weeks.starts[week]) + 7 * DAY_US
    asked_at = replay.sample.as_of[first:end]
    frame = _inputs(model, replay.take(track.situation, replay.sample.rows[first:end]))
    taught = slice(*np.searchsorted(ripe, [start, stop], "right"))
    lesson = _inputs(model, replay.take(track.situation, drawn.rows[taught]))
    label = replay.asked.label[drawn.rows[taught]]
    answers = np.empty(end - first)
    edges = np.arange(start, stop, every_us)
    places = np.searchsorted(asked_at, [*edges, stop])
    lessons_at = np.searchsorted(ripe[taught], [*edges, stop], "right")
    for step in range(len(edges)):
        if step:
            part = slice(lessons_at[step - 1], lessons_at[step])
            _partial(model, lesson[part], label[part], drawn.weight[taught][part] if replay.weighs else None)
        part = slice(places[step], places[step + 1])
        if part.stop > part.start:
            answers[part] = _answers(model, frame[part])
    part = slice(lessons_at[-2], lessons_at[-1])
    _partial(model, lesson[part], label[part], drawn.weight[taught][part] if replay.weighs else None)
    return answers, len(label)


def _inputs(model: Model, frame: pl.DataFrame) -> Any:
    """What the last step reads."""
    table = to_input(frame, model.columns, model.types, model.reads)
    steps = getattr(model.estimator, "steps", None)
    return table if not steps or len(steps) == 1 or not frame.height else model.estimator[:-1].transform(table)


def _partial(model: Model, table: Any, label: Floats, weight: Floats | None) -> None:
    if len(label):
        weights = {} if weight is None else {"sample_weight": weight}
        _last(model.estimator).partial_fit(table, label.astype(int) if model.kind == CLASSIFIER else label, **weights)


def _answers(model: Model, table: Any) -> Floats:
    last = _last(model.estimator)
    return np.asarray(last.predict_proba(table)[:, 1] if model.kind == CLASSIFIER else last.predict(table), np.float64)


def _last(estimator: Any) -> Any:
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
