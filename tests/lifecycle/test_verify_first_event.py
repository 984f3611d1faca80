"""When the log holds an event that the served side did not know, or knew at another time, that event is named."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dayshift.lifecycle.verify import VerifyReport, verify
from dayshift.lifecycle.verifying import first_event as searching
from dayshift.runtimes import nightly
from tests.lifecycle.verify_shops import Altered
from tests.runtimes.conftest import PIPELINE, Shop

pytestmark = pytest.mark.slow
SETTINGS = "".join(f'[sources.{name}]\nfiles = "data/{name}/*.csv"\n' for name in ("orders", "returns"))
DAYS, DAY = 4, 1
Edit = Callable[[list[str]], list[str]]


def _row(shop: Shop, source: str) -> str:
    """A line of the middle of a day's file."""
    lines = (shop.root / "data" / source / f"{DAY:03d}.csv").read_text().splitlines()
    ordered = sorted(lines[1:], key=lambda line: line.split(",")[1])
    return ordered[len(ordered) // 2]


def _edit(shop: Shop, source: str, day: int, edit: Edit) -> None:
    path = shop.root / "data" / source / f"{day:03d}.csv"
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([head, *edit(lines)]) + "\n")


def _without(line: str) -> Edit:
    return lambda lines: [each for each in lines if each != line]


def _shop(folder: Path) -> Shop:
    folder.mkdir()
    shop = Shop(folder)
    (folder / "pipeline.py").write_text(PIPELINE)
    (folder / "dayshift.toml").write_text(SETTINGS)
    return shop


def _nights(shop: Shop, edits: dict[int, tuple[str, Edit]]) -> Altered:
    """Some nights, the file of a source of a day edited before its night."""
    for day in range(DAYS):
        shop.write_day(day)
        if day in edits:
            source, edit = edits[day]
            _edit(shop, source, day, edit)
        nightly.run(shop.open(), shop.night(day))
    return Altered(shop.root)


def _verified(
    tmp_path: Path, line: str, served: dict[int, tuple[str, Edit]], log: dict[int, tuple[str, Edit]]
) -> VerifyReport:
    """What one log served, verified beside another log."""
    assert line
    one, other = (_nights(_shop(tmp_path / name), edits) for name, edits in (("served", served), ("log", log)))
    rows = one.project.features.scan().collect()
    other.alter(other.project.features, lambda _: rows)
    report = verify(other.project, sample=50)
    assert not report.equal
    return report


def _line(tmp_path: Path, source: str) -> str:
    shop = _shop(tmp_path / "sketch")
    shop.write_day(DAY)
    return _row(shop, source)


def test_an_event_that_was_smuggled_into_the_log_is_named(tmp_path: Path) -> None:
    """Every feature that differs leads to it: taking it away gives all that was served around."""
    line = _line(tmp_path, "returns")
    report = _verified(tmp_path, line, {DAY: ("returns", _without(line))}, {})
    assert set(report.by_feature) == {"returned_7d"}
    named = [found.first_event for found in report.differences if found.kind == "feature"]
    assert named
    for event in named:
        assert event is not None
        assert (event.source, event.key) == ("returns", {"order_id": line.split(",")[0]})
        assert event.event_time == dt.datetime.fromisoformat(line.split(",")[1])
        assert (event.how, event.certain, event.load) == (searching.NOT_COUNTED, True, DAY + 1)


def test_an_event_that_was_served_before_it_arrived_is_named(tmp_path: Path) -> None:
    """The log has it in a later load than the served side had."""
    line = _line(tmp_path, "returns")
    late: dict[int, tuple[str, Edit]] = {
        DAY: ("returns", _without(line)),
        DAY + 1: ("returns", lambda lines: [line, *lines]),
    }
    report = _verified(tmp_path, line, {}, late)
    event = next(found.first_event for found in report.differences if found.kind == "feature")
    assert event is not None
    assert event.key == {"order_id": line.split(",")[0]}
    assert (event.how, event.certain, event.load) == (searching.TOO_EARLY, True, DAY + 2)


def test_an_event_that_was_served_too_late_is_named(tmp_path: Path) -> None:
    """The served side learned of it a load later than the log says."""
    line = _line(tmp_path, "returns")
    late: dict[int, tuple[str, Edit]] = {
        DAY: ("returns", _without(line)),
        DAY + 1: ("returns", lambda lines: [line, *lines]),
    }
    report = _verified(tmp_path, line, late, {})
    event = next(found.first_event for found in report.differences if found.kind == "feature")
    assert event is not None
    assert event.key == {"order_id": line.split(",")[0]}
    assert event.certain
    assert event.how == searching.TOO_LATE


def test_an_asking_event_that_only_the_log_has_is_lost_first(tmp_path: Path) -> None:
    """Its own question has no row; what it changes in others leads to it, in every window and aggregate."""
    line = _line(tmp_path, "orders")
    report = _verified(tmp_path, line, {DAY: ("orders", _without(line))}, {})
    key = {"order_id": line.split(",")[0]}
    assert report.lost == 1
    first, *others = report.differences
    assert (first.kind, first.question) == ("lost", key)
    assert {found.name for found in others} >= {"orders_2d", "orders_7d", "mean_amount_7d"}
    for found in others:
        if found.kind == "feature":
            assert found.first_event is not None
            assert (found.first_event.key, found.first_event.certain) == (key, True)


def test_an_asking_event_that_only_the_served_side_had_comes_first(tmp_path: Path) -> None:
    """The log has no such event to name; the row of its question is told before all that it changed."""
    line = _line(tmp_path, "orders")
    report = _verified(tmp_path, line, {}, {DAY: ("orders", _without(line))})
    assert (report.unasked, report.lost) == (1, 0)
    assert report.differences[0].kind == "unasked"
    assert report.differences[0].question == {"order_id": line.split(",")[0]}
    assert report.differing > 0


def test_an_event_at_the_windows_end_is_suspected(tmp_path: Path) -> None:
    """A count with one event too many, where the only one left out lies just outside: suspected for this question alone."""
    pipeline = PIPELINE.replace(
        'orders.by("customer").over("2d", "7d").count()', 'orders.by("customer").over("1s").count()'
    )
    shop = _shop(tmp_path / "shop")
    (shop.root / "pipeline.py").write_text(pipeline)
    altered = _nights(shop, {})
    rows = altered.project.features.scan().sort("_load", "_position").collect()
    target = rows["order_id"][20]
    changed = pl.when(pl.col("order_id") == target).then(1).otherwise(pl.col("orders_1s")).alias("orders_1s")
    altered.alter(altered.project.features, lambda frame: frame.with_columns(changed))
    (found,) = altered.report().differences
    assert found.first_event is not None
    assert not found.first_event.certain


def test_the_search_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it would look at too many events it names the first of the window and says that nothing explains the value."""
    monkeypatch.setattr(searching, "MOST_LOOKS", 0)
    line = _line(tmp_path, "returns")
    report = _verified(tmp_path, line, {DAY: ("returns", _without(line))}, {})
    event = next(found.first_event for found in report.differences if found.kind == "feature")
    assert event is not None
    assert not event.certain
    assert dataclasses.asdict(event)["how"] == searching.NOTHING
