"""Verification finds nothing in what was served well, and every single thing that was altered."""

from __future__ import annotations

import datetime as dt
import struct
from pathlib import Path

import polars as pl
import pytest

from dayshift.diagnostics import NotReady, Refused, UsageError
from dayshift.lifecycle.verify import refuse, verify
from dayshift.lifecycle.verifying import balance as balancing
from dayshift.lifecycle.verifying import sample as sampling
from dayshift.lifecycle.verifying import view as viewing
from dayshift.runtimes import backfilling, nightly
from tests.lifecycle.verify_shops import NIGHTS, Altered, at, built, nine_nights, shop_copy
from tests.runtimes.conftest import ORDERS_A_DAY, SETTINGS, Shop

__all__ = ["nine_nights", "shop_copy"]
pytestmark = pytest.mark.slow
QUESTIONS = NIGHTS * ORDERS_A_DAY


def _last_bit(value: float) -> float:
    (bits,) = struct.unpack("<q", struct.pack("<d", value))
    return float(struct.unpack("<d", struct.pack("<q", bits ^ 1))[0])


def _at(frame: pl.DataFrame, number: int) -> pl.Expr:
    return pl.col("order_id") == frame["order_id"][number]


def test_nights_verify_equal(nine_nights: Path) -> None:
    """Every value of nine nights, all of them by the reference too, every prediction, and every row that was read."""
    report = verify(Shop(nine_nights).open(), sample=10_000)
    assert report.equal
    assert report.differences == ()
    assert (report.questions, report.rows, report.values) == (QUESTIONS, QUESTIONS, 5 * QUESTIONS)
    assert (report.sampled, report.sampled_values) == (QUESTIONS, 4 * QUESTIONS)
    assert 0 < report.predictions < QUESTIONS
    assert report.balance.read == report.balance.loaded > QUESTIONS
    refuse(report)


def test_pieces_of_any_size_find_the_same(nine_nights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared in pieces of seven rows, nothing is met twice or never."""
    monkeypatch.setattr(viewing, "AT_ONCE", 7)
    report = verify(Shop(nine_nights).open(), sample=0)
    assert report.equal
    assert (report.questions, report.rows) == (QUESTIONS, QUESTIONS)


def test_loads_and_times_choose_questions(nine_nights: Path) -> None:
    """One load holds a day's questions; half a day of times about half of them; loads that are not there are told."""
    project = Shop(nine_nights).open()
    assert verify(project, loads=(3, 3), sample=5).questions == ORDERS_A_DAY
    noon = int(at(2.5).timestamp() * 1e6)
    report = verify(project, between=(noon, noon + 43_200_000_000), sample=10)
    assert 0 < report.questions == report.rows < ORDERS_A_DAY
    assert report.equal
    with pytest.raises(UsageError, match="DS780"):
        verify(project, loads=(3, NIGHTS + 1))


def test_the_last_bit_of_a_float_is_found(shop_copy: Altered) -> None:
    """One bit of 2,700 values: its feature, its question, both values; no event explains it, and it says so."""
    rows = shop_copy.project.features.scan().collect()
    number = rows.with_row_index().filter(pl.col("orders_7d") > 5)["index"][40]
    before = rows["mean_amount_7d"][number]
    changed = pl.when(_at(rows, number)).then(_last_bit(before)).otherwise(pl.col("mean_amount_7d"))
    shop_copy.alter(shop_copy.project.features, lambda frame: frame.with_columns(changed.alias("mean_amount_7d")))
    report = shop_copy.report(sample=10_000)
    assert (report.differing, report.by_feature, report.sampled_differing) == (1, {"mean_amount_7d": 1}, 1)
    assert {found.kind for found in report.differences} == {"feature", "reference"}
    for found in report.differences:
        assert found.name == "mean_amount_7d"
        assert found.question == {"order_id": rows["order_id"][number]}
        assert (found.as_of, found.load) == (rows["as_of"][number], rows["_load"][number])
        assert (found.served, found.right) == (_last_bit(before), before)
        assert found.first_event is not None
        assert "no single event" in found.first_event.how
    with pytest.raises(Refused, match=r"DS781.*mean_amount_7d"):
        refuse(report)


def test_zero_and_minus_zero_differ(shop_copy: Altered) -> None:
    """A mean that was filled with 0.0 is not -0.0."""
    rows = shop_copy.project.features.scan().collect()
    number = rows.with_row_index().filter(pl.col("mean_amount_7d") == 0)["index"][0]
    changed = pl.when(_at(rows, number)).then(-0.0).otherwise(pl.col("mean_amount_7d"))
    shop_copy.alter(shop_copy.project.features, lambda frame: frame.with_columns(changed.alias("mean_amount_7d")))
    report = shop_copy.report()
    assert report.by_feature == {"mean_amount_7d": 1}


def test_a_null_is_found(shop_copy: Altered) -> None:
    """A count that became null."""
    rows = shop_copy.project.features.scan().collect()
    changed = pl.when(_at(rows, 5)).then(None).otherwise(pl.col("orders_2d")).alias("orders_2d")
    shop_copy.alter(shop_copy.project.features, lambda frame: frame.with_columns(changed))
    report = shop_copy.report()
    assert report.by_feature == {"orders_2d": 1}
    assert report.differences[0].served is None


def test_a_value_of_its_own_row_is_found(shop_copy: Altered) -> None:
    """A row feature names the event that asks."""
    rows = shop_copy.project.features.scan().collect()
    changed = pl.when(_at(rows, 5)).then(1.0).otherwise(pl.col("amount")).alias("amount")
    shop_copy.alter(shop_copy.project.features, lambda frame: frame.with_columns(changed))
    (found,) = shop_copy.report().differences
    assert found.first_event is not None
    assert found.first_event.key == {"order_id": rows["order_id"][5]}


@pytest.mark.parametrize("number", [0, 100, QUESTIONS - 1])
def test_an_absent_row_is_lost(shop_copy: Altered, number: int) -> None:
    """The first, one in the middle, the last."""
    rows = shop_copy.project.features.scan().collect()
    shop_copy.alter(shop_copy.project.features, lambda frame: frame.filter(~_at(rows, number)))
    report = shop_copy.report(sample=10)
    assert (report.lost, report.doubled, report.unasked, report.differing) == (1, 0, 0, 0)
    (found,) = report.differences
    assert (found.kind, found.question["order_id"]) == ("lost", rows["order_id"][number])


def test_a_row_that_is_there_again_is_doubled(shop_copy: Altered) -> None:
    """One question, two equal rows."""
    rows = shop_copy.project.features.scan().collect()
    shop_copy.alter(shop_copy.project.features, lambda frame: pl.concat([frame, frame[77]]))
    report = shop_copy.report(sample=10)
    assert (report.lost, report.doubled, report.unasked, report.differing) == (0, 1, 0, 0)
    assert report.rows == QUESTIONS + 1
    assert report.differences[0].question["order_id"] == rows["order_id"][77]


def test_a_row_of_another_place_is_lost_and_unasked(shop_copy: Altered) -> None:
    """A row that claims to have been asked an hour later in the log answers no question, and its own has no row."""
    rows = shop_copy.project.features.scan().collect()
    moved = pl.when(_at(rows, 9)).then(pl.col("_position") + 3_600_000_000).otherwise(pl.col("_position"))
    shop_copy.alter(shop_copy.project.features, lambda frame: frame.with_columns(moved.alias("_position")))
    report = shop_copy.report(sample=10)
    assert (report.lost, report.doubled, report.unasked) == (1, 0, 1)


def test_rows_in_any_physical_order_are_equal(shop_copy: Altered) -> None:
    """How a table lies on the disk is nobody's business."""
    shop_copy.alter(shop_copy.project.features, lambda frame: frame.sample(fraction=1.0, shuffle=True, seed=1))
    shop_copy.alter(shop_copy.project.predictions, lambda frame: frame.sample(fraction=1.0, shuffle=True, seed=2))
    report = shop_copy.report(sample=100)
    assert report.equal
    assert report.sampled == 100


def test_a_prediction_that_was_altered_is_found(shop_copy: Altered) -> None:
    """By one bit; the version that the row names makes another."""
    rows = shop_copy.project.predictions.scan().collect()
    changed = pl.when(_at(rows, 70)).then(_last_bit(rows["prediction"][70])).otherwise(pl.col("prediction"))
    shop_copy.alter(shop_copy.project.predictions, lambda frame: frame.with_columns(changed.alias("prediction")))
    report = shop_copy.report()
    assert (report.predictions, report.predictions_differing) == (rows.height, 1)
    (found,) = report.differences
    assert (found.kind, found.name) == ("prediction", rows["model_version"][70])
    assert found.question["order_id"] == rows["order_id"][70]


def test_a_version_that_is_gone_is_not_verified(shop_copy: Altered) -> None:
    """It is told with its count, and counts as neither equal nor differing."""
    rows = shop_copy.project.predictions.scan().collect()
    changed = pl.when(_at(rows, 70)).then(pl.lit("99")).otherwise(pl.col("model_version")).alias("model_version")
    shop_copy.alter(shop_copy.project.predictions, lambda frame: frame.with_columns(changed))
    report = shop_copy.report()
    assert (report.predictions, report.predictions_differing) == (rows.height - 1, 0)
    ((reason, count),) = report.not_verified.items()
    assert "version 99" in reason
    assert "DS621" in reason
    assert count == 1


def test_a_question_without_its_prediction_is_told(shop_copy: Altered) -> None:
    """Those before the first champion have none by design; one in the middle must."""
    rows = shop_copy.project.predictions.scan().sort("_load", "_position").collect()
    shop_copy.alter(shop_copy.project.predictions, lambda frame: frame.filter(~_at(rows, 70)))
    report = shop_copy.report()
    assert (report.unpredicted, report.predictions) == (1, rows.height - 1)
    assert report.differences[0].question["order_id"] == rows["order_id"][70]


def test_a_backfill_in_hindsight_is_skipped_and_one_as_known_is_equal(shop_copy: Altered) -> None:
    """Rows that know the future are counted and not compared; predictions of old questions are no reason for alarm."""
    project = shop_copy.project
    backfilling.run(project, at(0), at(2), at(20), policy="hindsight")
    backfilling.run(project, at(1), at(3), at(21))
    report = shop_copy.report(sample=200)
    assert report.equal
    assert report.hindsight == 2 * ORDERS_A_DAY
    assert report.unpredicted == 0


def test_a_changed_definition_is_verified_by_itself(shop_copy: Altered) -> None:
    """Rows and predictions of another fingerprint are no part of it."""
    path = shop_copy.root / "pipeline.py"
    path.write_text(path.read_text().replace('over("2d", "7d").count()', 'over("3d").count()'))
    shop = Shop(shop_copy.root)
    shop.write_day(NIGHTS)
    (shop_copy.root / "dayshift.toml").write_text(SETTINGS.replace("0 3 * * 1", "0 3 1 1 1"))
    project = shop.open()
    with pytest.raises(Refused, match="DS630"):
        nightly.run(project, shop.night(NIGHTS))
    report = verify(project, sample=50)
    assert report.equal
    assert (report.questions, report.predictions) == (QUESTIONS + ORDERS_A_DAY, 0)


def test_deleted_events_are_told_as_not_verified(shop_copy: Altered) -> None:
    """After retention the young questions are equal, and the old ones are counted as unanswerable."""
    project = shop_copy.project
    project.lake.retain(int(at(1).timestamp() * 1e6), None, at(30))
    report = shop_copy.report(sample=100)
    assert report.equal
    assert report.unanswerable > 0
    assert report.rows + report.unanswerable == QUESTIONS
    assert report.questions == report.rows


def test_windows_over_the_whole_past(tmp_path: Path) -> None:
    """They are equal; once events are deleted they cannot be computed again, and are told by name."""
    pipeline = """
import dayshift as ds
orders = ds.Source("orders", time="placed_at", key="order_id",
                   schema={"order_id": str, "customer": str, "amount": ds.decimal(2)})
pipeline = ds.Pipeline("past", predict=orders, features=[
    orders.by("customer").count().alias("ever"),
    orders.over("1d").mean("amount").alias("all_amounts"),
    orders.by("customer").over("2d").last_n("amount", 2).alias("latest"),
])
"""
    shop = built(tmp_path, pipeline, '[sources.orders]\nfiles = "data/orders/*.csv"\n', nights=5)
    report = verify(shop.open(), sample=300)
    assert report.equal
    assert report.sampled_values == 4 * 300
    shop.open().lake.retain(int(at(1).timestamp() * 1e6), None, at(30))
    report = verify(shop.open(), sample=300)
    assert report.equal
    assert report.unverified_features == ("ever",)
    assert report.values == 3 * report.questions > 0


def test_a_calendar_verifies_equal_and_not(tmp_path: Path) -> None:
    """A question for every customer and day; a lost one and an altered one are named by their entity."""
    pipeline = """
import dayshift as ds
orders = ds.Source("orders", time="placed_at", key="order_id", schema={"order_id": str, "customer": str})
returns = ds.Source("returns", time="returned_at", key="order_id", delay="6h",
                    schema={"order_id": str, "customer": str})
pipeline = ds.Pipeline("regulars", predict=orders.every("12h", by="customer", offset="1h"), features=[
    orders.by("customer").over("2d").count().alias("n"),
    returns.by("customer").over("7d", delay="1h").count().alias("r"),
    returns.by("customer").over("7d").time_since_last().alias("since"),
])
"""
    settings = "".join(f'[sources.{name}]\nfiles = "data/{name}/*.csv"\n' for name in ("orders", "returns"))
    shop = Altered(built(tmp_path, pipeline, settings, nights=5).root)
    report = shop.report(sample=200)
    assert report.equal
    assert report.sampled_values == 3 * report.sampled == 3 * min(200, report.questions)
    rows = shop.project.features.scan().sort("as_of", "customer").collect()
    one, other = rows.row(30, named=True), rows.row(60, named=True)

    def changed(frame: pl.DataFrame) -> pl.DataFrame:
        is_one, is_other = (
            (pl.col("customer") == row["customer"]) & (pl.col("as_of") == row["as_of"]) for row in (one, other)
        )
        return frame.filter(~is_one).with_columns(n_2d=pl.when(is_other).then(pl.col("n_2d") + 1000).otherwise("n_2d"))

    shop.alter(shop.project.features, changed)
    report = shop.report()
    assert (report.lost, report.by_feature) == (1, {"n_2d": 1})
    lost, differing = report.differences
    assert (lost.question["customer"], lost.as_of) == (one["customer"], one["as_of"])
    assert (differing.question["customer"], differing.as_of) == (other["customer"], other["as_of"])


def test_a_calendar_whose_entities_were_deleted(tmp_path: Path) -> None:
    """A customer of whom only deleted events tell is not asked for again: told as not verified, and nothing else is."""
    pipeline = """
import dayshift as ds
orders = ds.Source("orders", time="placed_at", key="order_id", schema={"order_id": str, "customer": str})
pipeline = ds.Pipeline("regulars", predict=orders.every("12h", by="customer"), features=[
    orders.by("customer").over("1d").count().alias("n"),
])
"""
    (tmp_path / "data" / "orders").mkdir(parents=True)
    old = f"x1,{at(0.1).isoformat()},guest,1.00\n"
    (tmp_path / "data" / "orders" / "old.csv").write_text(f"order_id,placed_at,customer,amount\n{old}")
    shop = built(tmp_path, pipeline, '[sources.orders]\nfiles = "data/orders/*.csv"\n', nights=4)
    assert verify(shop.open(), sample=50).equal
    shop.open().lake.retain(int(at(1).timestamp() * 1e6), None, at(30))
    report = verify(shop.open(), sample=50)
    assert report.equal
    assert report.questions > 0
    assert report.unanswerable > 0


def test_keys_are_counted_in_parts(nine_nights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, no key is taken for another's."""
    monkeypatch.setattr(balancing, "KEYS_AT_ONCE", 50)
    assert verify(Shop(nine_nights).open(), sample=0).balance.faults == ()


def test_a_damaged_file_stops_it(shop_copy: Altered) -> None:
    """A file whose bytes were changed is named."""
    files = sorted((shop_copy.root / "lake" / "features").rglob("*.parquet"))
    content = bytearray(files[0].read_bytes())
    content[20:200] = bytes(180)
    files[0].write_bytes(content)
    with pytest.raises(NotReady, match="DS403"):
        shop_copy.report()


def test_nothing_served_is_not_ready(tmp_path: Path) -> None:
    """Before the first run there is nothing to verify."""
    shop = built(tmp_path, nights=0)
    with pytest.raises(NotReady, match="DS710"):
        verify(shop.open())


def test_a_load_that_does_not_add_up_is_told(shop_copy: Altered, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of more rows than are there, and one whose parts are not its whole."""
    project = shop_copy.project
    loads = project.lake.loads()
    wrong = loads.with_columns(
        loaded=pl.col("loaded") + (pl.col("load") == 2), read=pl.col("read") + (pl.col("load") == 3)
    )
    monkeypatch.setattr(type(project.lake), "loads", lambda _: wrong)
    report = verify(project, sample=0)
    assert not report.equal
    assert len(report.balance.faults) == 6
    assert any("load 2, source 'orders'" in fault and "and the lake has" in fault for fault in report.balance.faults)
    assert any("load 3, source 'returns'" in fault and "rows read" in fault for fault in report.balance.faults)
    with pytest.raises(Refused, match="DS781"):
        refuse(report)


def test_a_history_too_long_for_the_reference_is_told(nine_nights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the reference leaves out is counted, never taken for equal."""
    monkeypatch.setattr(sampling, "MOST_LOOKS", 1_000)
    report = verify(Shop(nine_nights).open(), sample=300)
    assert report.sample_left_out > 0
    assert report.sampled_values + report.sample_left_out == 4 * 300


def test_large_entities_are_held_in_parts(nine_nights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entity's events are turned into the reference's own question by question; the answers are the same."""
    monkeypatch.setattr(sampling, "AT_ONCE", 3)
    report = verify(Shop(nine_nights).open(), sample=100)
    assert (report.sampled_values, report.sampled_differing) == (400, 0)


def test_it_runs_while_somebody_holds_the_lock(shop_copy: Altered) -> None:
    """A live run holds it for days. What is loaded meanwhile is not looked at."""
    project = shop_copy.project
    with project.lake.lock():
        assert shop_copy.report().equal


def test_the_sample_is_drawn_by_its_seed(nine_nights: Path) -> None:
    """The same rows for the same seed, the first and the last among them."""
    view = viewing.look(Shop(nine_nights).open(), None, None)
    drawn = sampling.draw(view, 50, 7)
    assert drawn == sampling.draw(view, 50, 7) != sampling.draw(view, 50, 8)
    assert len(set(drawn)) == 50
    assert {0, QUESTIONS - 1} <= set(drawn)
    assert dt.timedelta(0) < at(1) - at(0)
