"""Training end to end, over real MLflow on SQLite."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from dayshift import Gate, Pipeline
from dayshift.definition.settings import Settings, TrainSettings
from dayshift.diagnostics import DefinitionError, Refused, UsageError
from dayshift.learners import plots
from dayshift.learners.estimator import predict
from dayshift.learners.registry import Registry
from dayshift.lifecycle.gate import refuse
from dayshift.lifecycle.train import TrainReport, train
from tests.lifecycle.worlds import DAY, START, classifier, features, labels, payments, regressor

SETTINGS = Settings(train=TrainSettings(holdout="6d", min_rows=50))
NOW = START + 22 * DAY
FEATURES = features(classifier())
LABELS = labels(FEATURES)


@pytest.fixture
def registry(empty_registry: Path, tmp_path: Path) -> Registry:
    """A registry of this test's own."""
    return Registry(Path(shutil.copytree(empty_registry, tmp_path / "registry")))


def trained(registry: Registry, pipeline: Pipeline | None = None, settings: Settings = SETTINGS) -> TrainReport:
    """A training on the usual world."""
    return train(pipeline or classifier(), settings, FEATURES, LABELS, NOW, registry, {"load": 7})


def test_a_first_model_is_judged_registered_and_serves(registry: Registry) -> None:
    """The report's figures, the registry's version and the champion belong together."""
    report = trained(registry)
    champion = registry.champion("cards")
    assert champion is not None
    assert (report.outcome, report.alias, report.version, champion.version) == ("promoted", "champion", 1, 1)
    assert report.rows == {
        "questions": 1000, "training": 600, "holdout": 300, "purged": 100, "unripe": 0, "unlabelled": 0,
        "training_positives": report.rows["training_positives"], "holdout_positives": report.rows["holdout_positives"],
    }  # fmt: skip
    assert report.score.value is not None
    assert report.score.low is not None
    assert 0.7 < report.score.low < report.score.value < 0.9
    assert champion.about["data"] == {"load": 7}
    assert champion.about["features_fingerprint"] == report.fingerprints["features"]
    assert champion.about["scores"][0]["value"] == report.score.value


def test_the_report_is_plain_values(registry: Registry) -> None:
    """It survives JSON unchanged, with every metric of its kind."""
    told = trained(registry).to_json()
    assert json.loads(json.dumps(told)) == told
    names = ["roc_auc", "average_precision", "log_loss", "brier", "accuracy", "balanced_accuracy", "f1"]
    assert [score["metric"] for score in told["scores"]] == names
    assert [gap["against"] for gap in told["naive"]] == ["prevalence", "last label"]


def test_the_judged_model_serves_unless_refit_is_asked_for(registry: Registry) -> None:
    """By default the holdout never trains; with `refit` the model that serves has seen it, and the report says so."""
    trained(registry)
    settings = Settings(train=TrainSettings(holdout="6d", refit=True))
    report = trained(registry, settings=settings)
    judged, refitted = registry.load("cards", 1), registry.load("cards", 2)
    assert judged.about["trained_to_us"] < refitted.about["trained_to_us"]
    assert refitted.about["trained_to_us"] == FEATURES["as_of"].dt.epoch("us").max()
    assert (predict(judged.model, FEATURES) != predict(refitted.model, FEATURES)).any()
    assert any("fitted again on all ripe rows" in note for note in report.notes)


def test_training_twice_gives_the_same_model(registry: Registry) -> None:
    """The seed comes from the settings; figures and predictions are equal."""
    boosted = classifier(model=HistGradientBoostingClassifier(max_iter=10, early_stopping=True))
    first, second = trained(registry, boosted), trained(registry, boosted)
    assert first.scores == second.scores
    pair = [predict(registry.load("cards", version).model, FEATURES) for version in (1, 2)]
    assert (pair[0] == pair[1]).all()


def test_a_challenger_is_compared_with_the_champion_on_the_same_rows(registry: Registry) -> None:
    """The same model again differs by nothing; the comparison names the version and its rows."""
    trained(registry)
    report = trained(registry)
    assert report.champion is not None
    assert (report.champion.better_by, report.champion.against, report.champion.rows) == (0, "version 1", 300)
    assert (report.champion_version, report.version) == (1, 2)


def test_a_champion_is_never_judged_on_rows_that_it_was_trained_on(registry: Registry) -> None:
    """A refitted champion has seen this holdout: there is no comparison, and the report says why."""
    trained(registry, settings=Settings(train=TrainSettings(holdout="6d", refit=True)))
    report = trained(registry)
    assert report.champion is None
    assert any("was trained on all of these rows" in note for note in report.notes)
    later = Settings(train=TrainSettings(holdout="2d", refit=True))
    assert registry.load("cards", 1).about["refit"]
    assert trained(registry, settings=later).champion is not None, "version 2, trained before, can be judged"


def test_a_model_that_a_gate_refuses_stays_a_challenger(registry: Registry) -> None:
    """The champion goes on serving; the outcome can be raised as exit 1."""
    trained(registry)
    report = trained(registry, classifier(gates=[Gate("roc_auc", at_least=0.99)]))
    assert (report.outcome, report.alias, report.promoted) == ("refused", "challenger", False)
    assert registry.alias("cards", "champion") == 1
    assert registry.alias("cards", "challenger") == 2
    with pytest.raises(Refused, match="DS640"):
        refuse("cards", report.version, report.gates)


def test_a_model_that_learns_nothing_is_said_not_to_beat_the_naive_one(registry: Registry) -> None:
    """With labels at random the report's notes name both baselines."""
    noise = labels(FEATURES, signal=0.0)
    report = train(classifier(), SETTINGS, FEATURES, noise, NOW, registry)
    assert [gap.verdict for gap in report.naive] != ["better", "better"]
    assert any("not shown to beat the naive baseline 'prevalence'" in note for note in report.notes)


def test_a_champion_with_other_features_is_not_compared(registry: Registry) -> None:
    """Its gate passes with the reason; nothing is scored by a model of another meaning."""
    trained(registry)
    other = classifier(
        features=[payments.row(amount=pl.col("amount") * 2)], gates=[Gate("roc_auc", worse_than_champion_by=0.0)]
    )
    frame = features(other)
    report = train(other, SETTINGS, frame, labels(frame), NOW, registry)
    assert report.champion is None
    assert report.promoted
    assert any("reads other features" in note for note in report.notes)


def test_a_champion_that_cannot_be_read_is_followed_by_a_new_one(registry: Registry) -> None:
    """After an upgrade or a loss of files training is the remedy, so it must not need the old model."""
    trained(registry)
    for file in registry.folder.glob("artifacts/*/artifacts/model/model.skops"):
        file.write_bytes(b"")
    report = trained(registry)
    assert (report.version, report.promoted, report.champion) == (2, True, None)
    assert any("the champion cannot be read and is not compared: DS612" in note for note in report.notes)


def test_a_regressor_is_judged_by_its_own_metrics(registry: Registry) -> None:
    """RMSE, MAE, R2 against the mean and the last label; no positives."""
    pipeline = regressor()
    amounts = LABELS.with_columns(label=FEATURES["amount"] * 2 + 1)
    report = train(pipeline, SETTINGS, features(pipeline), amounts, NOW, registry)
    assert [score.metric for score in report.scores] == ["rmse", "mae", "r2"]
    assert [(gap.against, gap.verdict) for gap in report.naive] == [("mean", "better"), ("last label", "better")]
    assert report.rows["training_positives"] is None
    assert report.score.value == pytest.approx(0, abs=1e-9)


def test_the_most_important_feature_is_found(registry: Registry) -> None:
    """The label depends on the amount alone."""
    importance = trained(registry).importance
    assert next(iter(importance)) == "amount"
    assert importance["amount"] > 0.2
    assert abs(importance["noise"]) < 0.05


def test_plots_are_kept_with_the_model(registry: Registry) -> None:
    """ROC, precision-recall, calibration and importance as PNG in the run's artifacts."""
    trained(registry)
    drawn = {file.name: file.read_bytes()[:4] for file in registry.folder.glob("artifacts/*/artifacts/report/*")}
    names = {"roc.png", "precision_recall.png", "calibration.png", "importance.png"}
    assert drawn == dict.fromkeys(names, b"\x89PNG")


def test_without_matplotlib_training_works_and_says_what_is_missing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra `plots` is an extra."""
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    assert plots.ABSENT in trained(registry).notes


def test_the_metric_by_entity_reads_a_column_of_the_features(registry: Registry) -> None:
    """`id` is there; a column that is not is named (DS642)."""
    assert trained(registry, classifier(metric="precision@5_per_day_by_id")).score.value is not None
    with pytest.raises(UsageError, match=r"DS642.*'card'"):
        trained(registry, classifier(metric="precision@5_per_day_by_card"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model": None}, "DS604"),
        ({"metric": "auc"}, "DS641"),
        ({"metric": "rmse"}, "DS641"),
        ({"gates": [Gate("mae", at_most=1)]}, "DS641"),
        ({"model": make_pipeline(FunctionTransformer(lambda table: table), LogisticRegression())}, "DS610"),
    ],
)
def test_what_a_definition_cannot_do_is_refused(registry: Registry, changes: dict[str, object], code: str) -> None:
    """Before anything is registered."""
    with pytest.raises(DefinitionError, match=code):
        trained(registry, classifier(**changes))
    assert registry.versions("cards") == []
