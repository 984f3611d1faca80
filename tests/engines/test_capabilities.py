"""What an engine cannot do it refuses, naming those that can."""

from __future__ import annotations

import pytest

import dayshift as ds
from dayshift.definition import Pipeline, Source
from dayshift.engines.capabilities import ENGINES, Capability, needed, require
from dayshift.engines.contract import Engine
from dayshift.engines.local.engine import LocalEngine

taps = Source("taps", time="at", key="id", schema={"id": str, "card": str})


class Small(LocalEngine):
    """An engine that knows history only."""

    name = "small"
    capabilities = frozenset({Capability.HISTORY})


def test_what_a_pipeline_asks_of_an_engine_is_read_from_its_definition() -> None:
    """A calendar, SQL, an unbounded window and a label, each when it is there."""
    label = ds.Label(taps, ds.sql("id"), within="1d")
    features = [taps.by("card").over().count(), taps.row(x=ds.sql("1"))]
    asked = Pipeline("p", predict=taps.every("1d", by="card"), features=features, label=label)
    assert needed(asked) == set(Capability) - {
        Capability.ADVANCE,
        Capability.SESSION,
        Capability.HINDSIGHT,
        Capability.EXPLAIN,
    }
    assert needed(Pipeline("p", predict=taps, features=taps.by("card").over("1d").count())) == {Capability.HISTORY}


def test_everything_that_is_missing_is_named_at_once() -> None:
    """One problem a capability, with the engines that have it."""
    asked = Pipeline("p", predict=taps.every("1d", by="card"), features=[taps.by("card").over().count()])
    with pytest.raises(ds.DayshiftError) as caught:
        list(Small().features(asked, None))  # type: ignore[arg-type]
    assert [problem.code for problem in caught.value.problems] == ["DS520", "DS520"]
    assert all("engines that can: local" in problem.facts for problem in caught.value.problems)


def test_the_local_engine_is_an_engine_and_can_do_everything() -> None:
    """It has every method of the contract and every capability."""
    engine = LocalEngine()
    assert isinstance(engine, Engine)
    require(engine, Capability)
    assert ENGINES[engine.name] == set(Capability)
