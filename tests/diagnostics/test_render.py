"""The grammar of messages."""

from pathlib import Path

import pytest

from dayshift.diagnostics import DefinitionError, NotReady, Place, Problem, Refused, UsageError, render, to_json

PROBLEM = Problem(
    "DS230",
    "feature `disputes_30d` would see the future of label `is_fraud`",
    Place("fraud.py", 44),
    ("a prediction is asked at `tx_time`",),
    'give the source its delay: Source("disputes", ..., delay="45d")',
)


def test_a_problem_has_head_place_facts_and_hint() -> None:
    """The first line alone is enough; then the place, the facts, an empty line and the remedy."""
    assert render([PROBLEM]) == (
        "error[DS230]: feature `disputes_30d` would see the future of label `is_fraud`\n"
        "  --> fraud.py:44\n"
        "   = a prediction is asked at `tx_time`\n"
        "\n"
        'hint: give the source its delay: Source("disputes", ..., delay="45d")'
    )


def test_the_count_comes_last_and_only_for_several() -> None:
    """All problems at once, then how many."""
    warning = Problem("DS250", "long", severity="warning")
    assert render([PROBLEM, warning]).splitlines()[-1] == "1 error, 1 warning"
    assert "errors" not in render([PROBLEM]).splitlines()[-1]


def test_colour_is_left_out_when_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR wins over a terminal."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in render([PROBLEM], colour=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in render([PROBLEM], colour=True)


def test_a_place_below_the_current_folder_is_shown_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users see the path that they would type."""
    monkeypatch.chdir(tmp_path)
    shown = render([Problem("DS101", "x", Place(str(tmp_path / "pipeline.py"), 3))])
    assert "--> pipeline.py:3" in shown


@pytest.mark.parametrize(("kind", "code"), [(DefinitionError, 2), (UsageError, 2), (NotReady, 3), (Refused, 1)])
def test_each_kind_of_error_has_its_exit_code(kind: type[DefinitionError], code: int) -> None:
    """0 done, 1 the answer is no, 2 asked wrongly, 3 the world is not ready."""
    assert kind("DS101", "x").exit_code == code


def test_a_problem_is_plain_values_for_json() -> None:
    """`--json` carries everything that the text carries."""
    told = to_json(PROBLEM)
    assert told["code"] == "DS230"
    assert told["place"] == {"file": "fraud.py", "line": 44}
    assert told["hint"] == PROBLEM.hint
