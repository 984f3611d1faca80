"""What was declared, what stands in for it, and what is missing."""

from dataclasses import replace

import pytest

from dayshift.adviser.decide import decide
from dayshift.adviser.evidence import Advice
from dayshift.adviser.money import DAYS_A_MONTH
from dayshift.adviser.parts import STREAMING
from dayshift.adviser.team import team
from dayshift.adviser.terms import assumptions, terms_of, undeclared, watching
from dayshift.definition.settings import Settings
from tests.exports import advice_samples as samples


def declared(**sections: object) -> Settings:
    """Settings of these sections."""
    return Settings.model_validate(sections)


def measured() -> Advice:
    """An advice with evidence, of a metric that counts no cases."""
    return samples.transactions()


def test_what_is_declared_is_no_assumption() -> None:
    """Every threshold that nobody declared is a sentence; one that is declared is none."""
    free = assumptions(declared(), measured())
    bound = assumptions(declared(advise={"retrain_by_hand": "14d", "detection": 3, "horizon": "90d"}), measured())
    assert any("retrains by hand" in one for one in free)
    assert any("an unseen fault matters" in one for one in free)
    assert len(free) - len(bound) == 3
    assert not any("retrains by hand" in one or "unseen fault" in one for one in bound)


def test_no_price_is_invented() -> None:
    """Without a worth there is no price, whatever the gain; with it there is one."""
    advice = measured()
    gain = next(part.gain for part in advice.parts if part.gain is not None)
    assert terms_of(declared(), advice).price(STREAMING, gain) is None
    value = {"point": 400, "hour_of_engineer": 90, "infrastructure": {STREAMING: 600}}
    found = terms_of(declared(value=value), advice).price(STREAMING, gain)
    assert found is not None
    assert found.cost >= 600
    assert terms_of(declared(value=value), advice).price(STREAMING, None) is None


def test_what_is_missing_is_named_only_where_some_price_was_declared() -> None:
    """Who declares nothing wants effects; who declares a worth is told what else a net needs."""
    advice = decide(measured(), terms_of(declared(), measured()))
    assert undeclared(declared(), advice) == ()
    told = undeclared(declared(value={"point": 400}), advice)
    assert told
    assert all(one.startswith("no net for ") and "[value]" in one for one in told)


def test_watching_has_a_price_only_where_both_sides_are_declared() -> None:
    """A unit of the metric is a hundred points; what the team spends on watching costs its hours."""
    advice = replace(measured(), team=team(declared(team={"python": "yes"}), None))
    assert watching(declared(), advice) == (None, None)
    worth, cost = watching(declared(value={"point": 400, "hour_of_engineer": 60}), advice)
    assert worth == pytest.approx(400 * 100 / DAYS_A_MONTH)
    assert cost == pytest.approx(60 * (3 + 16 / 12))
    assert watching(declared(value={"point": 400, "hour_of_engineer": 60}), replace(advice, skill=None)) == (None, None)
