"""From a pipeline and its settings to taps."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayshift.connectors.live import Tap
from dayshift.connectors.opening import open_taps
from dayshift.definition import Pipeline, Source
from dayshift.definition.settings import Settings
from dayshift.diagnostics import DefinitionError

PLACES = {
    "files": {"files": "in/*.csv"},
    "orders": {"table": "orders", "database": "shop.db"},
    "sent": {"http": True},
    "topics": {"topic": "t", "brokers": "127.0.0.1:1"},
}


def _pipeline(*names: str) -> Pipeline:
    first, *others = [Source(name, time="at", key="id", schema={"id": str}) for name in names]
    return Pipeline("shop", predict=first, features=[one.by("id").over("1d").count() for one in others])


def test_every_source_has_one_tap_and_only_one(tmp_path: Path) -> None:
    """What is polled has one together, what is sent another, topics theirs; nothing is opened by it."""
    settings = Settings.model_validate({"sources": PLACES, "live": {"listen": "127.0.0.1:0"}})
    taps = open_taps(_pipeline(*PLACES), settings, tmp_path, lambda: 0)
    assert all(isinstance(one, Tap) for one in taps)
    assert [one.sources for one in taps] == [("files", "orders"), ("sent",), ("topics",)]
    for one in taps:
        one.close()


def test_a_source_without_a_section_is_named_with_the_nearest(tmp_path: Path) -> None:
    """Before anything is opened."""
    settings = Settings.model_validate({"sources": {"payment": {"http": True}}})
    with pytest.raises(DefinitionError) as caught:
        open_taps(_pipeline("payments"), settings, tmp_path, lambda: 0)
    problem = caught.value.problems[0]
    assert (problem.code, problem.facts) == ("DS365", ("there is [sources.payment]",))
