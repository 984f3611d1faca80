"""Models on disk, so that reading one runs no code of the file's choosing.

A stored model is a folder: `model.json` (columns, types, how it is stored, checksum) and one file beside it.

- skops: a zip of arrays and named types. Only types on `ALLOWED`, a list in this file, and skops' own list of
  scikit-learn's and NumPy's types are ever constructed; what the stored file claims to need is never believed. Trees,
  whose indices compiled code follows blindly, are checked after reading (`trees.py`).
- LightGBM's text and XGBoost's UBJSON: data by nature; used when the estimator itself is theirs.
- pickle: only when `[registry] allow_pickle = true`, for writing and again for reading.

What skops cannot hold under that list (a lambda in a FunctionTransformer, a class of the user's own) is refused when it
is stored, while the person who can change the model is still there.
"""

import hashlib
import json
import pickle
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from dayshift.diagnostics import DefinitionError, NotReady, Refused, shorten
from dayshift.learners.estimator import CLASSIFIER, Model
from dayshift.learners.trees import first_fault

FORMAT = 1
FILES = {"skops": "model.skops", "lightgbm": "model.txt", "xgboost": "model.ubj", "pickle": "model.pickle"}

ALLOWED = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    "scipy.interpolate._interpolate.interp1d",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)


@dataclass(frozen=True)
class LightGBM:
    """A LightGBM model read from its own text format, with scikit-learn's two methods."""

    booster: Any

    def predict(self, table: Any) -> Any:
        """Values [rows]."""
        return self.booster.predict(table)

    def predict_proba(self, table: Any) -> Any:
        """Probabilities [rows, 2]."""
        import numpy as np

        positive = self.booster.predict(table)
        return np.column_stack([1.0 - positive, positive])


def save(model: Model, folder: Path, *, allow_pickle: bool = False) -> str:
    """Write the model into a new folder; the name of the format it was stored in.

    Raises:
        DefinitionError: DS610, no format that loads safely can hold it.
    """
    folder.mkdir(parents=True)
    stored_as, blob = _dump(model, allow_pickle)
    (folder / FILES[stored_as]).write_bytes(blob)
    about = {
        "format": FORMAT,
        "stored_as": stored_as,
        "sha256": hashlib.sha256(blob).hexdigest(),
        "columns": model.columns,
        "types": model.types,
        "kind": model.kind,
        "reads": model.reads,
        "libraries": _versions(stored_as),
    }
    (folder / "model.json").write_text(json.dumps(about, indent=1))
    return stored_as


def load(folder: Path, *, allow_pickle: bool = False) -> Model:
    """Read a model back; nothing in the folder can make other code run than that of the listed types.

    Raises:
        Refused: DS611, it holds types that are not on the list; DS612, it is damaged or of an unknown format;
            DS613, it is a pickle and pickles are not allowed.
        NotReady: DS614, the library that reads it is not installed.
    """
    about = _about(folder)
    stored_as = about["stored_as"]
    if stored_as == "pickle" and not allow_pickle:
        raise Refused(
            "DS613",
            "the model is stored as a pickle, which runs whatever code it contains when it is read",
            facts=(f"in {folder}",),
            hint="[registry]\nallow_pickle = true",
        )
    file = folder / FILES[stored_as]
    try:
        blob = file.read_bytes()
    except OSError as error:
        raise _damaged(folder, str(error)) from error
    if hashlib.sha256(blob).hexdigest() != about["sha256"]:
        raise _damaged(folder, f"{file.name} is not what model.json says by its checksum")
    estimator = _restored(stored_as, blob, about, folder)
    return Model(estimator, tuple(about["columns"]), tuple(about["types"]), about["kind"], about["reads"])


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / "model.json").read_text())
        known = about["format"] == FORMAT and about["stored_as"] in FILES
        complete = all(key in about for key in ("sha256", "columns", "types", "kind", "reads"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"model.json cannot be read: {error}") from error
    if not (known and complete):
        raise _damaged(folder, "model.json is of a format that this version does not know")
    return dict(about)


def _dump(model: Model, allow_pickle: bool) -> tuple[str, bytes]:
    estimator = model.estimator
    native = _native(estimator)
    if native == "lightgbm":
        return native, estimator.booster_.model_to_string().encode()
    if native == "xgboost":
        return native, bytes(estimator.get_booster().save_raw("ubj"))
    refusal = ""
    try:
        import skops.io

        blob = skops.io.dumps(estimator)
        foreign = sorted(set(skops.io.get_untrusted_types(data=blob)) - set(ALLOWED))
        if not foreign:
            return "skops", blob
        refusal = f"it holds {shorten(foreign)}"
    except Exception as error:  # noqa: BLE001  skops raises whatever the foreign object raises
        refusal = f"{type(error).__name__}: {error}"
    if allow_pickle:
        return "pickle", _pickled(estimator)
    raise _unsafe(estimator, refusal)


def _pickled(estimator: Any) -> bytes:
    try:
        return pickle.dumps(estimator)
    except Exception as error:
        raise _unsafe(estimator, f"pickle cannot hold it either: {error}") from error


def _unsafe(estimator: Any, refusal: str) -> DefinitionError:
    return DefinitionError(
        "DS610",
        f"model {type(estimator).__name__} cannot be stored so that loading it runs no code of its own",
        facts=(refusal,),
        hint="use scikit-learn's own steps instead of own functions and classes, or accept the risk: [registry] allow_pickle = true",
    )


def _native(estimator: Any) -> str | None:
    kind = f"{type(estimator).__module__}.{type(estimator).__name__}"
    if kind == "lightgbm.sklearn.LGBMClassifier" and getattr(estimator, "objective_", None) == "binary":
        return "lightgbm"
    if kind == "lightgbm.sklearn.LGBMRegressor" and isinstance(getattr(estimator, "objective_", None), str):
        return "lightgbm"
    if kind in ("xgboost.sklearn.XGBClassifier", "xgboost.sklearn.XGBRegressor"):
        return "xgboost" if isinstance(estimator.objective, str | None) else None
    return None


def _restored(stored_as: str, blob: bytes, about: dict[str, Any], folder: Path) -> Any:
    try:
        if stored_as == "lightgbm":
            return _lightgbm(blob)
        if stored_as == "xgboost":
            return _xgboost(blob, about["kind"])
        if stored_as == "pickle":
            return pickle.loads(blob)  # noqa: S301  only reached when the settings allow it by name
        return _skops(blob, folder)
    except (Refused, NotReady):
        raise
    except ImportError as error:
        raise NotReady(
            "DS614", f"the model needs {error.name}, which is not installed", hint=f"pip install {error.name}"
        ) from error
    except Exception as error:
        stored = ", ".join(f"{name} {version}" for name, version in about.get("libraries", {}).items())
        raise _damaged(folder, f"{type(error).__name__}: {error}", f"it was stored with {stored}") from error


def _skops(blob: bytes, folder: Path) -> Any:
    import skops.io

    foreign = sorted(set(skops.io.get_untrusted_types(data=blob)) - set(ALLOWED))
    if foreign:
        raise Refused(
            "DS611",
            f"the stored model holds {foreign[0]}, which is not on the list of types that may be loaded",
            facts=(f"not on the list: {shorten(foreign)}", f"in {folder}"),
            hint="train again with this version of Dayshift: dayshift train",
        )
    estimator = skops.io.loads(blob, trusted=list(ALLOWED))
    fault = first_fault(estimator)
    if fault:
        raise _damaged(folder, fault)
    return estimator


def _lightgbm(blob: bytes) -> LightGBM:
    import lightgbm

    return LightGBM(lightgbm.Booster(model_str=blob.decode()))


def _xgboost(blob: bytes, kind: str) -> Any:
    import xgboost

    estimator = xgboost.XGBClassifier() if kind == CLASSIFIER else xgboost.XGBRegressor()
    estimator.load_model(bytearray(blob))
    return estimator


def _versions(stored_as: str) -> dict[str, str]:
    """By module, as one module may come from several distributions (`xgboost`, `xgboost-cpu`)."""
    modules = ["sklearn", "numpy", *([stored_as] if stored_as in ("skops", "lightgbm", "xgboost") else [])]
    return {name: str(import_module(name).__version__) for name in modules}


def _damaged(folder: Path, *facts: str) -> Refused:
    return Refused("DS612", "the stored model cannot be read", facts=(*facts, f"in {folder}"), hint="dayshift train")
