"""From evidence to verdicts, design and path."""

from dataclasses import replace

import pytest

from dayshift.adviser.decide import decide
from dayshift.adviser.evidence import (
    BATCH,
    MLOPS,
    NEEDED,
    NOT_NEEDED,
    UNDECIDED,
    Advice,
    Finding,
    Ladder,
    Part,
    Price,
    Rung,
)
from dayshift.adviser.parts import AUTOMATIC, ENDPOINT, HOURLY, LABELS, STREAMING, Terms
from tests.exports import advice_samples as samples
from tests.exports.advice_samples import finding, gain

DELTA = 0.01
HOUR = 3_600_000_000


def part(advice: Advice, name: str) -> Part:
    """One part of an advice."""
    return next(each for each in advice.parts if each.name == name)


def fresh(event: Finding, hour: Finding, above: Finding) -> Advice:
    """An advice that knows of freshness alone."""
    rungs = (Rung("midnight", 0.7), Rung("hour", 0.71, hour), Rung("event", 0.72, event))
    return Advice("p", 0, "", freshness=Ladder("freshness", "midnight", rungs, (above,)))


def found(mean: float, half: float = 0.002, name: str = "freshness.event") -> Finding:
    """A finding of this gain."""
    return finding(name, "a over b", gain(mean, half), DELTA)


@pytest.mark.parametrize(
    ("event", "hour", "above", "streaming", "hourly"),
    [
        (0.05, 0.0, 0.05, NEEDED, None),
        (0.05, 0.05, 0.0, NOT_NEEDED, NEEDED),
        (0.05, 0.02, 0.03, NEEDED, NOT_NEEDED),
        (0.0, 0.0, 0.0, NOT_NEEDED, None),
    ],
)
def test_streaming_is_needed_only_where_an_hourly_run_is_not_enough(
    event: float, hour: float, above: float, streaming: str, hourly: str | None
) -> None:
    """At-event features must beat last midnight's, and the last full hour must not do as well."""
    evidence = fresh(found(event), found(hour), found(above, name="freshness.event_over_hour"))
    decided = decide(evidence, Terms())
    assert part(decided, STREAMING).verdict == streaming
    shown = [each.verdict for each in decided.parts if each.name == HOURLY]
    assert shown == ([] if hourly is None else [hourly])


def test_a_declared_deadline_is_a_requirement_and_said_to_be_one() -> None:
    """An answer needed within an hour makes the endpoint needed whatever the gains; within a day, not needed."""
    evidence = fresh(found(0.0), found(0.0), found(0.0))
    needed = part(decide(evidence, Terms(deadline_us=HOUR)), ENDPOINT)
    assert (needed.verdict, needed.required) == (NEEDED, "answers within 1 hour")
    assert part(decide(evidence, Terms(deadline_us=48 * HOUR)), ENDPOINT).verdict == NOT_NEEDED
    assert decide(evidence, Terms(deadline_us=HOUR)).factors[0].verdict == MLOPS


def test_without_evidence_nothing_is_recommended() -> None:
    """An advice of nothing decides nothing, and says so first."""
    decided = decide(Advice("p", 0, ""), Terms())
    assert {each.verdict for each in decided.parts} == {UNDECIDED}
    assert decided.path == ()
    assert decided.headline.startswith("Not enough evidence")
    assert {each.verdict for each in decided.factors} == {UNDECIDED}


def test_a_suspected_leak_stops_the_advice() -> None:
    """With a suspicion there are no parts, no design and no path."""
    decided = decide(samples.stopped(), Terms())
    assert decided.parts == decided.factors == decided.path == ()
    assert samples.stopped().stopped_by[0].column in decided.headline


def test_batch_suffices_only_when_nothing_runs_all_day() -> None:
    """Faster labels and monitoring fit into a nightly run; fresh features of the event do not."""
    calm = decide(fresh(found(0.0), found(0.0), found(0.0)), Terms())
    assert calm.headline.startswith("The traditional batch pipeline suffices")
    live = decide(fresh(found(0.05), found(0.0), found(0.05)), Terms())
    assert live.headline.startswith("Move towards MLOps for streaming features")
    assert "nothing that runs all day" in calm.design
    assert "nothing that runs all day" not in live.design


def test_labels_that_were_not_replayed_are_not_called_useless() -> None:
    """A ladder that holds only the declared delay leaves the question open; one whose delay is nothing settles it."""
    lonely = Advice("p", 0, "", label_delay=Ladder("label delay", "7d", (Rung("7d", 0.7),)))
    assert part(decide(lonely, Terms()), LABELS).verdict == UNDECIDED
    at_once = Advice("p", 0, "", label_delay=Ladder("label delay", "0s", (Rung("0s", 0.7),)))
    assert part(decide(at_once, Terms()), LABELS).verdict == NOT_NEEDED


def test_cheap_and_undecided_retraining_is_called_insurance() -> None:
    """What costs seconds a year and is taken back by one line may be done without proof; it is called what it is."""
    evidence = samples.transactions()
    assert evidence.cadence is not None
    undecided = replace(evidence.cadence, finding=found(0.009, 0.004, "retraining"))
    weekly = tuple(replace(point, cpu_s_a_year=9.0) for point in undecided.points)
    cheap = part(decide(replace(evidence, cadence=replace(undecided, points=weekly)), Terms()), AUTOMATIC)
    assert (cheap.verdict, cheap.insurance) == (UNDECIDED, True)
    dear = tuple(replace(point, cpu_s_a_year=1e6) for point in undecided.points)
    assert not part(decide(replace(evidence, cadence=replace(undecided, points=dear)), Terms()), AUTOMATIC).insurance


def test_prices_order_the_path_and_name_what_does_not_pay() -> None:
    """With prices the best net comes first, and a step whose net is surely negative says so; the verdict stays."""

    def price(name: str, gained: object) -> Price | None:
        net = {"streaming features": -50.0, "faster labels": 900.0}.get(name)
        return None if net is None else Price((0, 0, 0), 0, (net - 1, net, net + 1), (0, 0, 0), None, None)

    evidence = fresh(found(0.05), found(0.0), found(0.05))
    labels = finding("label_delay.1d", "faster", gain(0.1, 0.01), DELTA)
    evidence = replace(evidence, label_delay=Ladder("label delay", "7d", (Rung("7d", 0.7), Rung("1d", 0.8, labels))))
    decided = decide(evidence, Terms(price=price))
    assert decided.path[0] == "get labels after 1 day instead of 7 days"
    assert "does not pay" in decided.path[1]
    assert part(decided, STREAMING).verdict == NEEDED


@pytest.mark.parametrize(
    "sample", [samples.flights, samples.transactions, samples.losses, samples.short, samples.interrupted]
)
def test_every_factor_has_a_verdict_evidence_and_what_would_change_it(sample: object) -> None:
    """Five factors, each batch, mlops or undecided, each with a line of evidence and what would change it."""
    decided = decide(sample(), Terms())  # type: ignore[operator]
    assert len(decided.factors) == 5
    for factor in decided.factors:
        assert factor.verdict in (BATCH, MLOPS, UNDECIDED)
        assert factor.evidence
        assert factor.changes
