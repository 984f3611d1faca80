"""Gates: what a new model must show before it serves. They judge the values on the holdout, in each metric's direction."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dayshift.definition.gate import Gate
from dayshift.diagnostics import Refused
from dayshift.lifecycle.evaluate import Difference, Score


@dataclass(frozen=True)
class Outcome:
    """A gate's answer: `condition` in words, the `value` that it looked at, and whether it lets the model through."""

    metric: str
    condition: str
    value: float | None
    passed: bool
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def decide(
    gates: Sequence[Gate], scores: Mapping[str, Score], against: Mapping[str, Difference]
) -> tuple[Outcome, ...]:
    """Each condition of each gate. `scores` by metric, `against` the champion by metric, empty when there is none.

    A metric without a value on the holdout does not pass an absolute condition. Without a champion to compare with, a
    condition against it passes and says so.

    >>> score = Score("roc_auc", 0.71, 0.68, 0.74, 900, 90, True, "")
    >>> decide([Gate("roc_auc", at_least=0.6)], {"roc_auc": score}, {})[0].passed
    True
    """
    return tuple(outcome for gate in gates for outcome in _of(gate, scores[gate.metric], against.get(gate.metric)))


def refuse(name: str, version: int, outcomes: Sequence[Outcome]) -> None:
    """Raise when a gate has not let the version through.

    Raises:
        Refused: DS640, with every gate that did not pass.
    """
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if failed:
        first = failed[0]
        raise Refused(
            "DS640",
            f"model '{name}' version {version} stays a challenger: {first.metric} {first.reason}",
            facts=tuple(f"{outcome.metric} {outcome.condition}: {outcome.reason}" for outcome in failed),
            hint=f"dayshift promote {version}   # lets it serve nevertheless; until then the champion does",
        )


def _of(gate: Gate, score: Score, against: Difference | None) -> list[Outcome]:
    found = []
    if gate.at_least is not None:
        passed = score.value is not None and score.value >= gate.at_least
        found.append(_absolute(score, f"at least {gate.at_least:g}", passed))
    if gate.at_most is not None:
        passed = score.value is not None and score.value <= gate.at_most
        found.append(_absolute(score, f"at most {gate.at_most:g}", passed))
    if gate.worse_than_champion_by is not None:
        found.append(_relative(score, gate.worse_than_champion_by, against))
    return found


def _absolute(score: Score, condition: str, passed: bool) -> Outcome:
    reason = "has no value on the holdout" if score.value is None else f"is {score.value:.4g}"
    return Outcome(score.metric, condition, score.value, passed, reason)


def _relative(score: Score, allowed: float, against: Difference | None) -> Outcome:
    condition = f"at most {allowed:g} worse than the champion"
    if against is None:
        return Outcome(score.metric, condition, None, True, "there is no champion to compare with")
    if against.better_by is None:
        return Outcome(score.metric, condition, None, False, "cannot be compared with the champion on the holdout")
    gap = against.better_by
    said = f"is {abs(gap):.4g} {'better' if gap >= 0 else 'worse'} than the champion's {against.other:.4g}"
    return Outcome(score.metric, condition, gap, gap >= -allowed, said)
