"""The page that reports are printed on."""

import re

from dayshift.exports.page import bars, line, page, section, show, table, tiles


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """No script, no request, readable offline and years later."""
    text = page("Report", "lead", section("A", tiles([("read", 5, "rows")]), bars([("x", 1.0)], "s", "t")))
    assert "<script" not in text
    assert not re.search(r"(src|href)=|url\(|@import", text)


def test_users_text_is_never_markup() -> None:
    """A value from a file can't become part of the page."""
    text = page("<x>", "<y>", section("<z>", table(["<h>"], [["<script>"]], "<c>")))
    assert not re.search(r"<(x|y|z|h|c|script)>", text)


def test_an_empty_section_is_left_out() -> None:
    """What did not happen takes no room."""
    assert section("Training", None).text == ""


def test_a_chart_says_its_numbers_as_text() -> None:
    """Those who cannot see the line can read it."""
    assert (
        "from 1 (a) to 3 (b); between 1 and 3 rows, 2 points" in line([("a", 1.0), ("b", 3.0)], "loaded", "rows").text
    )


def test_numbers_are_shown_with_separators_and_null_as_a_dash() -> None:
    """One way of writing numbers everywhere."""
    assert (show(1234567), show(0.123456), show(None), show(True)) == ("1,234,567", "0.1235", "–", "yes")
