"""What the history does not hold: deadlines and prices as declared, and every threshold that stands in for a declaration."""

from __future__ import annotations

from dayshift.adviser import money, say
from dayshift.adviser.decide import HEADROOM
from dayshift.adviser.evidence import Advice, Gain, Price
from dayshift.adviser.parts import OPTIONS, RETRAINING, Terms
from dayshift.definition.duration import parse_duration
from dayshift.definition.metric import metric_named
from dayshift.definition.settings import Settings


def terms_of(settings: Settings, evidence: Advice) -> Terms:
    """The terms of `[advise]` and `[value]`; prices need the evidence for what a capability costs here."""
    declared = settings.advise.deadline
    metric = metric_named(evidence.skill.metric) if evidence.skill else None

    def price(part: str, gain: Gain | None) -> Price | None:
        if gain is None or metric is None:
            return None
        asks = (
            next((each for each in evidence.team.options if each.option in (part, OPTIONS[part])), None)
            if evidence.team
            else None
        )
        asked = money.effort(part, asks, settings.value, _cpu_s_a_month(part, evidence))
        return money.worth(gain, metric, asked, settings.value).price

    return Terms(None if declared is None else parse_duration(declared), price)


def _cpu_s_a_month(part: str, evidence: Advice) -> float:
    if part != RETRAINING or evidence.cadence is None:
        return 0.0
    weekly = next((point for point in evidence.cadence.points if point.weeks == 1), None)
    return weekly.cpu_s_a_year / 12 if weekly else 0.0


def assumptions(settings: Settings, evidence: Advice) -> tuple[str, ...]:
    """Every threshold that was not declared, as a sentence."""
    advise, given = settings.advise, settings.advise.model_fields_set
    made = []
    skill = evidence.skill
    if skill is not None and skill.assumed:
        share = f"{advise.smallest_gain_share:.3g}".lstrip("0")
        made.append(
            f"the smallest gain that matters is {say.number(skill.delta, sign=False)} {skill.metric}: {share} of the model's "
            f"skill over the best constant ({say.number(skill.floor, sign=False)})"
        )
    named = {
        "retrain_by_hand": f"a person retrains by hand every {advise.retrain_by_hand}",
        "alarm_budget": f"{advise.alarm_budget:g} false alarm in 30 days is borne",
        "detection": f"an unseen fault matters once it has cost {advise.detection:g} days of the smallest gain",
        "horizon": f"growth is planned {advise.horizon} ahead",
        "nightly_window": f"a nightly run may take {advise.nightly_window}",
    }
    made += [text for name, text in named.items() if name not in given]
    made.append(f"a night should carry {HEADROOM:g} times its need")
    if evidence.team is not None:
        made.append("hours to set up and to run are typical ones, not this team's")
    return tuple(made)
