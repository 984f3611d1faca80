"""Every engine gives the same bits as the reference on cases drawn from the boundaries."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings

from dayshift.testing import ADAPTERS, EngineAdapter, ReferenceAdapter, adapters
from dayshift.testing.strategies import Drawn, cases, differences

REFERENCE = ReferenceAdapter()
ENGINES = [engine for engine in adapters(ADAPTERS) if engine.name != "reference"]


def _engines(listed: list[EngineAdapter]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("engine", listed, ids=lambda engine: engine.name)


@_engines(ENGINES)
@given(drawn=cases())
def test_an_engine_gives_the_bits_of_the_reference(engine: EngineAdapter, drawn: Drawn) -> None:
    """Whatever the features, the edges, the ties, the nulls and the lateness."""
    assert differences(drawn.case, engine.answer(drawn.case), REFERENCE.answer(drawn.case)) == []


@_engines([engine for engine in ENGINES if "hindsight" not in engine.gaps])
@given(drawn=cases(policy="hindsight"))
def test_an_engine_gives_the_bits_of_the_reference_in_hindsight(engine: EngineAdapter, drawn: Drawn) -> None:
    """With complete data as well."""
    assert differences(drawn.case, engine.answer(drawn.case), REFERENCE.answer(drawn.case)) == []


@_engines([engine for engine in ENGINES if "state" not in engine.gaps])
@given(drawn=cases())
def test_a_run_that_is_cut_and_continued_gives_the_bits_of_the_whole(engine: EngineAdapter, drawn: Drawn) -> None:
    """Saved and continued at the start of each load, the rest is answered as if nothing had happened."""
    for place in drawn.cuts:
        rest = drawn.case.since(place)
        rows = engine.resume(engine.save(drawn.case.before(place)), rest)
        whole = REFERENCE.answer(replace(drawn.case, questions=rest.questions))
        assert differences(rest, rows, whole) == []


@_engines([REFERENCE, *ENGINES])
@settings(max_examples=max(settings().max_examples // 2, 1))
@given(drawn=cases())
def test_the_order_in_which_rows_are_handed_over_changes_nothing(engine: EngineAdapter, drawn: Drawn) -> None:
    """The log's order is in the places; the order of a list or a file is none."""
    shuffled = list(drawn.case.events)
    random.Random(7).shuffle(shuffled)
    again = engine.answer(replace(drawn.case, events=tuple(shuffled)))
    assert differences(drawn.case, again, engine.answer(drawn.case)) == []


@given(drawn=cases())
def test_the_reference_continued_from_its_state_is_the_reference(drawn: Drawn) -> None:
    """The oracle itself keeps the contract of state."""
    for place in drawn.cuts:
        rest = drawn.case.since(place)
        rows = REFERENCE.resume(REFERENCE.save(drawn.case.before(place)), rest)
        assert differences(rest, rows, REFERENCE.answer(replace(drawn.case, questions=rest.questions))) == []
