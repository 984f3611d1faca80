"""A new project from `init` to a model that serves, by the commands alone."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest

from dayshift.cli import reports
from dayshift.cli.commands.schedule import listener
from dayshift.cli.frame import run
from dayshift.runtimes import nightly
from dayshift.runtimes.project import open_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its first night."""
    folder = tmp_path_factory.mktemp("nights") / "project"
    assert run(["init", str(folder)]) == 0
    assert run(["run", "-C", str(folder), "--now", "2025-02-17T05:00"]) == 0
    return folder


def asked(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*arguments, "-C", str(folder), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_new_project_runs_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One command ingests, trains and scores; every row that was read is accounted for; the page is there."""
    standing = asked(capsys, folder, "status")
    assert standing["loads"] == 1
    assert standing["champion"] is not None
    assert standing["questions"] == 12_600
    assert 0 < standing["predictions"] <= 12_600
    assert len(list((folder / "reports").glob("*.html"))) >= 1


def test_a_second_night_without_files_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing new is read, nothing is asked, and that is a good night."""
    report = asked(capsys, folder, "run", "--now", "2025-02-18T05:00")
    assert report["outcome"] == "done"
    assert report["features"]["rows"] == 0
    assert sum(source["read"] for source in report["load"]["sources"]) == 0


def test_why_proves_a_value(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The kernel's value and the reference's are equal, and the counted events make it."""
    found = asked(capsys, folder, "why", "spend_7d", "p006000")
    values = [event["value"] for event in found["counted"]]
    assert found["equal"]
    assert found["value"] == pytest.approx(sum(values) / len(values))


def test_why_knows_its_features_and_questions(folder: Path) -> None:
    """A row feature, an unknown feature and an unknown question are exit code 2."""
    for wrong in (["hour", "p000001"], ["spend_8d", "p000001"], ["spend_7d", "nobody"], ["spend_7d", "a", "b"]):
        assert run(["why", *wrong, "-C", str(folder)]) == 2


def test_a_backfill_answers_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two days of 300 questions each; an empty range is exit code 2."""
    assert asked(capsys, folder, "backfill", "2025-01-10", "2025-01-12")["features"] == 600
    assert run(["backfill", "2025-01-12", "2025-01-12", "-C", str(folder)]) == 2


def test_promotion_goes_there_and_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Trained by hand, promoted, rolled back; an unknown version is exit code 2."""
    trained = asked(capsys, folder, "train", "--now", "2025-02-18T06:00")
    version = trained["version"]
    assert asked(capsys, folder, "rollback", "--plan") == {"now": version, "then": version - 1}
    assert asked(capsys, folder, "rollback")["version"] == version - 1
    assert asked(capsys, folder, "promote", str(version))["outcome"] == "done"
    assert asked(capsys, folder, "promote", str(version))["outcome"] == "unchanged"
    assert run(["promote", "99", "-C", str(folder)]) == 2


def test_a_refused_model_is_told_by_its_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DS640 on stderr with every gate that did not pass, the report on stdout, exit code 1; the champion serves on."""
    file = folder / "pipeline.py"
    text = file.read_text()
    before = asked(capsys, folder, "status")["champion"]
    file.write_text(re.sub(r"at_least=[\d.]+", "at_least=0.9999", text))
    try:
        capsys.readouterr()
        assert run(["train", "-C", str(folder), "--now", "2025-02-18T07:00", "--json"]) == 1
        told = capsys.readouterr()
    finally:
        file.write_text(text)
    report = json.loads(told.out)
    assert report["outcome"] == "refused"
    assert {gap["verdict"] for gap in report["naive"]} <= {"better", "worse", "not shown"}
    assert "error[DS640]: model 'card-fraud' version" in told.err
    assert f"hint: dayshift promote {report['version']}" in told.err
    assert asked(capsys, folder, "status")["champion"] == before


def test_what_is_due_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`schedule --when` names both verbs and runs nothing."""
    assert set(asked(capsys, folder, "schedule", "--when")) == {"run", "train"}


def test_compaction_changes_no_row(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fewer files, the same numbers."""
    before = asked(capsys, folder, "status")
    asked(capsys, folder, "compact", "--retain")
    after = asked(capsys, folder, "status")
    assert [after[name] for name in ("questions", "labels", "predictions")] == [
        before[name] for name in ("questions", "labels", "predictions")
    ]


def test_check_sees_the_history_in_the_lake(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A window longer than the six weeks of data is a warning with the span; the exit code stays 0."""
    file = folder / "pipeline.py"
    text = file.read_text()
    file.write_text(text.replace('over("30d").max("amount")', 'over("90d").max("amount")'))
    try:
        capsys.readouterr()
        assert run(["check", str(folder), "--json"]) == 0
        problems = json.loads(capsys.readouterr().out)["problems"]
    finally:
        file.write_text(text)
    assert [(problem["code"], problem["severity"]) for problem in problems] == [("DS260", "warning")]
    assert "the data of 'payments' span 42.0 days" in problems[0]["facts"]


def test_every_report_can_be_read_without_a_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables are plain text: no escape sequences, no boxes."""
    for command in (["status"], ["why", "payments_7d", "p006000"], ["quarantine"], ["check", str(folder)]):
        capsys.readouterr()
        where = [] if command[0] == "check" else ["-C", str(folder)]
        assert run([*command, *where]) == 0
        told = capsys.readouterr().out
        assert "\x1b" not in told
        assert "─" not in told


def test_a_page_that_cannot_be_written_does_not_undo_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is done and says so; the page's fate is talk."""

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    folder = tmp_path / "p"
    assert run(["init", str(folder), "--template", "minimal"]) == 0
    monkeypatch.setattr(reports, "write_page", full)
    capsys.readouterr()
    assert run(["run", "-C", str(folder), "--now", "2025-02-17T05:00", "--json"]) == 0
    told = capsys.readouterr()
    value = json.loads(told.out)
    assert (value["outcome"], value["page"]) == ("done", None)
    assert "the run is done, but its page could not be written" in told.err


def test_a_scheduled_night_has_its_page_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever runs by the schedule gets what `dayshift run` gives: the report, and its page."""
    project = open_project(folder)
    report = nightly.run(project, dt.datetime(2025, 2, 19, 5, tzinfo=dt.UTC))
    capsys.readouterr()
    listener(project, as_json=True).ran(report)
    told = json.loads(capsys.readouterr().out)
    assert told["run_id"] == report.run_id
    assert Path(told["page"]).is_file()
