"""Scenarios are read strictly: what is not understood is an error at its line."""

import pytest

from dayshift.diagnostics import UsageError
from dayshift.testing.markdown import parse_document
from dayshift.testing.scenarios import Scenario, read_scenario_file

GOOD = """# 3. A title

Prose for everybody.

```python
taps = ds.Source("taps", time="at", key="id", schema={"id": str, "card": ds.optional(str), "cents": int})
```

* day: 2024-03-01

## One

```python
features = taps.by("card").over("1h").sum("cents").alias("x")
```

Events of `taps`:

| id | at    | card | cents |
|----|-------|------|-------|
| e1 | 11:30 | a    | 5     |
| e2 | 11:40 | null | 6     |

Questions:

| as_of | card | x_1h |
|-------|------|------|
| 12:00 | a    | 5    |
"""


def _read(text: str) -> list[Scenario]:
    return read_scenario_file(parse_document(text))


def test_a_scenario_is_read() -> None:
    """Events in order with their places, questions with what they expect."""
    (scenario,) = _read(GOOD)
    assert (scenario.group, scenario.name, scenario.line) == (3, "3. One", 11)
    assert [(event.place, event.values["card"]) for event in scenario.events] == [(0, "a"), (1, None)]
    assert scenario.asked[0].expected == ((5,),)
    assert scenario.asked[0].questions[0].place == 2


@pytest.mark.parametrize(
    ("old", "new", "said", "line"),
    [
        ("# 3. A title", "A title", "the first line", 1),
        ("* day: 2024-03-01", "* dey: 2024-03-01", "no directive is called 'dey'", 9),
        ("* day: 2024-03-01", "- a point of prose", "is no directive", 9),
        ("* day: 2024-03-01", "* batches: 1", "has no date", 21),
        ("## One", "### One", "heading", 11),
        ("Events of `taps`:", "Events of `tops`:", "no source is called 'tops'", 19),
        ("Events of `taps`:", "Some events:", "no table is called 'Some events'", 19),
        ("Events of `taps`:", "Events of `taps`", "a table needs a caption", 19),
        ("| id | at    | card | cents |", "| id | at    | card | sense |", "has no column 'cents'", 19),
        ("| id | at    | card | cents |", "| id | at    | card | card |", "the same name", 20),
        ("| e2 | 11:40 | null | 6     |", "| e2 | 11:40 | null |", "3 cells in a table of 4", 22),
        ("| e2 | 11:40 | null | 6     |", "| e2 | 11:40 |  | 6     |", "an empty cell", 22),
        ("| e2 | 11:40 | null | 6     |", "| e2 | 11:40 | null | six   |", "six", 22),
        ("| e2 | 11:40 | null | 6     |", "| e2 | 11:40 | null | null  |", "not optional", 22),
        ("| e2 | 11:40 | null | 6     |", "| e2 | 11.40 | null | 6     |", "is not a time", 22),
        ("|----|-------|------|-------|", "|    |       |      |       |", "empty cell", 20),
        ("Questions:", "Questions, answered by `other`:", "no list of features 'other'", 26),
        ("Questions:", "Questions of the calendar:", "no calendar", 26),
        ("| as_of | card | x_1h |", "| as_of | card | y_1h |", "has no column 'x_1h'", 26),
        ("| as_of | card | x_1h |", "| as_of | shop | x_1h |", "has no column 'card'", 26),
        ("```python\nfeatures", "```sql\nfeatures", "begins with ```python", 13),
    ],
)
def test_what_is_not_understood_is_an_error_at_its_line(old: str, new: str, said: str, line: int) -> None:
    """A misspelt directive, column, caption or cell never becomes prose."""
    assert old in GOOD
    with pytest.raises(UsageError, match="DS581") as caught:
        _read(GOOD.replace(old, new, 1))
    (problem,) = caught.value.problems
    assert said in problem.message
    assert problem.place is not None
    assert problem.place.line == line


def test_an_unknown_column_is_an_error() -> None:
    """In a table of events and in one of questions."""
    wider = GOOD.replace("| id | at    | card | cents |", "| id | at    | card | cents | more |")
    wider = wider.replace("|----|-------|------|-------|", "|----|-------|------|-------|------|")
    wider = wider.replace("| a    | 5     |", "| a    | 5     | 1 |").replace(
        "| null | 6     |", "| null | 6     | 1 |"
    )
    with pytest.raises(UsageError, match="may not have a column 'more'"):
        _read(wider)


def test_a_scenario_that_expects_nothing_is_an_error() -> None:
    """A table of questions that went missing does not pass for a success."""
    with pytest.raises(UsageError, match="expects nothing"):
        _read(GOOD[: GOOD.index("Questions:")])


def test_duplicates_leave_at_the_door() -> None:
    """The first of two events with one key stays."""
    doubled = GOOD.replace("| e2 | 11:40 | null | 6     |", "| e1 | 11:40 | a    | 6     |")
    (scenario,) = _read(doubled)
    assert [event.values["cents"] for event in scenario.events] == [5]


def test_a_generated_table_follows_its_formulas() -> None:
    """The number k runs through a permutation while i counts."""
    text = GOOD.replace("Events of `taps`:", "Events of `taps`, for i from 1 to 6:")
    text = text.replace(
        "| e1 | 11:30 | a    | 5     |\n| e2 | 11:40 | null | 6     |", "| i | 10 * i | a | 2 * k + 1 |"
    )
    with pytest.raises(UsageError, match="a generated key is a number"):
        _read(text)
    text = text.replace('"id": str', '"id": int').replace("## One", "## One\n\n* k: 3 * i mod 7")
    (scenario,) = _read(text)
    assert [event.values["cents"] for event in scenario.events] == [7, 13, 5, 11, 3, 9]
    with pytest.raises(UsageError, match="not linear"):
        _read(text.replace("2 * k + 1", "k * k"))
