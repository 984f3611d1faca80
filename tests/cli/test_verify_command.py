"""`dayshift verify` as a user runs it: exit codes, what it prints, and the record that it leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dayshift.cli.frame import run
from dayshift.lake.faults import denied
from dayshift.lake.ledger import Ledger
from dayshift.runtimes.project import open_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project after its first night."""
    folder = tmp_path_factory.mktemp("verified") / "project"
    assert run(["init", str(folder)]) == 0
    assert run(["run", "-C", str(folder), "--now", "2025-02-17T05:00"]) == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that may be altered."""
    return Path(shutil.copytree(made, tmp_path / "project"))


def asked(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert run(["verify", "-C", str(folder), "--now", "2025-02-18T05:00", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def _alter(folder: Path, payment: str) -> None:
    table = open_project(folder).features
    changed = pl.when(pl.col("payment_id") == payment).then(pl.col("payments_7d") + 1).otherwise(pl.col("payments_7d"))
    table.replace(table.scan().with_columns(changed).collect(), pl.lit(True), "altered", 1)


def test_a_project_verifies_equal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; every question, the sample, all predictions; one record in the ledger."""
    report = asked(capsys, folder, "--sample", "200")
    assert report["equal"]
    assert report["questions"] == report["rows"] == 12_600
    assert report["sampled"] == 200
    assert report["predictions"] > 0
    records = open_project(folder).lake.ledger.read(verb="verify")
    assert records["outcome"].to_list() == ["equal"]
    assert json.loads(records["detail"][0])["values"] == report["values"]


def test_a_difference_is_exit_code_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report on stdout, DS781 on stderr with the feature, the question and what to do; the ledger knows."""
    _alter(folder, "p006000")
    report = asked(capsys, folder, "--sample", "0", code=1)
    assert (report["differing"], report["by_feature"]) == (1, {"payments_7d": 1})
    (found,) = report["differences"]
    assert found["question"] == {"payment_id": "p006000"}
    assert found["served"] == found["right"] + 1
    capsys.readouterr()
    assert run(["verify", "-C", str(folder), "--sample", "0"]) == 1
    told = capsys.readouterr()
    assert "'payments_7d' of payment_id=p006000" in told.out
    assert "first event: payments" in told.out
    assert "error[DS781]: what was served is not what the log says: 'payments_7d' of payment_id=p006000" in told.err
    assert "hint: dayshift why payments_7d p006000" in told.err
    assert "\x1b" not in told.out
    outcomes = open_project(folder).lake.ledger.read(verb="verify")["outcome"].to_list()
    assert outcomes == ["differs", "differs"]


def test_other_days_and_loads_do_not_see_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--since`, `--until` and `--loads` choose questions by their time and load."""
    _alter(folder, "p006000")
    as_of = open_project(folder).features.scan().filter(pl.col("payment_id") == "p006000").collect()["as_of"][0]
    day = f"{as_of:%Y-%m-%d}"
    before, after = asked(capsys, folder, "--until", day), asked(capsys, folder, "--since", f"{day}T23:59:59.999999")
    assert before["equal"]
    assert after["equal"]
    assert before["questions"] + after["questions"] < 12_600
    assert not asked(capsys, folder, "--since", day, "--loads", "1", code=1)["equal"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--loads", "first"], "DS780"),
        (["--loads", "1:9"], "DS780"),
        (["--loads", "2:1"], "DS780"),
        (["--since", "2030-01-01"], "DS780"),
        (["--until", "2020-01-01"], "DS780"),
        (["--since", "soon"], "DS122"),
        (["--since", "2025-02-02", "--until", "2025-02-01"], "DS730"),
    ],
)
def test_what_cannot_be_asked_is_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: str
) -> None:
    """With a message that says what can, and no record in the ledger."""
    capsys.readouterr()
    assert run(["verify", "-C", str(folder), *arguments]) == 2
    assert f"error[{code}]" in capsys.readouterr().err
    assert not open_project(folder).lake.ledger.read(verb="verify").height


def test_a_range_that_is_not_there_says_what_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Until when questions were asked, which loads there are; that the first comes before the last only where it does not."""
    last = open_project(folder).features.scan().select(pl.col("as_of").max()).collect().item()
    said = {}
    for given in (("--since", "2030-01-01"), ("--loads", "99:100"), ("--loads", "2:1")):
        assert run(["verify", "-C", str(folder), *given]) == 2
        said[given[1]] = capsys.readouterr().err
    assert f"to {last:%Y-%m-%d %H:%M:%S} UTC" in said["2030-01-01"]
    assert all("loads whose questions were answered: 1" in each for each in said.values())
    assert [each for each, text in said.items() if "the first comes before the last" in text] == ["2:1"]


def test_a_damaged_lake_is_exit_code_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is gone, and one whose bytes were changed, of events and of features."""
    for kind in ("events", "features"):
        path = sorted((folder / "lake" / kind).rglob("*.parquet"))[0]
        content = path.read_bytes()
        for damage in (None, content[:100] + bytes(400) + content[500:]):
            path.unlink() if damage is None else path.write_bytes(damage)
            assert run(["verify", "-C", str(folder), "--sample", "0"]) == 3
            assert "error[DS403]" in capsys.readouterr().err
            path.write_bytes(content)


def test_it_runs_beside_a_writer(folder: Path) -> None:
    """Another process holds the lake's lock, as a live run does for days; the ledger gets its record all the same."""
    lake = open_project(folder).lake
    with lake.lock():
        command = [sys.executable, "-m", "dayshift", "verify", "-C", str(folder), "--sample", "5"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "load 1 is what the log says" in done.stdout
    assert lake.ledger.read(verb="verify").height == 1


@pytest.mark.parametrize("differs", [False, True])
def test_a_lake_that_cannot_be_written_is_verified_without_a_record(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, differs: bool
) -> None:
    """An auditor has a copy that he may only read: he gets the whole report, and a note that nobody keeps it."""
    if differs:
        _alter(folder, "p006000")

    def refused(*_: object, **__: object) -> str:
        raise denied("writing the ledger", OSError(30, "Read-only file system"))

    monkeypatch.setattr(Ledger, "append", refused)
    report = asked(capsys, folder, "--sample", "0", code=int(differs))
    assert report["equal"] is not differs
    assert run(["verify", "-C", str(folder), "--sample", "0"]) == int(differs)
    told = capsys.readouterr()
    assert ("is not what the log says" if differs else "is what the log says") in told.out
    assert "note: the ledger has no record of this: DS405" in told.err
    assert not open_project(folder).lake.ledger.read(verb="verify").height


def test_nothing_served_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A project that never ran."""
    assert run(["init", str(tmp_path / "new")]) == 0
    assert run(["verify", "-C", str(tmp_path / "new")]) == 3
    assert "error[DS710]: there is nothing to verify" in capsys.readouterr().err
