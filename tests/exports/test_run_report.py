"""The report of a night as a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayshift.exports.run_report import keep_newest, write_run_report
from dayshift.runtimes import nightly
from tests.runtimes.conftest import PIPELINE, SETTINGS, Shop


@pytest.mark.slow
def test_the_report_tells_the_whole_night(tmp_path: Path) -> None:
    """Counts, reasons of quarantine, training, monitoring, time and memory stand in one file."""
    (tmp_path / "pipeline.py").write_text(PIPELINE, encoding="utf-8")
    (tmp_path / "dayshift.toml").write_text(SETTINGS, encoding="utf-8")
    shop = Shop(tmp_path)
    for day in range(8):
        shop.write_day(day)
    bad = tmp_path / "data" / "orders" / "000.csv"
    bad.write_text(bad.read_text().replace(",c1,", ",c1,-", 1))
    report = nightly.run(shop.open(), shop.night(7))
    text = write_run_report(report, [report.to_json()] * 3, tmp_path / "reports").read_text(encoding="utf-8")
    assert report.training is not None
    for said in (
        "Ingested",
        "DS35",
        "Training: version 1",
        "95 % interval",
        "Watched",
        "Time and memory",
        "Earlier nights",
    ):
        assert said in text, said
    assert "<script" not in text
    assert "http" not in text


def test_the_newest_pages_are_kept(tmp_path: Path) -> None:
    """`[retention] runs` counts pages of runs; a file of somebody else's is none."""
    nights = [f"202601{day:02d}T030000-{day}.html" for day in range(8, 12)]
    for name in (*nights, "index.html"):
        (tmp_path / name).write_text("a night", encoding="utf-8")
    keep_newest(tmp_path, 5)
    assert len(list(tmp_path.iterdir())) == 5
    keep_newest(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [*nights[2:], "index.html"]
