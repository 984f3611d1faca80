"""Train: fit on what was known, judge on what came after, register, and let gates decide who serves.

Which rows train and which judge is said in `split.py`. The model that was judged is the model that serves: its figures
are its own. With `[train] refit = true` a twin, fitted on all ripe rows, the holdout included, serves instead; the
figures are then those of its elder twin, and the report says so.

The champion is judged on the same rows as the newcomer, as far as it had not seen them in its own training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from dayshift.definition.fingerprint import features_fingerprint, label_fingerprint, pipeline_fingerprint
from dayshift.definition.metric import Metric, usual_metrics
from dayshift.definition.pipeline import Pipeline
from dayshift.definition.settings import Settings
from dayshift.diagnostics import DefinitionError, Refused
from dayshift.engines.contract import question_columns
from dayshift.learners.estimator import Model, fit, kind_of, predict
from dayshift.learners.plots import plots
from dayshift.learners.registry import CHALLENGER, CHAMPION, Entry, Registered, Registry
from dayshift.lifecycle.baseline import baselines
from dayshift.lifecycle.evaluate import Difference, Score, compare, evaluate, metric_for
from dayshift.lifecycle.gate import Outcome, decide
from dayshift.lifecycle.importance import importance
from dayshift.lifecycle.metrics import Floats, Judged
from dayshift.lifecycle.promote import promote
from dayshift.lifecycle.score import feature_fingerprints, same_features, same_label
from dayshift.lifecycle.split import Ripe, Split, require_enough, ripe_rows, span, split, within_window

DEFAULT_METRIC = {"classifier": "roc_auc", "regressor": "rmse"}


@dataclass(frozen=True)
class TrainReport:
    """What a training did, in values: `to_json` gives them all.

    `outcome` is "promoted" (the alias is "champion") or "refused" (a gate; the alias is "challenger").
    `rows` counts questions, training, holdout, purged, unripe, unlabelled, and positives of both parts; `spans` the
    first and last `as_of` of both. `scores` are on the holdout; `naive` and `champion` are paired differences in the
    pipeline's metric there, positive when the new model is better.
    """

    pipeline: str
    at: datetime
    outcome: str
    version: int
    alias: str
    metric: str
    rows: Mapping[str, int | None]
    spans: Mapping[str, list[str] | None]
    scores: tuple[Score, ...]
    naive: tuple[Difference, ...]
    champion: Difference | None
    champion_version: int | None
    gates: tuple[Outcome, ...]
    importance: Mapping[str, float]
    notes: tuple[str, ...]
    fingerprints: Mapping[str, str]

    @property
    def promoted(self) -> bool:
        """Whether every gate let it through."""
        return self.outcome == "promoted"

    @property
    def score(self) -> Score:
        """The pipeline's own metric."""
        return next(score for score in self.scores if score.metric == self.metric)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        several = {name: [item.to_json() for item in plain[name]] for name in ("scores", "naive", "gates")}
        champion = self.champion.to_json() if self.champion else None
        fixed = {"at": self.at.isoformat(), "champion": champion, "notes": list(self.notes)}
        return {**plain, **several, **fixed, "importance": dict(self.importance)}


@dataclass(frozen=True)
class _Verdict:
    """What the holdout says of a model."""

    judged: Judged
    rows: Mapping[str, int | None]
    spans: Mapping[str, list[str] | None]
    scores: tuple[Score, ...]
    naive: tuple[Difference, ...]
    champion: Registered | None
    against: Mapping[str, Difference]
    gates: tuple[Outcome, ...]
    notes: tuple[str, ...]


def train(
    pipeline: Pipeline,
    settings: Settings,
    features: pl.DataFrame,
    labels: pl.DataFrame,
    now: datetime,
    registry: Registry,
    data: Mapping[str, Any] | None = None,
) -> TrainReport:
    """Fit the pipeline's model, judge and register it; promote it when every gate lets it through.

    Args:
        features: the features table (questions' keys, `as_of`, feature columns, `_fingerprint`, `_policy`).
        labels: the questions' keys, `as_of`, `label`, `ripe_at`.
        now: the training time; labels that are ripe later do not exist.
        data: the version of the data (the lake's last load, its tables' versions), kept with the model.

    A refused gate does not raise here: the report says it, and `gate.refuse` turns it into an error.

    Raises:
        NotReady: DS601 (no ripe label), DS602 (one class only), DS603 (fewer than `min_rows`), DS620 (registry).
        DefinitionError: DS600, DS604 to DS608, DS610, DS641.
        Refused: DS609, DS631.
        UsageError: DS642.
    """
    if pipeline.model is None:
        raise DefinitionError("DS604", f"pipeline '{pipeline.name}' has no model to train", hint="model=...")
    kind = kind_of(pipeline.model)
    metrics = metrics_of(pipeline, kind)
    ripe = ripe_rows(pipeline, features, labels, now)
    parts = split(ripe.frame, settings.train)
    require_enough(parts, ripe, settings.train, kind)
    champion, unread = _champion(registry, pipeline.name)  # before the fit: no answer is found at once
    model = fit_rows(pipeline, parts.training, settings)
    verdict = _judge(pipeline, model, metrics, (ripe, parts), champion)
    shuffled = importance(model, metrics[0], verdict.judged, parts.holdout, settings.train.seed)
    served, trained = model, parts.training
    if settings.train.refit:
        trained = within_window(ripe.frame, settings.train)
        served = fit_rows(pipeline, trained, settings)
    pictures, note = plots(verdict.judged.label, verdict.judged.prediction, kind, shuffled)
    notes = (*unread, *verdict.notes, *model.notes, *((note,) if note else ()), *_refit_note(settings))
    entry = _entry(pipeline, settings, verdict, (trained, data or {}), pictures)
    version = registry.register(pipeline.name, served, entry, now)
    passed = all(outcome.passed for outcome in verdict.gates)
    if passed:
        promote(registry, pipeline.name, version, now)
    else:
        registry.set_alias(pipeline.name, CHALLENGER, version)
    return TrainReport(
        pipeline=pipeline.name,
        at=now,
        outcome="promoted" if passed else "refused",
        version=version,
        alias=CHAMPION if passed else CHALLENGER,
        metric=metrics[0].name,
        rows=verdict.rows,
        spans=verdict.spans,
        scores=verdict.scores,
        naive=verdict.naive,
        champion=verdict.against.get(metrics[0].name),
        champion_version=verdict.champion.version if verdict.champion else None,
        gates=verdict.gates,
        importance=shuffled,
        notes=notes,
        fingerprints=_fingerprints(pipeline),
    )


def metrics_of(pipeline: Pipeline, kind: str) -> tuple[Metric, ...]:
    """The pipeline's own metric first, then those of its gates and the usual ones of its kind of model, each once.

    Raises:
        DefinitionError: DS641.
    """
    own = pipeline.metric or DEFAULT_METRIC[kind]
    names = dict.fromkeys([own, *(gate.metric for gate in pipeline.gates), *usual_metrics(kind)])
    return tuple(metric_for(name, kind) for name in names)


def fit_rows(pipeline: Pipeline, rows: pl.DataFrame, settings: Settings) -> Model:
    """The pipeline's model fitted on rows that hold its features and `label`."""
    return fit(pipeline.model, rows, pipeline.columns, rows["label"], seed=settings.train.seed)


def judged_rows(rows: pl.DataFrame, prediction: Floats, metrics: tuple[Metric, ...] = ()) -> Judged:
    """Labels and predictions of rows that hold `label` and `as_of`, with the columns that the metrics count by."""
    by = {metric.by: rows[metric.by] for metric in metrics if metric.by is not None and metric.by in rows.columns}
    as_of = rows["as_of"].dt.epoch("us").to_numpy()
    return Judged(rows["label"].cast(pl.Float64).to_numpy(), prediction, as_of, None, by)


def _champion(registry: Registry, name: str) -> tuple[Registered | None, tuple[str, ...]]:
    """The champion, or none with a note when what is stored cannot be read: a new model must be able to follow it."""
    try:
        return registry.champion(name), ()
    except Refused as error:
        return None, (f"the champion cannot be read and is not compared: {error}",)


def _judge(
    pipeline: Pipeline, model: Model, metrics: tuple[Metric, ...], rows: tuple[Ripe, Split], champion: Registered | None
) -> _Verdict:
    ripe, parts = rows
    judged = judged_rows(parts.holdout, predict(model, parts.holdout), metrics)
    scores = evaluate(metrics, judged)
    numbers = [
        frame.with_columns(pl.col("label").cast(pl.Float64)) for frame in (parts.training, parts.holdout, ripe.frame)
    ]
    naive = baselines(numbers[0], numbers[1], numbers[2], question_columns(pipeline), model.kind)
    beaten = tuple(compare(metrics[0], judged, prediction, name) for name, prediction in naive.items())
    against, notes = _against(pipeline, metrics, judged, parts.holdout, champion)
    outcomes = decide(pipeline.gates, {score.metric: score for score in scores}, against)
    doubts = tuple(
        f"the model is not shown to beat the naive baseline '{gap.against}' in {gap.metric}"
        for gap in beaten
        if gap.verdict != "better"
    )
    spans = {"training": span(parts.training), "holdout": span(parts.holdout)}
    counts = _rows(ripe, parts, model.kind)
    return _Verdict(judged, counts, spans, scores, beaten, champion, against, outcomes, (*doubts, *notes))


def _against(
    pipeline: Pipeline,
    metrics: tuple[Metric, ...],
    judged: Judged,
    holdout: pl.DataFrame,
    champion: Registered | None,
) -> tuple[dict[str, Difference], tuple[str, ...]]:
    if champion is None:
        return {}, ()
    name = f"version {champion.version}"
    if not same_features(pipeline, champion.about):
        return {}, (f"the champion, {name}, reads other features and cannot be compared on the same rows",)
    if not same_label(pipeline, champion.about):
        return {}, (f"the champion, {name}, was trained for another label and cannot be compared",)
    unseen = judged.as_of > int(champion.about.get("trained_to_us", 0))
    if not unseen.any():
        return {}, (f"the champion, {name}, was trained on all of these rows and cannot be compared on them",)
    fair = holdout.filter(pl.Series(unseen))
    theirs = predict(champion.model, fair)
    found = {metric.name: compare(metric, judged.only(unseen), theirs, name) for metric in metrics}
    seen = int(np.sum(~unseen))
    note = (f"{seen:,} holdout rows were in the training of the champion, {name}, and are left out of the comparison",)
    return found, note if seen else ()


def _rows(ripe: Ripe, parts: Split, kind: str) -> dict[str, int | None]:
    def positives(frame: pl.DataFrame) -> int | None:
        return int(frame["label"].cast(pl.Float64).sum()) if kind == "classifier" else None

    return {
        "questions": ripe.questions,
        "training": parts.training.height,
        "holdout": parts.holdout.height,
        "purged": parts.purged,
        "unripe": ripe.unripe,
        "unlabelled": ripe.unlabelled,
        "training_positives": positives(parts.training),
        "holdout_positives": positives(parts.holdout),
    }


def _fingerprints(pipeline: Pipeline) -> dict[str, str]:
    return {
        "pipeline": pipeline_fingerprint(pipeline),
        "features": features_fingerprint(pipeline),
        "label": label_fingerprint(pipeline),
    }


def _refit_note(settings: Settings) -> tuple[str, ...]:
    if not settings.train.refit:
        return ()
    return (
        "the version that serves was fitted again on all ripe rows; the figures are those of its twin without them",
    )


def _entry(
    pipeline: Pipeline,
    settings: Settings,
    verdict: _Verdict,
    facts: tuple[pl.DataFrame, Mapping[str, Any]],
    pictures: Mapping[str, bytes],
) -> Entry:
    trained, data = facts
    metrics = {}
    for score in verdict.scores:
        bounds = {"": score.value, "_low": score.low, "_high": score.high}
        metrics.update({score.metric + end: value for end, value in bounds.items() if value is not None})
    metrics.update({f"rows_{name}": float(count) for name, count in verdict.rows.items() if count is not None})
    marks = _fingerprints(pipeline)
    newest: Any = trained["as_of"].dt.epoch("us").max()
    about = {
        "pipeline": pipeline.name,
        "pipeline_fingerprint": marks["pipeline"],
        "features_fingerprint": marks["features"],
        "label_fingerprint": marks["label"],
        "feature_fingerprints": feature_fingerprints(pipeline),
        "trained_to_us": int(newest),
        "refit": settings.train.refit,
        "data": dict(data),
        "scores": [score.to_json() for score in verdict.scores],
        "rows": dict(verdict.rows),
        "spans": dict(verdict.spans),
    }
    params = {f"train.{name}": value for name, value in settings.train.model_dump().items()}
    params["model"] = type(pipeline.model).__name__
    params.update({f"model.{name}": value for name, value in pipeline.model.get_params(deep=False).items()})
    tags = {f"dayshift.{name}_fingerprint": mark for name, mark in marks.items()}
    tags.update({f"dayshift.data.{name}": str(value) for name, value in data.items()})
    tags["dayshift.trained_to_us"] = str(newest)
    return Entry(params=params, metrics=metrics, tags=tags, about=about, files=pictures)
