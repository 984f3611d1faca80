"""Answers that come after their questions' labels had been decided."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from dayshift.lifecycle.labels import LabelReport
from dayshift.runtimes import nightly
from tests.runtimes.conftest import Shop

LATE, LAST = 1, 5


@pytest.fixture
def reports(shop: Shop) -> list[LabelReport]:
    """A shop whose file with the returns of one day comes with the last night."""
    project, found = shop.open(), []
    held = shop.root / "data" / "returns" / f"{LATE:03d}.csv"
    for day in range(LAST + 1):
        shop.write_day(day)
        if day == LATE:
            held = held.rename(shop.root / "late.csv")
        if day == LAST:
            held.rename(shop.root / "data" / "returns" / f"{LATE:03d}.csv")
        found.append(nightly.run(project, shop.night(day)).labels)
    return found


def _labels(shop: Shop) -> pl.DataFrame:
    return shop.open().labels.scan().select("order_id", "as_of", "label", "ripe_at").sort("order_id").collect()


@pytest.mark.slow
def test_labels_are_those_of_one_load_whatever_came_late(
    tmp_path: Path, shop: Shop, reports: list[LabelReport]
) -> None:
    """A label that was decided without its answer is put right when the answer comes, and the report counts it."""
    whole = Shop(tmp_path / "whole")
    whole.root.mkdir()
    for name in ("pipeline.py", "dayshift.toml"):
        (whole.root / name).write_text((shop.root / name).read_text())
    for day in range(LAST + 1):
        whole.write_day(day)
    nightly.run(whole.open(), whole.night(LAST))
    assert _labels(shop).equals(_labels(whole))
    late = pl.read_csv(whole.root / "data" / "returns" / f"{LATE:03d}.csv")
    assert [report.corrected for report in reports] == [0] * LAST + [late.height]


@pytest.mark.slow
def test_a_second_look_corrects_nothing(shop: Shop, reports: list[LabelReport]) -> None:
    """What was put right is right: another run finds no label to change, and writes none."""
    before = shop.open().labels.version
    report = nightly.run(shop.open(), shop.night(LAST)).labels
    assert (report.corrected, report.written, shop.open().labels.version) == (0, 0, before)
    assert report.ripe == reports[-1].ripe


@pytest.mark.slow
def test_labels_of_before_loads_were_written_down_are_looked_at_as_a_whole(
    shop: Shop, reports: list[LabelReport]
) -> None:
    """A table without the column is read on: nothing is decided twice, and what is wrong in it is put right."""
    labels = shop.open().labels
    rows = labels.scan().drop("_load").collect()
    wrong = rows.with_columns(
        label=pl.when(pl.col("order_id") == rows["order_id"][0]).then(1 - pl.col("label")).otherwise("label")
    )
    shutil.rmtree(next((shop.root / "lake" / "labels").iterdir()))
    shop.open().labels.append_once(wrong, "labels", 1)
    report = nightly.run(shop.open(), shop.night(LAST)).labels
    assert (report.corrected, report.written, report.ripe) == (1, 0, reports[-1].ripe)
    assert _labels(shop).equals(rows.select("order_id", "as_of", "label", "ripe_at").sort("order_id"))
