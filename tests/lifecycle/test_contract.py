"""A source's columns and rules, row by row."""

import datetime as dt
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.definition import Column, Source, decimal, optional
from dayshift.lifecycle.contract import Contract


def source(**schema: Any) -> Source:
    return Source("s", time="at", key="id", schema=schema)


def judge(one: Source, rows: list[dict[str, Any]], **given: Any) -> tuple[list[dict[str, Any]], list[tuple]]:
    base = {"id": "a", "at": "2024-05-01 10:00:00"}
    frame = pl.DataFrame([{**base, **row} for row in rows], infer_schema_length=None)
    judged = Contract(one, **given).judge(frame)
    assert sorted([*judged.kept, *judged.faults["index"]]) == list(range(len(rows)))
    assert judged.good.height == len(judged.kept)
    return judged.good.to_dicts(), judged.faults.rows()


def test_rows_that_pass_have_the_canonical_types_in_the_schemas_order() -> None:
    """Text becomes the declared types; time and key come too."""
    one = source(n=int, x=Column(float, bits=2), money=decimal(2), ok=bool, day=dt.date, note=optional(str))
    good, faults = judge(
        one, [{"n": "1", "x": "0.3", "money": "1.10", "ok": "true", "day": "2024-05-01", "note": None}]
    )
    at = dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)
    assert good == [
        {"n": 1, "x": 0.25, "money": 1.1, "ok": True, "day": dt.date(2024, 5, 1), "note": None, "at": at, "id": "a"}
    ]
    assert list(good[0]) == list(one.columns)
    assert faults == []


CASES = [
    ({"v": int}, {"v": "x"}, "DS352", "v is 'x', allowed is a whole number"),
    ({"v": int}, {"v": None}, "DS351", "v is absent, and it is not optional"),
    ({"v": int}, {"v": " "}, "DS351", "v is absent, and it is not optional"),
    ({"v": str}, {"v": "y", "id": None}, "DS351", "id is absent, and it is part of the key"),
    ({"v": str}, {"v": "y", "at": None}, "DS351", "at is absent, and it is the time"),
    ({"v": Column(int, minimum=0)}, {"v": "-1"}, "DS353", "v is '-1', allowed is >= 0"),
    ({"v": decimal(2, maximum=10)}, {"v": "10.01"}, "DS353", "v is '10.01', allowed is <= 10"),
    (
        {"v": Column("datetime", minimum="2020-01-01")},
        {"v": "2019-12-31"},
        "DS353",
        "v is '2019-12-31', allowed is >= 2020-01-01",
    ),
    ({"v": Column(str, allowed=("b", "a"))}, {"v": "c"}, "DS354", "v is 'c', allowed is a, b"),
    (
        {"v": Column(str, pattern="[A-Z]{2}")},
        {"v": "ABC"},
        "DS355",
        "v is 'ABC', allowed is text that matches [A-Z]{2}",
    ),
    (
        {"v": Column(float, bits=20)},
        {"v": "nan"},
        "DS356",
        "v is 'nan', allowed is finite, and between -8,589,934,592 and 8,589,934,592 (it has bits=20)",
    ),
    (
        {"v": Column(float, bits=20)},
        {"v": "1e10"},
        "DS356",
        "v is '1e10', allowed is finite, and between -8,589,934,592 and 8,589,934,592 (it has bits=20)",
    ),
    (
        {"v": float},
        {"v": "-inf"},
        "DS356",
        "v is '-inf', allowed is finite, and between -9,007,199,254,740,992 and 9,007,199,254,740,992",
    ),
    (
        {"v": int},
        {"v": str(2**53)},
        "DS356",
        f"v is '{2**53}', allowed is a whole number between -9,007,199,254,740,992 and 9,007,199,254,740,992; an identifier is a str",
    ),
    (
        {"v": decimal(2)},
        {"v": "1.005"},
        "DS352",
        "v is '1.005', allowed is a number with at most 2 digits after the point",
    ),
]


@pytest.mark.parametrize(("schema", "row", "code", "reason"), CASES)
def test_a_bad_row_has_its_code_and_says_what_came_and_what_is_allowed(
    schema: Any, row: Any, code: str, reason: str
) -> None:
    """Every rule, once: the code, the value as it came, and what would pass."""
    _, faults = judge(source(**schema), [row])
    assert faults == [(0, code, reason)]


def test_an_optional_column_may_be_absent_but_not_wrong() -> None:
    """Null, blank and absent pass; "x" is no number, absent or not."""
    one = source(v=Column(int, optional=True, minimum=0))
    good, faults = judge(one, [{"v": None}, {"v": ""}, {"v": "3"}, {"v": "x"}, {"v": "-1"}])
    assert [row["v"] for row in good] == [None, None, 3]
    assert [(index, code) for index, code, _ in faults] == [(3, "DS352"), (4, "DS353")]


def test_every_reason_of_a_row_is_told_the_code_is_the_firsts() -> None:
    """A row with three faults needs one look, not three runs."""
    _, faults = judge(
        source(a=Column(int, minimum=0), b=Column(str, allowed=("x",))), [{"id": None, "a": "-5", "b": "y"}]
    )
    assert faults == [
        (0, "DS351", "id is absent, and it is part of the key; a is '-5', allowed is >= 0; b is 'y', allowed is x")
    ]


def test_a_local_time_that_never_happened_is_held_and_says_so() -> None:
    """The hour that summer time skips."""
    _, faults = judge(source(), [{"at": "2024-03-31 02:30:00"}], timezone="Europe/Berlin")
    assert faults[0][1] == "DS352"
    assert "never happened in Europe/Berlin" in faults[0][2]


def test_floats_stand_on_their_grid_half_to_even_and_zero_has_no_sign() -> None:
    """Q = round(x * 2**bits), stored as q / 2**bits; measured bits are used like declared ones."""
    one = source(v=float)
    good, _ = judge(one, [{"v": "0.375"}, {"v": "0.125"}, {"v": "-0.1"}], bits={"v": 2})
    assert [str(row["v"]) for row in good] == ["0.5", "0.0", "0.0"]
    unmeasured = Contract(one)
    assert unmeasured.unmeasured == ("v",)


def test_the_position_is_the_arrival_or_the_event_time_and_the_delay() -> None:
    """In microseconds, as the log is ordered."""
    row = pl.DataFrame({"id": ["a"], "at": ["1970-01-01 00:00:01"], "seen": ["1970-01-01 00:00:05"]})
    delayed, arrived = Source("s", time="at", key="id", delay="2s"), Source("s", time="at", key="id", arrival="seen")
    positions = [Contract(one).place(Contract(one).judge(row).good)["_position"].item() for one in (delayed, arrived)]
    assert positions == [3_000_000, 5_000_000]


@given(
    st.lists(
        st.fixed_dictionaries(
            {"v": st.one_of(st.none(), st.text(max_size=5)), "id": st.one_of(st.none(), st.text(max_size=2))}
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_row_is_good_or_has_a_fault(rows: list[dict[str, Any]]) -> None:
    """Whatever the text, for every type of column at once."""
    for kind in (str, int, Column(float, bits=20), bool, dt.datetime, dt.date, decimal(2)):
        judge(source(v=kind), rows)


def test_values_that_a_coarse_grid_changes_are_counted() -> None:
    """A grid that was measured on large values says how many small ones it moves by more than a millionth."""
    source = Source("s", time="at", key="id", schema={"id": str, "x": float})
    contract = Contract(source, bits={"x": 3})
    assert contract.on_grid(pl.DataFrame({"x": [1e9, 0.1, 0.25, None]}))["x"].to_list() == [1e9, 0.125, 0.25, None]
    assert contract.coarse == {"x": 1}
