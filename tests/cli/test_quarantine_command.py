"""`dayshift quarantine`: from a bad row in a file to an event in the lake."""

import datetime as dt
import json
from pathlib import Path

import pytest

from dayshift.cli.frame import run
from dayshift.lifecycle.ingest import ingest
from dayshift.runtimes.project import open_project

NOW = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)
BAD = (
    "p999901,2025-01-06T10:00:00Z,card-001,shop-01,-5.00,web\np999902,2025-01-06T10:00:00Z,card-001,shop-01,5.00,fax\n"
)


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A project with one load that held two rows."""
    folder = tmp_path / "project"
    assert run(["init", str(folder), "--template", "payments"]) == 0
    first = folder / "data" / "payments" / "2025-01-06.csv"
    first.write_text(first.read_text() + BAD)
    project = open_project(folder)
    ingest(project.pipeline, project.settings, project.lake, project.root, NOW)
    capsys.readouterr()
    return folder


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["quarantine", *arguments]) == code
    return capsys.readouterr().out


def ids(folder: Path, capsys: pytest.CaptureFixture[str], state: str = "held") -> list[str]:
    return [row["id"] for row in json.loads(asked(capsys, "list", "--state", state, "-C", str(folder), "--json"))]


def test_held_rows_are_counted_listed_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary by reason, each row with its origin, one row with its values as they came."""
    assert "payments" in asked(capsys, "-C", str(folder))
    listed = asked(capsys, "list", "-C", str(folder))
    assert listed.splitlines()[0].split() == ["id", "source", "code", "reason", "origin", "row"]
    assert "2025-01-06.csv" in listed
    shown = asked(capsys, "show", ids(folder, capsys)[0], "-C", str(folder))
    assert "-5.00" in shown
    assert "dayshift explain DS" in shown


def test_a_repaired_row_becomes_an_event(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Repaired, it is readmitted; its event is in the lake once."""
    row = ids(folder, capsys)[0]
    asked(capsys, "repair", row, "--set", "amount=5.00", "-C", str(folder))
    assert row in ids(folder, capsys, "readmitted")
    events = open_project(folder).lake.events("payments").collect()
    assert events["payment_id"].to_list().count("p999901") == 1


def test_a_row_that_still_breaks_the_contract_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1: it ran, and the answer is no."""
    row = ids(folder, capsys)[1]
    assert run(["quarantine", "readmit", row, "-C", str(folder)]) == 1
    assert "error[DS374]" in capsys.readouterr().err


def test_exported_rows_come_back_edited(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Written as JSON Lines, edited, readmitted together."""
    file = tmp_path / "held.jsonl"
    asked(capsys, "export", str(file), "--source", "payments", "-C", str(folder))
    file.write_text(file.read_text().replace("-5.00", "5.00").replace("fax", "web"))
    asked(capsys, "readmit", "--file", str(file), "-C", str(folder))
    assert ids(folder, capsys) == []


@pytest.mark.parametrize("verb", [["drop"], ["readmit"], ["repair", "--set", "amount=3"]], ids=lambda verb: verb[0])
def test_a_plan_names_the_rows_and_settles_none(
    folder: Path, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    """What a verb would settle is shown first, and stays as it is."""
    held = ids(folder, capsys)
    planned = json.loads(asked(capsys, *verb[:1], held[0], *verb[1:], "--plan", "--json", "-C", str(folder)))
    assert [row["id"] for row in planned] == held[:1]
    assert ids(folder, capsys) == held


def test_a_dropped_row_stays_on_record(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Held no longer, and listed among the dropped."""
    row = ids(folder, capsys)[0]
    assert asked(capsys, "drop", row, "-C", str(folder)) == "dropped 1 row\n"
    assert ids(folder, capsys, "dropped") == [row]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "none-1"], "DS370"),
        (["list", "--state", "hold"], "DS124"),
        (["repair", "1-1", "--set", "amount"], "DS126"),
        (["readmit"], "DS125"),
    ],
)
def test_a_wrong_question_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: str
) -> None:
    """Exit code 2 and the code of the message."""
    assert run(["quarantine", *arguments, "-C", str(folder)]) == 2
    assert f"error[{code}]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "first_line"),
    [
        (["readmit", "--file", "none.jsonl"], "file 'none.jsonl' does not exist"),
        (["export", "none/held.jsonl", "--source", "payments"], "error[DS101]: folder 'none' is not there"),
        (["export", ".", "--source", "payments"], "error[DS128]: '.' is a folder"),
        (["export", "held.jsonl", "--source", "payment"], "error[DS370]: no source is called 'payment'"),
        (["list", "--source", "payment"], "error[DS370]: no source is called 'payment'"),
    ],
)
def test_files_and_sources_that_are_not_there_are_told(
    folder: Path,
    arguments: list[str],
    first_line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 2 and the name that is wrong."""
    monkeypatch.chdir(folder)
    assert run(["quarantine", *arguments]) == 2
    assert first_line in capsys.readouterr().err.splitlines()[0]
