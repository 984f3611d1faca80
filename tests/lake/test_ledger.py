"""The ledger keeps every record, in order, whoever writes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dayshift.lake import Lake
from tests.lake.parts import NOW


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Pipeline, fingerprint and load become columns; what JSON cannot hold is kept as text."""
    ledger = Lake(tmp_path).ledger
    detail = {"pipeline": "late", "fingerprint": "0a", "load": 3, "when": NOW, "rows": {"a": 1}}
    identity = ledger.append("run", "done", detail, NOW)
    ledger.append("train", "refused", {}, NOW)
    row = ledger.read(verb="run").to_dicts()[0]
    assert (row["id"], row["at"], row["verb"], row["outcome"]) == (identity, NOW, "run", "done")
    assert (row["pipeline"], row["fingerprint"], row["load"]) == ("late", "0a", 3)
    assert json.loads(row["detail"])["rows"] == {"a": 1}
    assert ledger.read()["verb"].to_list() == ["run", "train"]


def test_records_of_several_writers_are_all_kept(tmp_path: Path) -> None:
    """Two writers at once never lose a record; each is tried again on the newest version."""
    Lake(tmp_path).ledger.append("run", "done", {}, NOW)

    def write(number: int) -> None:
        Lake(tmp_path).ledger.append("run", "done", {"load": number}, NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(12)))
    assert sorted(Lake(tmp_path).ledger.read()["load"].drop_nulls()) == list(range(12))


def test_records_stay_through_compaction_and_retention(tmp_path: Path) -> None:
    """Upkeep of the lake never forgets what was done; retention adds its own record."""
    lake = Lake(tmp_path)
    for number in range(5):
        lake.ledger.append("run", "done", {"load": number}, NOW)
    lake.compact()
    lake.retain(None, 0, NOW)
    assert lake.ledger.read()["verb"].to_list() == ["run"] * 5 + ["retain"]
    assert lake.ledger.read(verb="run")["load"].to_list() == [0, 1, 2, 3, 4]
