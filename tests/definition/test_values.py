"""What the user says: names, types, times, and that constructors never refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dayshift as ds
from dayshift.definition import WindowFeature, format_duration, parse_duration
from dayshift.diagnostics import DefinitionError

departures = ds.Source(
    "departures", time="departed_at", key="flight_id", schema={"flight_id": str, "origin": str, "dep_delay": int}
)


@given(st.integers(0, 10**15))
def test_a_length_of_time_reads_back_as_written(length_us: int) -> None:
    """`format_duration` and `parse_duration` are inverse."""
    assert parse_duration(format_duration(length_us)) == length_us


@pytest.mark.parametrize("text", ["", "1", "h", "1 h", "-1d", "1.5h", "1mo", "d1", "1d "])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    """There are no months, fractions or signs."""
    with pytest.raises(DefinitionError, match="DS202"):
        parse_duration(text)


def test_a_feature_is_named_after_what_it_is() -> None:
    """Source, aggregate, column, keys and window, in that order; only what differs from the default is added."""
    names = [feature.name for feature in departures.by("origin").over("1h", "7d").mean("dep_delay")]
    assert names == ["departures_mean_dep_delay_by_origin_1h", "departures_mean_dep_delay_by_origin_7d"]
    mapped = departures.by(origin="dest").over("1d", delay="1d", closed="right").count()
    assert mapped[0].name == "departures_count_by_origin_is_dest_1d_delay_1d_right"


def test_an_alias_keeps_the_window() -> None:
    """Several windows under one alias stay apart."""
    made = departures.by("origin").over("1h", "1d").count().alias("left")
    assert [feature.name for feature in made] == ["left_1h", "left_1d"]


def test_last_n_fills_n_columns() -> None:
    """Latest first, numbered from one."""
    assert departures.by("origin").last_n("dep_delay", 2)[0].columns == (
        "departures_last_n_dep_delay_by_origin_1",
        "departures_last_n_dep_delay_by_origin_2",
    )


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (departures.over("1d").count(), "int"),
        (departures.over("1d").sum("dep_delay"), "int"),
        (departures.over("1d").mean("dep_delay"), "float"),
        (departures.by().last("origin"), "str"),
        (departures.over("1d").count().ratio_to("7d"), "float"),
    ],
)
def test_a_feature_knows_its_type(made: tuple[WindowFeature, ...], kind: str) -> None:
    """The type follows from the aggregate and the column."""
    assert made[0].type == kind


def test_constructors_take_anything_and_leave_judging_to_check() -> None:
    """All faults of a definition are told at once, so none may stop the file."""
    odd = departures.by("nothing").over("soon").mean("none")
    pipeline = ds.Pipeline("", predict=departures, features=[odd])
    assert pipeline.window_features[0].window.width == "soon"


def test_a_feature_remembers_the_users_line() -> None:
    """Messages point into the user's own file."""
    place = departures.by("origin").over("1h").count()[0].place
    assert place is not None
    assert place.file.endswith("test_values.py")


def test_a_pipelines_sources_are_listed_once_by_name() -> None:
    """Every stream that is read, whoever reads it."""
    flights = ds.Source("flights", time="at", key="flight_id", schema={"flight_id": str, "origin": str})
    pipeline = ds.Pipeline("p", predict=flights, features=[departures.by("origin").over("1h", "1d").count()])
    assert [source.name for source in pipeline.sources] == ["departures", "flights"]
    assert pipeline.columns == ("departures_count_by_origin_1h", "departures_count_by_origin_1d")
