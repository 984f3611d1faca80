"""Held rows: seen, explained, repaired, readmitted, dropped."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dayshift.definition import Pipeline, Source, decimal
from dayshift.definition.settings import Settings
from dayshift.diagnostics import Refused, UsageError
from dayshift.lake import Lake
from dayshift.lifecycle import quarantine
from dayshift.lifecycle.ingest import ingest

NOW = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)
TEXT = "id,at,amount\n1,2024-05-01,1\n2,2024-05-01,-2\n3,2024-05-01\n1,2024-05-01,9\n4,2024-05-01,x\n"


@dataclass
class Project:
    """What the verbs need of a project."""

    pipeline: Pipeline
    settings: Settings
    lake: Lake
    root: Path


def made(root: Path, text: str = TEXT, **more: Any) -> Any:
    source = Source("payments", time="at", key="id", schema={"id": str, "amount": decimal(2, minimum=0)}, **more)
    (root / "a.csv").write_text(text)
    settings = Settings.model_validate({"sources": {"payments": {"files": "*.csv", "max_quarantine": 1.0}}})
    project = Project(Pipeline("p", predict=source), settings, Lake(root / "lake"), root)
    ingest(project.pipeline, settings, project.lake, root, NOW)
    return project


def ids(project: Any) -> dict[str, str]:
    """The ids of the held rows by code."""
    return dict(quarantine.show(project.lake).select("code", "id").rows())


def amounts(project: Any) -> dict[str, float]:
    return dict(project.lake.events("payments").select("id", "amount").collect().rows())


def check_balance(project: Any) -> None:
    """Over all loads: read = loaded + quarantined + duplicates + filtered, and loaded rows are the events."""
    loads = project.lake.loads()
    assert (loads["read"] == loads["loaded"] + loads["quarantined"] + loads["duplicates"] + loads["filtered"]).all()
    assert loads["loaded"].sum() == project.lake.events("payments").collect().height


def test_held_rows_are_shown_counted_and_explained(tmp_path: Path) -> None:
    """By source and code, and one row in full with each reason and its values."""
    project = made(tmp_path)
    assert sorted(quarantine.summary(project.lake).select("code", "rows").rows()) == [
        ("DS350", 1),
        ("DS352", 1),
        ("DS353", 1),
        ("DS358", 1),
    ]
    told = quarantine.explain(project.lake, ids(project)["DS353"])
    assert (told["origin"], told["row"], told["reasons"]) == ("a.csv", 2, ["amount is '-2', allowed is >= 0"])
    assert told["values"] == {"id": "2", "at": "2024-05-01", "amount": "-2"}
    assert quarantine.explain(project.lake, ids(project)["DS350"])["values"] == {"text": "3,2024-05-01"}


def test_a_repaired_row_is_a_new_load(tmp_path: Path) -> None:
    """It passes the contract again, counts stay right, and it is held no longer."""
    project = made(tmp_path)
    row = ids(project)["DS353"]
    done = quarantine.repair(project, row, {"amount": "2.50"}, LATER)
    assert (done.loads, done.readmitted, done.refused) == ((2,), (row,), {})
    assert amounts(project) == {"1": 1.0, "2": 2.5}
    assert row not in ids(project).values()
    with pytest.raises(UsageError) as caught:
        quarantine.repair(project, row, {}, LATER)
    assert caught.value.problems[0].code == "DS372"
    check_balance(project)


def test_a_torn_record_is_repaired_by_saying_all_its_columns(tmp_path: Path) -> None:
    """Its text has no columns, so the schema's are set."""
    project = made(tmp_path)
    quarantine.repair(project, ids(project)["DS350"], {"id": "3", "at": "2024-05-01", "amount": "3"}, LATER)
    assert amounts(project)["3"] == 3.0
    check_balance(project)


def test_a_row_that_fails_again_stays_held(tmp_path: Path) -> None:
    """By a rule, and by a key that is known with other content; nothing is loaded and nothing is held twice."""
    project = made(tmp_path)
    held = ids(project)
    for code, changes, words in (
        ("DS353", {"amount": "-3"}, "DS353"),
        ("DS358", {}, "DS358"),
        ("DS352", {"id": "1", "amount": "7"}, "DS358"),
    ):
        with pytest.raises(Refused) as caught:
            quarantine.repair(project, held[code], changes, LATER)
        assert words in caught.value.problems[0].message
    assert ids(project) == held
    assert project.lake.last_load == 1


def test_rows_that_may_enter_do_though_others_may_not(tmp_path: Path) -> None:
    """One load for those that pass; the others are told with their reasons."""
    project = made(tmp_path)
    count = quarantine.export(project.lake, tmp_path / "fixed.jsonl", "payments")
    with pytest.raises(UsageError, match="DS375"):
        quarantine.export(project.lake, tmp_path / "fixed.jsonl", "payments")
    lines = [json.loads(line) for line in (tmp_path / "fixed.jsonl").read_text().splitlines()]
    assert count == len(lines) == 4
    fixed = [{**line, "amount": "5"} if line.get("id") in ("2", "4") else line for line in lines]
    (tmp_path / "fixed.jsonl").write_text("\n".join(json.dumps(line) for line in fixed))
    held = ids(project)
    done = quarantine.readmit_corrected(project, tmp_path / "fixed.jsonl", LATER)
    assert set(done.readmitted) == {held["DS352"], held["DS353"]}
    assert set(done.refused) == {held["DS350"], held["DS358"]}
    assert amounts(project) == {"1": 1.0, "2": 5.0, "4": 5.0}
    check_balance(project)


def test_a_repair_that_says_what_is_known_is_a_duplicate(tmp_path: Path) -> None:
    """A corrected delivery came first: the held row is settled, and no event is doubled."""
    project = made(tmp_path)
    (tmp_path / "b.csv").write_text("id,at,amount\n2,2024-05-01,2\n")
    ingest(project.pipeline, project.settings, project.lake, tmp_path, LATER)
    done = quarantine.repair(project, ids(project)["DS353"], {"amount": "2"}, LATER)
    assert (done.duplicates, len(done.readmitted)) == (1, 1)
    assert amounts(project) == {"1": 1.0, "2": 2.0}
    check_balance(project)


def test_derived_columns_are_computed_again(tmp_path: Path) -> None:
    """A repair changes the input's columns, and what is derived of them follows."""
    derive = {"at": pl.concat_str("day", pl.lit(" 10:00"))}
    project = made(tmp_path, "id,day,amount\n1,2024-05-01,1\n2,soon,2\n", derive=derive)
    quarantine.repair(project, ids(project)["DS352"], {"day": "2024-05-02"}, LATER)
    assert project.lake.events("payments").select(pl.col("at").dt.day()).collect()["at"].to_list() == [1, 2]


def test_dropped_rows_stay_on_record(tmp_path: Path) -> None:
    """They are held no longer, and a second drop is refused."""
    project = made(tmp_path)
    row = ids(project)["DS358"]
    assert quarantine.drop(project.lake, [row], LATER) == 1
    assert quarantine.show(project.lake, state="dropped")["id"].to_list() == [row]
    assert project.lake.ledger.read(verb="drop")["outcome"].to_list() == ["done"]
    with pytest.raises(UsageError) as caught:
        quarantine.drop(project.lake, [row], LATER)
    assert caught.value.problems[0].code == "DS372"


@pytest.mark.parametrize(("row", "changes", "code"), [("9-9", {}, "DS370"), (None, {"amont": "1"}, "DS373")])
def test_a_wrong_question_is_answered_with_what_there_is(
    tmp_path: Path, row: str | None, changes: dict, code: str
) -> None:
    """An id that never was, a column that the row does not have."""
    project = made(tmp_path)
    with pytest.raises(UsageError) as caught:
        quarantine.repair(project, row or ids(project)["DS353"], changes, LATER)
    assert caught.value.problems[0].code == code


def test_a_line_without_an_id_is_no_correction(tmp_path: Path) -> None:
    """The file says which held row each line repairs."""
    (tmp_path / "f.jsonl").write_text('{"amount": "1"}\n')
    with pytest.raises(UsageError) as caught:
        quarantine.corrected(tmp_path / "f.jsonl")
    assert caught.value.problems[0].code == "DS371"
