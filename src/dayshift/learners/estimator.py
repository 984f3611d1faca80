"""Fit and predict with any scikit-learn estimator; how features reach it is said in `inputs.py`.

The user's estimator is never touched: a clone is fitted, with the seed set wherever the user left `random_state` open.
A classifier answers with the probability of the positive class (label true, or 1), a regressor with its value.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.diagnostics import DayshiftError, DefinitionError, shorten
from dayshift.learners.forest import MOST_ROWS, Forest
from dayshift.learners.inputs import MATRIX, TEXT, column_types, to_input, what_it_reads

CLASSIFIER, REGRESSOR = "classifier", "regressor"
MANY_CELLS = 10_000_000
BLOCK = 1024
_ROW_WISE = (
    *("DecisionTree", "ExtraTree", "RandomForest", "GradientBoosting", "LGBM", "XGB"),
    *(
        "SimpleImputer",
        "StandardScaler",
        "MinMaxScaler",
        "MaxAbsScaler",
        "RobustScaler",
        "OrdinalEncoder",
        "OneHotEncoder",
    ),
)
_IMPUTE = "model=make_pipeline(SimpleImputer(), {model}), or give the feature a value for null with .fill(0)"
_ENCODE = (
    'model=make_pipeline(make_column_transformer((OrdinalEncoder(), ["{name}"]), remainder="passthrough"), {model})'
)


@dataclass(frozen=True)
class Model:
    """A fitted estimator and how it is to be fed.

    `columns` and `types` are the features in order, each "number" or "text"; `reads` is "matrix" or "frame"; `kind`
    "classifier" or "regressor"; `notes` what the libraries warned of during the fit.
    """

    estimator: Any
    columns: tuple[str, ...]
    types: tuple[str, ...]
    kind: str
    reads: str
    notes: tuple[str, ...] = ()

    @cached_property
    def forest(self) -> Forest | None:
        """What predicts a few rows faster than the estimator, if there is such a thing."""
        return Forest.of(self.estimator) if self.reads == MATRIX else None


def kind_of(estimator: Any) -> str:
    """Either "classifier" or "regressor".

    >>> from sklearn.linear_model import Ridge
    >>> kind_of(Ridge())
    'regressor'

    Raises:
        DefinitionError: DS600, it is neither.
    """
    from sklearn.base import is_classifier, is_regressor

    if isinstance(estimator, type):
        name = estimator.__name__
        raise DefinitionError("DS600", f"model is the class {name}, not an estimator", hint=f"model={name}()")
    for kind, holds in ((CLASSIFIER, is_classifier), (REGRESSOR, is_regressor)):
        try:
            if holds(estimator):
                return kind
        except (AttributeError, TypeError):
            continue
    raise DefinitionError(
        "DS600",
        f"model {type(estimator).__name__} is neither a classifier nor a regressor of scikit-learn",
        hint="model=HistGradientBoostingClassifier()",
    )


def prepared(estimator: Any, seed: int) -> Any:
    """An unfitted clone, with the seed wherever `random_state` is None, in every step of a Pipeline.

    >>> from sklearn.tree import DecisionTreeClassifier
    >>> prepared(DecisionTreeClassifier(), seed=7).random_state
    7
    """
    from sklearn.base import clone

    copy = clone(estimator)
    seeds = {
        name: seed
        for name, value in copy.get_params(deep=True).items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    return copy.set_params(**seeds)


def fit(
    estimator: Any,
    features: pl.DataFrame,
    columns: Sequence[str],
    labels: pl.Series,
    *,
    seed: int = 0,
    weights: NDArray[np.float64] | None = None,
) -> Model:
    """A clone of the estimator, fitted on the rows of `features` and `labels` (same length, labels without null).

    >>> from sklearn.linear_model import LinearRegression
    >>> frame = pl.DataFrame({"a": [1.0, 2.0, 3.0]})
    >>> model = fit(LinearRegression(), frame, ["a"], pl.Series([2.0, 4.0, 6.0]))
    >>> predict(model, pl.DataFrame({"a": [4.0]})).round(6)
    array([8.])

    Raises:
        DefinitionError: DS600 (no classifier, no regressor, a label it cannot learn), DS605 (nulls), DS606 (text),
            DS607 (the estimator's own error), DS608 (a classifier without probabilities).
        Refused: DS609, a column is absent.
    """
    kind = kind_of(estimator)
    ready = prepared(estimator, seed)
    types = column_types(features, columns)
    reads = what_it_reads(ready, types)
    table = to_input(features, columns, types, reads)
    target = target_of(labels, kind)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with few_threads(features.height, len(columns)):
                ready.fit(table, target, **_weighted(ready, weights))
        except Exception as error:
            raise _diagnosed(error, ready, features, columns, types) from error
    if kind == CLASSIFIER and not hasattr(ready, "predict_proba"):
        raise _no_probability(ready)
    notes = tuple(dict.fromkeys(f"{entry.category.__name__}: {entry.message}" for entry in caught))
    return Model(ready, tuple(columns), types, kind, reads, notes)


def predict(model: Model, features: pl.DataFrame) -> NDArray[np.float64]:
    """One number a row: the probability of the positive class, or the regressor's value.

    Raises:
        Refused: DS609, a column is absent or of another type than at the fit.
        DefinitionError: DS605, DS606, DS607 as at the fit.
    """
    table = to_input(features, model.columns, model.types, model.reads)
    if not features.height:
        return np.empty(0, np.float64)
    try:
        if features.height <= MOST_ROWS and model.forest is not None:
            return model.forest(table)
        with few_threads(features.height, len(model.columns)):
            if _by_rows(model.estimator):
                return _numbers(model, table)
            return np.concatenate([_numbers(model, block)[:rows] for block, rows in _blocks(table)])
    except Exception as error:
        raise _diagnosed(error, model.estimator, features, model.columns, model.types) from error


def _numbers(model: Model, table: Any) -> NDArray[np.float64]:
    if model.kind == CLASSIFIER:
        return np.asarray(model.estimator.predict_proba(table), np.float64)[:, 1]
    return np.asarray(model.estimator.predict(table), np.float64).reshape(-1)


def _by_rows(estimator: Any) -> bool:
    """Whether every row is computed by itself, whatever stands beside it: trees, and steps that take value by value."""
    kind = type(estimator).__name__
    if kind == "Pipeline":
        return all(_by_rows(step) for _, step in estimator.steps if not isinstance(step, str | None))
    if kind == "ColumnTransformer":
        return all(_by_rows(step) for _, step, _ in estimator.transformers if not isinstance(step, str))
    return any(part in kind for part in _ROW_WISE)


def _blocks(table: Any) -> Iterator[tuple[Any, int]]:
    """The table in blocks of exactly `BLOCK` rows, the last filled up with its own last row; how many of them count.

    A product of matrices is summed in an order that depends on their shapes, so a linear model gives a row other last
    bits among seven rows than among seven thousand. In blocks of one shape it gives it the same.
    """
    height = len(table)
    for start in range(0, height, BLOCK):
        wanted = np.minimum(np.arange(start, start + BLOCK), height - 1)
        yield table[wanted], min(BLOCK, height - start)


@contextmanager
def few_threads(rows: int, columns: int) -> Iterator[None]:
    """One OpenMP thread for a small table.

    Gradient boosting opens thousands of parallel regions, each a few microseconds of work on a small table; on a busy
    machine their threads wait for one another, and a fit of one second takes half a minute. The numbers are the same.
    """
    if rows * columns >= MANY_CELLS:
        yield
        return
    with _threads().limit(limits=1):
        yield


@cache
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController().select(user_api="openmp")


def target_of(labels: pl.Series, kind: str) -> NDArray[Any]:
    """The labels as numbers: int64 0 and 1 for a classifier, float64 for a regressor.

    >>> target_of(pl.Series([True, False]), "classifier")
    array([1, 0])

    Raises:
        DefinitionError: DS600, a label that this kind of model cannot learn.
    """
    if kind == REGRESSOR and (labels.dtype.is_numeric() or labels.dtype == pl.Boolean):
        return labels.cast(pl.Float64).to_numpy()
    if kind == CLASSIFIER and (labels.dtype == pl.Boolean or _zero_or_one(labels)):
        return labels.cast(pl.Int64).to_numpy()
    came = f"{labels.dtype}: {shorten(labels.unique().to_list(), most=4)}"
    wanted = "true and false, or 1 and 0" if kind == CLASSIFIER else "numbers"
    raise DefinitionError(
        "DS600",
        f"the label is not what a {kind} learns",
        facts=(f"it holds {came}", f"a {kind} learns {wanted}"),
        hint='label=Label(source, pl.col("amount") > 100, ...)' if kind == CLASSIFIER else "cast the label to a number",
    )


def _zero_or_one(labels: pl.Series) -> bool:
    return labels.dtype.is_numeric() and bool(((labels == 0) | (labels == 1)).all())


def _weighted(estimator: Any, weights: NDArray[np.float64] | None) -> dict[str, Any]:
    if weights is None:
        return {}
    steps = getattr(estimator, "steps", None)
    return {f"{steps[-1][0]}__sample_weight" if steps else "sample_weight": weights}


def _no_probability(estimator: Any) -> DefinitionError:
    name = type(estimator).__name__
    return DefinitionError(
        "DS608",
        f"model {name} gives no probabilities",
        facts=("a prediction is the probability of the positive class",),
        hint=f"model=CalibratedClassifierCV({name}())",
    )


def _diagnosed(
    error: Exception, estimator: Any, features: pl.DataFrame, columns: Sequence[str], types: Sequence[str]
) -> DayshiftError:
    said = str(error)
    model = f"{type(estimator).__name__}(...)"
    composite = hasattr(estimator, "steps") or hasattr(estimator, "transformers")
    texts = [name for name, kind in zip(columns, types, strict=True) if kind == TEXT]
    empty = {name: _missing(features[name]) for name in columns}
    empty = {name: count for name, count in empty.items() if count}
    if texts and (not composite or "could not convert string" in said):
        return DefinitionError(
            "DS606",
            f"feature '{texts[0]}' is text, which model {type(estimator).__name__} cannot read",
            facts=(f"text features: {shorten(texts)}", f"it said: {_first_line(said)}"),
            hint=_ENCODE.format(name=texts[0], model=model),
        )
    if empty and any(word in said.lower() for word in ("nan", "missing", "null")):
        worst = max(empty, key=lambda name: empty[name])
        return DefinitionError(
            "DS605",
            f"feature '{worst}' is null in {empty[worst]:,} of {features.height:,} rows, "
            f"which model {type(estimator).__name__} cannot take",
            facts=(f"features with null: {shorten(empty)}",),
            hint=_IMPUTE.format(model=model),
        )
    valueless = [name for name, count in empty.items() if count == features.height]
    return DefinitionError(
        "DS607",
        f"model {type(estimator).__name__} failed: {type(error).__name__}: {_first_line(said)}",
        facts=(
            f"{features.height:,} rows, {len(columns)} features",
            *((f"without a single value in these rows: {shorten(valueless)}",) if valueless else ()),
        ),
        hint=f"leave '{valueless[0]}' out until it has values, or give it some with .fill(...)" if valueless else None,
    )


def _missing(column: pl.Series) -> int:
    nans = int(column.is_nan().sum()) if column.dtype.is_float() else 0
    return column.null_count() + nans


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]
