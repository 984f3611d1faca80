"""The messages of `check`, in full: `messages.md` is the specification, and every rule has a case in it."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from dayshift.definition import parse_duration
from dayshift.definition.check import RULES, check
from dayshift.definition.loading import read_settings
from dayshift.diagnostics import render
from tests.definition.check.told import changed

MESSAGES = Path(__file__).with_name("messages.md")
_BLOCK = re.compile(r"```(\w+)\n(.*?)\n```", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """What is changed in the faultless definition, and what is told then."""

    rule: str
    title: str
    changes: tuple[tuple[str, str], ...]
    toml: str
    history: str
    expected: str


def _case(text: str) -> Case:
    rule, _, title = text.partition("\n")[0].partition(": ")
    blocks = _BLOCK.findall(text)
    changes = [tuple(block.split("\n# becomes\n")) for kind, block in blocks if kind == "python"]
    found = dict(blocks)
    return Case(rule, title, tuple(changes), found.get("toml", ""), found.get("history", ""), found["text"])  # type: ignore[arg-type]


def cases() -> list[Case]:
    return [_case(section) for section in MESSAGES.read_text().split("\n## ")[1:]]


def tell(case: Case, folder: Path) -> str:
    pipeline = changed(folder, case.changes)
    settings = None
    if case.toml:
        (folder / "dayshift.toml").write_text(case.toml)
        settings = read_settings(folder.resolve())
    spans = dict(line.split() for line in case.history.splitlines())
    history = {name: (0, parse_duration(span)) for name, span in spans.items()}
    text = render(check(pipeline, settings, history=history or None))
    return text.replace(f"{folder.resolve()}/", "")


@pytest.mark.parametrize("case", cases() if MESSAGES.exists() else [], ids=lambda case: f"{case.rule}: {case.title}")
def test_the_message_is_told_in_full(case: Case, tmp_path: Path) -> None:
    """A changed definition is told exactly so: first line, the user's file and line, facts, hint."""
    assert tell(case, tmp_path) == case.expected


def test_every_rule_has_a_case() -> None:
    """No rule without a message in the specification, and no case of a rule that is gone."""
    named = {f"{rule.__module__.rpartition('.')[2]}.{rule.__name__}" for rule in RULES}
    assert {case.rule for case in cases()} == named


def test_the_faultless_definition_is_told_nothing(tmp_path: Path) -> None:
    """The definition that all cases start from has no fault and earns no warning."""
    assert check(changed(tmp_path, [])) == []


def test_all_faults_are_told_at_once_errors_first(tmp_path: Path) -> None:
    """Several faults come together, in the order of the lines, warnings last, and are counted."""
    opaque = 'payments.row(big=pl.col("amount").map_batches(lambda s: s > 10, return_dtype=pl.Boolean))'
    changes = [
        ('sum("cost")', 'sum("cots")'),
        ('payments.row(hour=pl.col("paid_at").dt.hour())', opaque),
        ('metric="roc_auc"', 'metric="roc_acu"'),
        ('"rate": float', '"rate": "flaot"'),
    ]
    found = check(changed(tmp_path, changes))
    assert [(problem.code, problem.place and problem.place.line) for problem in found] == [
        ("DS204", 6), ("DS250", 14), ("DS201", 19), ("DS223", 20),
    ]  # fmt: skip
    assert render(found).splitlines()[-1] == "3 errors, 1 warning"
