"""Pictures of a judged model as PNG, drawn by matplotlib (extra `plots`). Without it there are none, and a note says so."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
ABSENT = "no plots: matplotlib is not installed (pip install 'dayshift[plots]')"
_SIZE = (5.0, 4.0)


def plots(
    label: Floats, prediction: Floats, kind: str, importance: Mapping[str, float]
) -> tuple[dict[str, bytes], str | None]:
    """File name to PNG, and a note when matplotlib is not installed.

    A classifier: ROC, precision-recall, calibration; a regressor: predicted against true. Both: importance, the loss of
    the metric when a feature is shuffled. Curves need both classes; without them they are left out.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return {}, ABSENT
    drawn: dict[str, Callable[[Axes], None]] = {}
    if importance:
        drawn["importance.png"] = lambda axes: _importance(axes, importance)
    if kind != "classifier":
        drawn["predicted.png"] = lambda axes: _predicted(axes, label, prediction)
    elif 0 < label.mean() < 1:
        drawn["roc.png"] = lambda axes: _roc(axes, label, prediction)
        drawn["precision_recall.png"] = lambda axes: _precision_recall(axes, label, prediction)
        drawn["calibration.png"] = lambda axes: _calibration(axes, label, prediction)
    files = {}
    for name, draw in drawn.items():
        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure.subplots())
        blob = io.BytesIO()
        figure.savefig(blob, format="png", dpi=110, metadata={"Software": ""})
        files[name] = blob.getvalue()
    return files, None


def calibration(label: Floats, prediction: Floats, bins: int = 10) -> tuple[Floats, Floats]:
    """Mean prediction and share of positives in `bins` groups of about equal size, by rising prediction.

    >>> calibration(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]), bins=2)[1].tolist()
    [0.0, 1.0]
    """
    order = np.argsort(prediction, kind="stable")
    groups = [group for group in np.array_split(order, bins) if len(group)]
    said = np.array([prediction[group].mean() for group in groups])
    return said, np.array([label[group].mean() for group in groups])


def _counts(label: Floats, prediction: Floats) -> tuple[Floats, Floats]:
    """True and false positives when everything from a level up is called positive, levels falling."""
    levels = pl.DataFrame({"score": prediction, "label": label}).group_by("score").agg(pl.sum("label"), pl.len())
    levels = levels.sort("score", descending=True)
    true = levels["label"].cum_sum().to_numpy()
    return true, levels["len"].cum_sum().to_numpy() - true


def _roc(axes: Axes, label: Floats, prediction: Floats) -> None:
    true, false = _counts(label, prediction)
    axes.plot([0, *(false / false[-1])], [0, *(true / true[-1])], drawstyle="default")
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    _name(axes, "ROC on the holdout", "false positive rate", "true positive rate")


def _precision_recall(axes: Axes, label: Floats, prediction: Floats) -> None:
    true, false = _counts(label, prediction)
    axes.plot(true / true[-1], true / (true + false), drawstyle="steps-pre")
    axes.axhline(float(label.mean()), linestyle=":", color="grey")
    axes.set_ylim(0, 1.02)
    _name(axes, "Precision and recall on the holdout", "recall", "precision")


def _calibration(axes: Axes, label: Floats, prediction: Floats) -> None:
    said, came = calibration(label, prediction)
    top = float(max(said.max(), came.max(), 1e-9)) * 1.05
    axes.plot([0, top], [0, top], linestyle=":", color="grey")
    axes.plot(said, came, marker="o")
    _name(axes, "Calibration on the holdout (ten groups)", "mean prediction", "share of positives")


def _predicted(axes: Axes, label: Floats, prediction: Floats) -> None:
    chosen = slice(None, None, max(1, len(label) // 2000))
    axes.scatter(label[chosen], prediction[chosen], s=4, alpha=0.4)
    ends = [float(label.min()), float(label.max())]
    axes.plot(ends, ends, linestyle=":", color="grey")
    _name(axes, "Predicted and true on the holdout", "true", "predicted")


def _importance(axes: Axes, importance: Mapping[str, float]) -> None:
    ordered: list[Any] = sorted(importance.items(), key=lambda item: item[1])[-20:]
    axes.barh([name for name, _ in ordered], [loss for _, loss in ordered])
    axes.tick_params(axis="y", labelsize=7)
    _name(axes, "Importance", "loss of the metric when the feature is shuffled", "")


def _name(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
