"""Fingerprints: same meaning, same fingerprint.

A fingerprint does not depend on the file, the line, the names of variables, the order of a schema's columns or the way
a length of time is written ("1d", "24h"). Three of them stand inside one another:

* a feature's own: its source, keys, window, aggregate, fill and relation, or its expression. Not its name: an alias
  renames a column, and the numbers in it stay what they are;
* that of all features: the questions, and for each column in order its name and its feature;
* the pipeline's: all features, label, model with its parameters, metric. Not its gates and not its name, which change
  no number.

The whole definition of a source is part of what reads it, since each rule decides which events there are.
"""

import hashlib
import json
from typing import Any

from dayshift.definition import canonical
from dayshift.definition.calendar import Calendar
from dayshift.definition.feature import RowFeature, WindowFeature
from dayshift.definition.label import Label
from dayshift.definition.pipeline import Pipeline
from dayshift.definition.source import Source
from dayshift.definition.window import Window

_VERSION = "dayshift-1"


def feature_fingerprint(feature: WindowFeature | RowFeature) -> str:
    """Of one feature, whatever it is called: 16 hexadecimal digits.

    >>> payments = Source("payments", time="at", key="id", schema={"id": str, "card": str})
    >>> day, same = payments.by("card").over("1d", "24h").count()
    >>> feature_fingerprint(day) == feature_fingerprint(same)
    True

    Raises:
        DefinitionError: DS202 or DS218, the definition is faulty (`check` tells all of it).
    """
    return _digest(_feature(feature))


def features_fingerprint(pipeline: Pipeline) -> str:
    """Of all features of a pipeline: the questions, the columns' names and order, and what each column means."""
    return _digest(_features(pipeline))


def pipeline_fingerprint(pipeline: Pipeline) -> str:
    """Of the whole pipeline: features, label, the model's class and parameters, metric."""
    label = None if pipeline.label is None else _label(pipeline.label)
    model = canonical.plain(pipeline.model)
    return _digest({"features": _features(pipeline), "label": label, "model": model, "metric": pipeline.metric})


def label_fingerprint(pipeline: Pipeline) -> str:
    """Of the questions and their label, whatever is predicted from."""
    label = None if pipeline.label is None else _label(pipeline.label)
    return _digest({"asker": _asker(pipeline.predict), "label": label})


def source_fingerprint(source: Source) -> str:
    """Of one source with all its rules."""
    return _digest(_source(source))


def _digest(form: Any) -> str:
    text = json.dumps([_VERSION, form], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _source(source: Source) -> dict[str, Any]:
    return {
        "source": source.name,
        "time": source.time,
        "key": list(source.key_columns),
        "columns": {name: canonical.column(column) for name, column in source.columns.items()},
        "delay": source.delay_us,
        "arrival": source.arrival,
        "derive": {name: canonical.expression(given) for name, given in source.derive.items()},
        "where": canonical.expression(source.where),
    }


def _asker(predict: Source | Calendar) -> dict[str, Any]:
    if not isinstance(predict, Calendar):
        return _source(predict)
    ticks = {"period": predict.period_us, "offset": predict.offset_us % max(predict.period_us, 1)}
    return {"calendar": ticks, "by": sorted(predict.by), "of": _source(predict.source)}


def _window(window: Window) -> dict[str, Any]:
    return {
        "width": window.width_us,
        "delay": window.delay_us,
        "closed": window.closed,
        "including_self": window.including_self,
    }


def _feature(feature: WindowFeature | RowFeature) -> dict[str, Any]:
    if isinstance(feature, RowFeature):
        return {"row": canonical.expression(feature.expression), "of": _asker(feature.source)}
    aggregate = feature.aggregate
    return {
        "of": _source(feature.source),
        "keys": sorted(feature.keys),
        "window": _window(feature.window),
        "aggregate": aggregate.name,
        "column": aggregate.column,
        "arguments": {name: canonical.number(value) for name, value in aggregate.arguments},
        "fill": canonical.number(feature.fill),
        "relative": feature.relative,
        "baseline": None if feature.baseline is None else _window(feature.baseline),
    }


def _features(pipeline: Pipeline) -> dict[str, Any]:
    columns = [[list(feature.columns), _feature(feature)] for feature in pipeline.flat]
    return {"asker": _asker(pipeline.predict), "columns": columns}


def _label(label: Label) -> dict[str, Any]:
    return {
        "of": _source(label.source),
        "expression": canonical.expression(label.expression),
        "within": label.within_us,
        "by": sorted(label.keys),
        "pick": label.pick,
        "missing": canonical.number(label.missing),
    }
