"""`dayshift check` and `dayshift explain` from end to end."""

import json
from pathlib import Path

import pytest

from dayshift.cli.frame import run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A new project from the template."""
    folder = tmp_path / "project"
    assert run(["init", str(folder)]) == 0
    capsys.readouterr()
    return folder


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_new_project_has_no_fault(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; stdout lists the features, each with its type and fingerprint; stderr is silent."""
    assert run(["check", str(project)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "shop_disputes_7d   int" in told.out


def test_faults_of_file_and_settings_come_together(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One command tells both files' faults, each with its place; exit code 2; nothing on stdout."""
    edit(project / "pipeline.py", '.mean("amount")', '.mean("amont")')
    edit(project / "dayshift.toml", "holdout", "holdot")
    assert run(["check", str(project)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "error[DS111]: setting 'holdot' is unknown in section [train]" in told.err
    assert "error[DS201]: feature 'spend_7d' reads 'amont', which source 'payments' does not have" in told.err
    lines = (project / "pipeline.py").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if "amont" in text)
    assert f"pipeline.py:{line}\n" in told.err
    assert told.err.splitlines()[-1] == "3 errors"


def test_with_json_everything_is_on_stdout(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Problems, features and fingerprints as values."""
    assert run(["check", str(project), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["problems"] == []
    assert value["columns"] == len(value["features"])
    edit(project / "pipeline.py", "import polars as pl", "import polars as pl\n1 / 0")
    assert run(["check", str(project), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["problems"][0]["code"] == "DS103"


def test_a_pipeline_file_alone_can_be_checked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without settings only the definition is judged."""
    (project / "dayshift.toml").unlink()
    assert run(["check", str(project / "pipeline.py")]) == 0
    assert run(["check", str(project)]) == 2
    assert "DS101" in capsys.readouterr().err


def test_a_warning_alone_is_no_failure(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings are told and the exit code stays 0."""
    edit(project / "dayshift.toml", "[ingest]", '[sources.refunds]\nfiles = "x.csv"\n\n[ingest]')
    assert run(["check", str(project)]) == 0
    assert "warning[DS115]" in capsys.readouterr().err


def test_the_example_has_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """examples/late-flights is a definition that checks, without a warning."""
    assert run(["check", str(ROOT / "examples" / "late-flights")]) == 0
    assert capsys.readouterr().err == ""


def test_a_code_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """The page comes as it stands; small letters and brackets will do."""
    assert run(["explain", "[ds201]"]) == 0
    assert capsys.readouterr().out.startswith("# DS201: a column is read that is not there")
    assert run(["explain", "DS201", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "a column is read that is not there"


def test_all_codes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a code, every page's title."""
    assert run(["explain", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    pages = ROOT / "src" / "dayshift" / "diagnostics" / "pages"
    assert set(listed) == {page.stem for page in pages.glob("*.md")}


def test_the_settings_file_itself_may_be_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`dayshift check dayshift.toml` checks its project."""
    assert run(["check", str(project / "dayshift.toml")]) == 0
    assert "card-fraud" in capsys.readouterr().out


def test_an_unknown_engine_is_a_fault_with_its_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` reports what `run` would stumble over."""
    edit(project / "dayshift.toml", 'lake = "lake"', 'lake = "lake"\nengine.name = "locl"')
    assert run(["check", str(project)]) == 2
    told = capsys.readouterr().err
    assert "error[DS701]: no engine is called 'locl'" in told
    assert "dayshift.toml:5" in told


def test_warnings_are_told_by_whoever_runs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, once; the command goes on, and stdout stays JSON."""
    extra = '\n[sources.refunds]\nfiles = "data/refunds/*.csv"\n'
    (project / "dayshift.toml").write_text((project / "dayshift.toml").read_text() + extra)
    for command in (["run", "--plan"], ["train", "--plan"]):
        assert run([*command, "-C", str(project), "--json"]) == 0
        told = capsys.readouterr()
        assert told.err.count("warning[DS115]") == 1
        json.loads(told.out)
