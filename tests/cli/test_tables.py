"""Tables and JSON on stdout."""

import datetime as dt
import json

import pytest

from dayshift.cli.tables import emit, facts, plain, show, table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (123456.7, "123,457"),
        (dt.datetime(2025, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2025-01-02 03:04:05"),
        ("text", "text"),
    ],
)
def test_values_are_shown_for_people(value: object, text: str) -> None:
    """Thousands apart, four digits, nothing as a dash."""
    assert show(value) == text


def test_numbers_stand_to_the_right() -> None:
    """Columns are aligned with spaces and need no terminal."""
    text = plain(table("Rows", ("source", "read"), [("payments", 12), ("d", None)]))
    assert text.splitlines() == ["Rows", "source    read", "payments    12", "d            –"]


def test_an_empty_table_still_has_its_head() -> None:
    """No rows is an answer too."""
    assert plain(table("Rows", ("source", "read"), [])).splitlines() == ["Rows", "source  read"]


def test_facts_leave_out_what_is_absent() -> None:
    """A name without a value is not printed."""
    assert plain(facts("", {"model": None, "loads": 3})) == "loads  3"


def test_json_is_the_value_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, stdout parses."""
    emit({"a": 1, "at": dt.date(2025, 1, 1)}, ["talk"], as_json=True)
    assert json.loads(capsys.readouterr().out) == {"a": 1, "at": "2025-01-01"}
