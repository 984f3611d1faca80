"""What `dayshift replay` prints for people."""

from dayshift.cli.commands.replay import _named


def test_topics_that_would_be_made_are_named_in_words() -> None:
    """No list in Python's writing; where none would be made, no row."""
    assert _named({"made": ["live-disputes", "live-payments"]})["made"] == "topics live-disputes and live-payments"
    assert _named({"made": ["pay"], "left_out": 2}) == {"made": "topic pay", "left out": 2}
    assert _named({"made": []}) == {}
