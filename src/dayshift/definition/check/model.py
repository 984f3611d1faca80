"""The model, its metric and its gates."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from dayshift.definition.check.parts import Parts, fault
from dayshift.definition.gate import Gate
from dayshift.definition.metric import METRICS, NAMES, Metric, metric_named
from dayshift.diagnostics import Place, Problem, nearest


def can_learn(parts: Parts) -> Iterator[Problem]:
    """A model is an object with `fit` and `predict`, and a classifier gives probabilities."""
    model = parts.pipeline.model
    if model is None:
        return
    if isinstance(model, type):
        message = f"the model is the class {model.__name__}, not one of its objects"
        yield fault("DS242", message, parts.pipeline.place, hint=f"model={model.__name__}()")
        return
    absent = [name for name in ("fit", "predict") if not callable(getattr(model, name, None))]
    if absent:
        message = f"the model is of type {type(model).__name__}, which has no {' and no '.join(absent)}"
        fact = "a model has scikit-learn's fit(X, y) and predict(X)"
        yield fault("DS242", message, parts.pipeline.place, fact, hint="model=HistGradientBoostingClassifier()")
    elif kind_of(model) == "classifier" and not hasattr(model, "predict_proba"):
        yield fault(
            "DS242",
            f"the model is a {type(model).__name__}, which gives classes but no probabilities",
            parts.pipeline.place,
            "a prediction is the probability of the positive class",
            hint=f"model=CalibratedClassifierCV({type(model).__name__}())",
        )


def has_a_label(parts: Parts) -> Iterator[Problem]:
    """A model learns from labels."""
    if parts.pipeline.model is not None and parts.pipeline.label is None:
        message = f"pipeline '{parts.pipeline.name}' has a model and no label to learn from"
        hint = 'label=ds.Label(source, pl.col("late"), within="1d")'
        yield fault("DS243", message, parts.pipeline.place, hint=hint)


def metric(parts: Parts) -> Iterator[Problem]:
    """The metric is one of ours and judges this kind of model."""
    if parts.pipeline.metric is not None:
        yield from _metric(parts.pipeline.metric, "the metric", parts, parts.pipeline.place)


def gates(parts: Parts) -> Iterator[Problem]:
    """A gate asks something of a metric, in the metric's own direction."""
    given: tuple[Any, ...] = tuple(parts.pipeline.gates or ())
    for gate in given:
        if not isinstance(gate, Gate):
            message = f"a gate is {gate!r:.60}, which is not a Gate"
            yield fault("DS252", message, parts.pipeline.place, hint='ds.Gate("roc_auc", at_least=0.6)')
            continue
        yield from _metric(gate.metric, "a gate's metric", parts, gate.place)
        for said, hint in _gate_faults(gate, metric_named(gate.metric)):
            yield fault("DS252", f"the gate on '{gate.metric}' {said}", gate.place, hint=hint)
        if parts.pipeline.model is None:
            message = f"the gate on '{gate.metric}' has no model to judge"
            yield fault("DS252", message, gate.place, hint="give the pipeline a model, or remove the gate")


def _gate_faults(gate: Gate, judged: Metric | None) -> Iterator[tuple[str, str | None]]:
    bounds = (gate.at_least, gate.at_most, gate.worse_than_champion_by)
    if all(bound is None for bound in bounds):
        yield "asks for nothing", "at_least=0.6, at_most=0.5 or worse_than_champion_by=0.01"
    if any(bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)) for bound in bounds):
        yield "has a bound that is not a number", None
        return
    if gate.worse_than_champion_by is not None and gate.worse_than_champion_by < 0:
        yield f"has worse_than_champion_by={gate.worse_than_champion_by}, below 0", "worse_than_champion_by=0"
    if judged is not None and judged.larger_is_better and gate.at_most is not None:
        yield f"has at_most={gate.at_most}, but more of it is better", f"at_least={gate.at_most}"
    if judged is not None and not judged.larger_is_better and gate.at_least is not None:
        yield f"has at_least={gate.at_least}, but less of it is better", f"at_most={gate.at_least}"


def _metric(name: Any, what: str, parts: Parts, place: Place | None) -> Iterator[Problem]:
    judged = metric_named(name)
    if judged is None:
        near = nearest(str(name), METRICS)
        hint = f"metric='{near}'" if near else None
        yield fault("DS250", f"{what} is {name!r}, which is unknown", place, f"allowed: {', '.join(NAMES)}", hint=hint)
        return
    kind = kind_of(parts.pipeline.model)
    if kind is not None and judged.kind != kind:
        fitting = sorted(name for name, other in METRICS.items() if other.kind == kind)
        message = (
            f"{what} '{name}' judges a {judged.kind}, and the model {type(parts.pipeline.model).__name__} is a {kind}"
        )
        yield fault(
            "DS251", message, place, f"metrics of a {kind}: {', '.join(fitting)}", hint=f'metric="{fitting[0]}"'
        )
    if judged.by is not None and judged.by not in parts.question:
        near = nearest(judged.by, parts.question)
        message = f"{what} '{name}' goes by '{judged.by}', which {parts.asked} does not have"
        yield fault("DS209", message, place, hint=f"write '{near}' in place of '{judged.by}'" if near else None)


def kind_of(model: Any) -> str | None:
    """Either "classifier" or "regressor", or None when the model does not say."""
    if model is None or isinstance(model, type):
        return None
    base = sys.modules.get("sklearn.base")
    if base is not None:
        try:
            return "classifier" if base.is_classifier(model) else "regressor" if base.is_regressor(model) else None
        except (AttributeError, TypeError):
            pass
    if hasattr(model, "predict_proba"):
        return "classifier"
    return getattr(model, "_estimator_type", None)
