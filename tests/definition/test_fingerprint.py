"""Fingerprints: same meaning, same fingerprint; another meaning, another one."""

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import dayshift as ds
from dayshift.definition import Column, Window, WindowFeature, format_duration, parse_duration
from dayshift.definition.aggregate import Aggregate
from dayshift.definition.canonical import opaque
from dayshift.definition.fingerprint import (
    feature_fingerprint,
    features_fingerprint,
    label_fingerprint,
    pipeline_fingerprint,
    source_fingerprint,
)
from dayshift.definition.loading import load_pipeline
from dayshift.diagnostics import DefinitionError

SCHEMA: dict[str, Any] = {"id": str, "card": str, "shop": ds.optional(str), "amount": ds.decimal(2), "fraud": bool}


def payments(**changes: Any) -> ds.Source:
    return ds.Source("payments", **{"time": "at", "key": "id", "schema": SCHEMA, **changes})


def of(expression: Any) -> str:
    return feature_fingerprint(payments().row(x=expression)[0])


def windowed(**changes: Any) -> WindowFeature:
    aggregate = Aggregate("sum", "amount")
    given = {"source": payments(), "keys": (("card", "card"),), "window": Window("7d"), "aggregate": aggregate}
    return WindowFeature(**{**given, **changes})


def pipeline(**changes: Any) -> ds.Pipeline:
    source = payments()
    given: dict[str, Any] = {
        "predict": source,
        "features": [source.by("card").over("1d").count(), source.row(hour=pl.col("at").dt.hour())],
        "label": ds.Label(source, pl.col("fraud"), within="7d"),
        "model": LogisticRegression(C=0.5),
        "metric": "roc_auc",
    }
    return ds.Pipeline("p", **{**given, **changes})


@given(st.permutations(list(SCHEMA)))
def test_the_order_of_a_schema_means_nothing(names: list[str]) -> None:
    """Any order of the schema's columns gives the same fingerprint."""
    shuffled = payments(schema={name: SCHEMA[name] for name in names})
    assert source_fingerprint(shuffled) == source_fingerprint(payments())


@given(st.integers(min_value=1, max_value=10**15))
def test_a_length_of_time_means_its_length(length_us: int) -> None:
    """However a length is written, it is the same window."""
    texts = {format_duration(length_us), f"{length_us}us", f"0d{length_us}us"}
    assert {parse_duration(text) for text in texts} == {length_us}
    assert len({feature_fingerprint(windowed(window=Window(text))) for text in texts}) == 1


@given(st.permutations([("card", "card"), ("shop", "shop"), ("id", "id")]))
def test_the_order_of_keys_means_nothing(keys: list[tuple[str, str]]) -> None:
    """A composite key is a set of pairs."""
    first = windowed(keys=(("card", "card"), ("shop", "shop"), ("id", "id")))
    assert feature_fingerprint(windowed(keys=tuple(keys))) == feature_fingerprint(first)


def test_types_and_rules_said_in_two_ways_are_one() -> None:
    """`str` and `Column("str")`, 1 and 1.0, a key that is declared and one that is not, lists and tuples."""
    one = payments(schema={"card": str, "n": Column(int, minimum=1, allowed=[1, 2])})
    other = payments(
        schema={"card": Column("str"), "id": str, "n": Column("int", minimum=1.0, allowed=(2, 1))}, key=["id"]
    )
    assert source_fingerprint(one) == source_fingerprint(other)


CHANGED_FEATURES = {
    "window": {"window": Window("8d")},
    "no window": {"window": Window(None)},
    "delay": {"window": Window("7d", delay="1d")},
    "closed": {"window": Window("7d", closed="right")},
    "including self": {"window": Window("7d", including_self=True)},
    "key": {"keys": (("shop", "shop"),)},
    "mapped key": {"keys": (("card", "shop"),)},
    "no key": {"keys": ()},
    "aggregate": {"aggregate": Aggregate("mean", "amount")},
    "column": {"aggregate": Aggregate("sum", "fraud")},
    "argument": {"aggregate": Aggregate("quantile", "amount", (("q", 0.5), ("accuracy", 0.01)))},
    "another argument": {"aggregate": Aggregate("quantile", "amount", (("q", 0.9), ("accuracy", 0.01)))},
    "fill": {"fill": 0},
    "ratio": {"relative": "ratio", "baseline": Window("30d")},
    "difference": {"relative": "difference", "baseline": Window("30d")},
    "source's name": {"source": ds.Source("refunds", time="at", key="id", schema=SCHEMA)},
    "source's time": {"source": payments(time="known_at")},
    "source's key": {"source": payments(key=["id", "card"])},
    "source's delay": {"source": payments(delay="1h")},
    "source's arrival": {"source": payments(arrival="told_at")},
    "source's rule": {"source": payments(schema={**SCHEMA, "amount": ds.decimal(2, minimum=0)})},
    "source's scale": {"source": payments(schema={**SCHEMA, "amount": ds.decimal(3)})},
    "source's derived column": {"source": payments(derive={"amount": pl.col("cents") / 100})},
    "source's rows": {"source": payments(where=pl.col("amount") > 0)},
    "nothing": {},
}


def test_every_part_of_a_feature_counts() -> None:
    """Each change of meaning gives a fingerprint that no other has."""
    marks = {name: feature_fingerprint(windowed(**change)) for name, change in CHANGED_FEATURES.items()}
    assert len(set(marks.values())) == len(CHANGED_FEATURES)


def test_fill_0_and_0_0_are_one() -> None:
    """A fill stands in a column of a known type, so 0 and 0.0 are the same number there."""
    assert feature_fingerprint(windowed(fill=0)) == feature_fingerprint(windowed(fill=0.0))


def test_a_name_is_not_the_feature_but_is_the_table() -> None:
    """An alias leaves the feature's own fingerprint and changes that of all features, whose columns it renames."""
    source = payments()
    plain, named = source.by("card").over("1d").count(), source.by("card").over("1d").count().alias("many")
    assert feature_fingerprint(plain[0]) == feature_fingerprint(named[0])
    assert features_fingerprint(pipeline(features=[plain])) != features_fingerprint(pipeline(features=[named]))


def test_the_order_of_columns_counts() -> None:
    """The model knows columns by their place."""
    features = pipeline().features
    assert features_fingerprint(pipeline()) != features_fingerprint(pipeline(features=list(reversed(features))))


def test_expressions_are_compared_by_what_they_do() -> None:
    """The same tree is the same; another operator, column or number is another; an outer alias says nothing."""
    assert of(pl.col("amount") * 2) == of((pl.col("amount") * 2).alias("double"))
    others = [
        pl.col("amount") * 2,
        pl.col("amount") * 3,
        pl.col("amount") + 2,
        pl.col("fraud") * 2,
        pl.col("amount") * 2.0,
    ]
    assert len({of(expression) for expression in others}) == len(others)
    assert of(pl.col("shop").is_in(["a", "b"])) != of(pl.col("shop").is_in(["a", "c"]))


def test_sql_is_compared_without_its_white_space() -> None:
    """White space counts inside quotes only."""
    assert of(ds.sql("amount  *\n 2")) == of(ds.sql("amount * 2"))
    assert of(ds.sql("shop = 'a  b'")) != of(ds.sql("shop = 'a b'"))


def test_a_python_function_is_compared_by_its_code() -> None:
    """Equal code in two places is equal; another constant, closure, default or global is not."""

    def times(factor: int) -> Any:
        return pl.col("amount").map_batches(lambda s: s * factor, return_dtype=pl.Float64)

    first = pl.col("amount").map_batches(lambda s: s * 2, return_dtype=pl.Float64)
    again = pl.col("amount").map_batches(lambda s: s * 2, return_dtype=pl.Float64)
    other = pl.col("amount").map_batches(lambda s: s * 3, return_dtype=pl.Float64)
    assert opaque(first)
    assert not opaque(pl.col("amount") * 2)
    assert of(first) == of(again) != of(other)
    assert of(times(2)) != of(times(3))


def test_what_is_no_expression_is_refused() -> None:
    """Text in place of an expression has no fingerprint."""
    with pytest.raises(DefinitionError, match="DS218"):
        of("amount * 2")


MODELS = {
    "logistic": LogisticRegression(),
    "its parameter": LogisticRegression(C=0.5),
    "trees": HistGradientBoostingClassifier(),
    "a pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "a nested parameter": make_pipeline(StandardScaler(with_mean=False), LogisticRegression()),
    "a function": make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()),
    "another function": make_pipeline(FunctionTransformer(np.sqrt), LogisticRegression()),
    "an array": LogisticRegression(class_weight={0: np.float64(1), 1: np.float64(2)}),
    "none": None,
}


def test_every_part_of_a_pipeline_counts() -> None:
    """Label, model, parameters and metric change the pipeline and leave the features."""
    source = payments()
    changes: list[dict[str, Any]] = [{"model": model} for model in MODELS.values()]
    changes += [{"metric": "log_loss"}, {"label": None}]
    for label in (
        ds.Label(source, pl.col("fraud"), within="8d"),
        ds.Label(source, ~pl.col("fraud"), within="7d"),
        ds.Label(source, pl.col("fraud"), within="7d", missing=False),
        ds.Label(source, pl.col("fraud"), within="7d", pick="last"),
        ds.Label(source, pl.col("fraud"), within="7d", by="card"),
    ):
        changes.append({"label": label})
    marks = [pipeline_fingerprint(pipeline(**change)) for change in changes]
    assert len(set(marks)) == len(changes)
    assert len({features_fingerprint(pipeline(**change)) for change in changes}) == 1


def test_the_same_model_made_twice_is_one() -> None:
    """Two objects of one class with equal parameters, said or default, are one model."""
    again = HistGradientBoostingClassifier(learning_rate=0.1)
    assert pipeline_fingerprint(pipeline(model=again)) == pipeline_fingerprint(pipeline(model=MODELS["trees"]))


def test_name_and_gates_change_no_number() -> None:
    """A renamed pipeline with another gate predicts the same."""
    gated = pipeline(gates=[ds.Gate("roc_auc", at_least=0.9)])
    assert pipeline_fingerprint(gated) == pipeline_fingerprint(pipeline())


def test_a_calendar_counts() -> None:
    """Period, offset and key of a calendar are part of the questions; an offset of whole periods is none."""
    source = payments()
    calendars = [
        source.every("1d", by="card"),
        source.every("1d", by="card", offset="1h"),
        source.every("2d", by="card"),
        source.every("1d", by="shop"),
    ]
    marks = [features_fingerprint(pipeline(predict=calendar, features=[])) for calendar in calendars]
    assert len(set(marks)) == len(calendars)
    whole = source.every("24h", by=["card"], offset="2d")
    assert features_fingerprint(pipeline(predict=whole, features=[])) == marks[0]


def test_labels_do_not_depend_on_features_and_model() -> None:
    """The fingerprint of the labels is of questions and label alone."""
    assert label_fingerprint(pipeline(features=[], model=None)) == label_fingerprint(pipeline())
    later = pipeline(label=ds.Label(payments(), pl.col("fraud"), within="8d"))
    assert label_fingerprint(later) != label_fingerprint(pipeline())


FILE = """import dayshift as ds
import polars as pl

class Doubler:
    def __init__(self, by=2):
        self.by = by
    def get_params(self, deep=True):
        return {"by": self.by}
    def fit(self, X, y):
        return self
    def predict(self, X):
        return X * self.by

SOURCE = ds.Source("payments", time="at", key="id", schema={"id": str, "card": str, "amount": float})
pipeline = ds.Pipeline(
    "p",
    predict=SOURCE,
    features=[SOURCE.by("card").over("1d").count(),
              SOURCE.row(x=pl.col("amount").map_batches(lambda s: s * 2, return_dtype=pl.Float64))],
    label=ds.Label(SOURCE, pl.col("amount") > 1, within="1d"),
    model=Doubler(),
)
"""


def test_file_line_and_variables_mean_nothing(tmp_path: Path) -> None:
    """Moved to another file, down by lines, under other variables, the definition is the same; edited code is not."""
    texts = {
        "one.py": FILE,
        "two.py": "\n\n# moved\n" + FILE.replace("SOURCE", "paid").replace("pipeline =", "mine ="),
        "three.py": FILE.replace("X * self.by", "X + self.by"),
        "four.py": FILE.replace("s * 2", "s * 4"),
    }
    marks = []
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        marks.append(pipeline_fingerprint(load_pipeline(tmp_path / name)))
    assert marks[0] == marks[1]
    assert len(set(marks)) == 3


def test_another_process_gives_the_same_fingerprint(tmp_path: Path) -> None:
    """Nothing of a fingerprint depends on hash seeds, addresses or the order of sets."""
    (tmp_path / "pipeline.py").write_text(FILE)
    script = (
        "import sys; from dayshift.definition.loading import load_pipeline as l;"
        "from dayshift.definition.fingerprint import pipeline_fingerprint as f; print(f(l(sys.argv[1])))"
    )
    here = pipeline_fingerprint(load_pipeline(tmp_path / "pipeline.py"))
    command = [sys.executable, "-c", script, str(tmp_path / "pipeline.py")]
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(ds.__file__).parents[1])}
    there = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert there.stdout.strip() == here


@settings(max_examples=60)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.dates()
        | st.binary(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    )
)
def test_any_parameter_of_a_model_has_a_fingerprint(value: Any) -> None:
    """Whatever plain value a model is given, the pipeline has a fingerprint, and the same one again."""

    class Model:
        def get_params(self, deep: bool = True) -> dict[str, Any]:
            return {"value": value}

    assert pipeline_fingerprint(pipeline(model=Model())) == pipeline_fingerprint(pipeline(model=Model()))


def test_a_time_in_an_expression_counts() -> None:
    """Literals of every kind are part of the meaning."""
    times = [dt.datetime(2025, 1, day, tzinfo=dt.UTC) for day in (1, 2)]
    assert len({of(pl.col("at") > time) for time in times}) == 2
