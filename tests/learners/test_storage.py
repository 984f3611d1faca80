"""Models on disk: what comes back is the same, and what would run code does not."""

import json
import os
import pickle
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import lightgbm
import numpy as np
import polars as pl
import pytest
import skops.io
import xgboost
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from dayshift.diagnostics import DefinitionError, Refused
from dayshift.learners import storage
from dayshift.learners.estimator import Model, fit, predict

RANDOM = np.random.default_rng(0)
FRAME = pl.DataFrame({"a": RANDOM.normal(size=120), "b": RANDOM.normal(size=120), "s": ["x", "y"] * 60})
LABEL = pl.Series("label", FRAME["a"] > 0)
ENCODED = make_column_transformer((OneHotEncoder(), ["s"]), (SimpleImputer(), ["a", "b"]))
two = [("one", LogisticRegression()), ("two", GaussianNB())]

ESTIMATORS = [
    (LogisticRegression(), "skops"),
    (HistGradientBoostingClassifier(max_iter=5), "skops"),
    (HistGradientBoostingRegressor(max_iter=5), "skops"),
    (GradientBoostingClassifier(n_estimators=5), "skops"),
    (RandomForestClassifier(5), "skops"),
    (KNeighborsClassifier(algorithm="brute"), "skops"),
    (BaggingClassifier(max_features=0.5), "skops"),
    (AdaBoostClassifier(n_estimators=3), "skops"),
    (GaussianNB(), "skops"),
    (MLPClassifier((4,), max_iter=5), "skops"),
    (CalibratedClassifierCV(LinearSVC()), "skops"),
    (CalibratedClassifierCV(SVC(), method="isotonic"), "skops"),
    (VotingClassifier(two, voting="soft"), "skops"),
    (StackingClassifier(two), "skops"),
    (make_pipeline(SplineTransformer(), StandardScaler(), Ridge()), "skops"),
    (make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(n_estimators=3, verbose=-1)), "skops"),
    (make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=3)), "skops"),
    (lightgbm.LGBMClassifier(n_estimators=3, verbose=-1), "lightgbm"),
    (lightgbm.LGBMRegressor(n_estimators=3, verbose=-1), "lightgbm"),
    (xgboost.XGBClassifier(n_estimators=3), "xgboost"),
    (xgboost.XGBRegressor(n_estimators=3), "xgboost"),
]


class Own(ClassifierMixin, BaseEstimator):
    """A classifier of the user's own."""

    def fit(self, table: Any, target: Any) -> "Own":
        """Learns nothing."""
        self.classes_ = np.unique(target)
        return self

    def predict_proba(self, table: Any) -> Any:
        """Always a half."""
        return np.full((len(table), 2), 0.5)


class Evil:
    """Unpickling it writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.target}",))


def stored(estimator: Any, folder: Path, **options: Any) -> tuple[Model, str]:
    """A fitted model and the format it was stored in."""
    model = fit(estimator, FRAME, ["a", "b"], LABEL)
    return model, storage.save(model, folder / "model", **options)


@pytest.mark.parametrize(("estimator", "expected"), ESTIMATORS, ids=lambda value: str(value).split("(")[0])
def test_a_model_comes_back_the_same(estimator: Any, expected: str, tmp_path: Path) -> None:
    """Equal predictions to the bit, in the format that is documented, without any pickle."""
    model, stored_as = stored(estimator, tmp_path)
    back = storage.load(tmp_path / "model")
    assert stored_as == expected
    assert np.array_equal(predict(back, FRAME), predict(model, FRAME))
    assert (back.columns, back.types, back.kind, back.reads) == (model.columns, model.types, model.kind, model.reads)


def test_a_pipeline_over_text_comes_back_the_same(tmp_path: Path) -> None:
    """Encoders and their categories are kept."""
    model = fit(make_pipeline(ENCODED, LogisticRegression()), FRAME, ["a", "b", "s"], LABEL)
    storage.save(model, tmp_path / "model")
    assert np.array_equal(predict(storage.load(tmp_path / "model"), FRAME), predict(model, FRAME))


@pytest.mark.parametrize(
    "estimator",
    [Own(), make_pipeline(FunctionTransformer(lambda table: table), LogisticRegression())],
    ids=["own class", "lambda"],
)
def test_what_cannot_be_kept_safely_is_refused_when_it_is_stored(estimator: Any, tmp_path: Path) -> None:
    """DS610 comes at training, where the model can still be changed; nothing is left behind to be loaded."""
    with pytest.raises(DefinitionError, match="DS610"):
        stored(estimator, tmp_path)
    assert list((tmp_path / "model").glob("*")) == []


def test_pickle_needs_consent_twice(tmp_path: Path) -> None:
    """It is written only when allowed, and read only when allowed."""
    model, stored_as = stored(Own(), tmp_path, allow_pickle=True)
    assert stored_as == "pickle"
    with pytest.raises(Refused, match="DS613"):
        storage.load(tmp_path / "model")
    assert np.array_equal(predict(storage.load(tmp_path / "model", allow_pickle=True), FRAME), predict(model, FRAME))


def test_consent_to_pickle_does_not_make_it_the_rule(tmp_path: Path) -> None:
    """What skops can hold is held by skops."""
    assert stored(LogisticRegression(), tmp_path, allow_pickle=True)[1] == "skops"


def forged(folder: Path, name: str, blob: bytes, stored_as: str) -> Path:
    """A stored model whose file was replaced by an attacker who also wrote a fitting model.json."""
    import hashlib

    stored(LogisticRegression(), folder)
    target = folder / "model"
    about = json.loads((target / "model.json").read_text())
    about |= {"stored_as": stored_as, "sha256": hashlib.sha256(blob).hexdigest()}
    (target / "model.json").write_text(json.dumps(about))
    (target / name).write_bytes(blob)
    return target


def test_a_malicious_pickle_never_runs(tmp_path: Path) -> None:
    """Neither as a pickle, nor under the name of any safe format."""
    mark = tmp_path / "owned"
    blob = pickle.dumps(Evil(mark))
    for name, stored_as in (
        ("model.pickle", "pickle"),
        ("model.skops", "skops"),
        ("model.txt", "lightgbm"),
        ("model.ubj", "xgboost"),
    ):
        target = forged(tmp_path / stored_as, name, blob, stored_as)
        with pytest.raises(Refused, match=r"DS61[123]"):
            storage.load(target)
    assert not mark.exists()


def test_a_malicious_skops_file_never_runs(tmp_path: Path) -> None:
    """A function that skops would call is not on the list, whatever the file asks for."""
    mark = tmp_path / "owned"
    honest = skops.io.dumps(make_pipeline(FunctionTransformer(np.exp), LogisticRegression()))
    for module, function in (("posix", "system"), ("os", "system"), ("builtins", "eval"), ("subprocess", "run")):
        blob = _calling(honest, module, function, tmp_path / f"{module}-{function}.zip")
        with pytest.raises(Refused, match=r"DS61[12]"):
            storage.load(forged(tmp_path / f"{module}-{function}", "model.skops", blob, "skops"))
    assert not mark.exists()


def _calling(honest: bytes, module: str, function: str, place: Path) -> bytes:
    """The same skops file with another function in the place of `numpy.exp`."""
    place.write_bytes(honest)
    with ZipFile(place) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = files["schema.json"].decode()
    assert '"exp"' in schema
    changed = json.loads(schema)
    _replace(changed, module, function)
    files["schema.json"] = json.dumps(changed).encode()
    with ZipFile(place, "w") as archive:
        for name, blob in files.items():
            archive.writestr(name, blob)
    return place.read_bytes()


def _replace(node: Any, module: str, function: str) -> None:
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _replace(child, module, function)
    if isinstance(node, dict) and node.get("__class__") == "exp":
        node.update(__class__=function, __module__=module)
    if isinstance(node, dict) and isinstance(node.get("content"), dict) and node["content"].get("function") == "exp":
        node["content"] = {"module_path": module, "function": function}
        node.update(__class__=function, __module__=module)


def test_a_file_that_names_its_own_types_as_safe_is_not_believed(tmp_path: Path) -> None:
    """A type outside our list is refused by name."""
    blob = skops.io.dumps(Own().fit(FRAME, LABEL))
    with pytest.raises(Refused, match=r"DS611.*Own") as caught:
        storage.load(forged(tmp_path, "model.skops", blob, "skops"))
    assert "not on the list" in str(caught.value)


def test_an_index_of_points_is_not_loaded(tmp_path: Path) -> None:
    """A KD-tree's indices are followed blindly by compiled code; `algorithm="brute"` needs none."""
    with pytest.raises(DefinitionError, match="DS610"):
        stored(KNeighborsClassifier(algorithm="kd_tree"), tmp_path)


@pytest.mark.parametrize("damage", ["cut", "other bytes", "no file", "no json", "bad json", "unknown format"])
def test_a_damaged_model_is_refused_never_guessed(damage: str, tmp_path: Path) -> None:
    """DS612 says what is wrong."""
    stored(LogisticRegression(), tmp_path)
    about, file = tmp_path / "model" / "model.json", tmp_path / "model" / "model.skops"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    elif damage == "other bytes":
        file.write_bytes(file.read_bytes()[::-1])
    elif damage == "no file":
        file.unlink()
    elif damage == "no json":
        about.unlink()
    elif damage == "bad json":
        about.write_text("{")
    else:
        about.write_text(json.dumps({**json.loads(about.read_text()), "format": 99}))
    with pytest.raises(Refused, match="DS612"):
        storage.load(tmp_path / "model")
