"""What the history does not hold: deadlines and prices as declared, and every threshold that stands in for a declaration."""

from __future__ import annotations

from dayshift.adviser import money, say, team
from dayshift.adviser.decide import HEADROOM
from dayshift.adviser.evidence import Advice, Gain, Price
from dayshift.adviser.parts import AUTOMATIC, MONITORING, OPTIONS, Terms
from dayshift.definition.duration import parse_duration
from dayshift.definition.metric import Metric, metric_named
from dayshift.definition.settings import Settings


def terms_of(settings: Settings, evidence: Advice) -> Terms:
    """The terms of `[advise]` and `[value]`; prices need the evidence for what a capability costs here."""
    declared = settings.advise.deadline
    metric = metric_named(evidence.skill.metric) if evidence.skill else None

    def price(part: str, gain: Gain | None) -> Price | None:
        if gain is None or metric is None:
            return None
        return _worth(part, gain, metric, settings, evidence).price

    return Terms(None if declared is None else parse_duration(declared), price)


def watching(settings: Settings, evidence: Advice) -> tuple[float | None, float | None]:
    """What one unit of the metric is worth a day, and what watching costs a month; None where a price is missing."""
    metric = metric_named(evidence.skill.metric) if evidence.skill else None
    if metric is None:
        return None, None
    value = settings.value
    unit, units, _ = money.units_a_month(metric, value)
    each = value.caught_case if unit == "case" else value.point
    asks = next((each for each in evidence.team.options if each.option == MONITORING), None) if evidence.team else None
    parts, missing = money.costs(money.effort(MONITORING, asks, value), value)
    return (None if each is None else units * each / money.DAYS_A_MONTH), (None if missing else sum(parts.values()))


def _worth(part: str, gain: Gain, metric: Metric, settings: Settings, evidence: Advice) -> money.Worth:
    options = evidence.team.options if evidence.team else ()
    asks = next((each for each in options if each.option in (part, OPTIONS[part])), None)
    asked = money.effort(part, asks, settings.value, _cpu_s_a_month(part, evidence))
    return money.worth(gain, metric, asked, settings.value)


def _cpu_s_a_month(part: str, evidence: Advice) -> float:
    if part != AUTOMATIC or evidence.cadence is None:
        return 0.0
    weekly = next((point for point in evidence.cadence.points if point.weeks == 1), None)
    return weekly.cpu_s_a_year / 12 if weekly else 0.0


def undeclared(settings: Settings, advice: Advice) -> tuple[str, ...]:
    """Which prices are missing, a sentence for each capability with a gain; none where nobody declared any price."""
    metric = metric_named(advice.skill.metric) if advice.skill else None
    if metric is None or not settings.value.model_fields_set - {"currency", "migration_months"}:
        return ()
    made = []
    for part in advice.parts:
        if part.gain is None or part.price is not None:
            continue
        found = _worth(part.name, part.gain, metric, settings, advice)
        text = f"no net for {part.name}: declare {', '.join(found.missing)}"
        if found.breakeven_value is not None:
            text += f"; it pays once a {found.unit} is worth {found.breakeven_value:,.0f} {settings.value.currency}"
        made.append(text)
    return tuple(made)


def _long(text: str) -> str:
    return say.duration(parse_duration(text))


def assumptions(settings: Settings, evidence: Advice) -> tuple[str, ...]:
    """Every threshold that was not declared, as a sentence."""
    advise, given = settings.advise, settings.advise.model_fields_set
    made = []
    skill = evidence.skill
    if skill is not None and skill.assumed:
        share = f"{100 * advise.smallest_gain_share:.3g} %"
        made.append(
            f"the smallest gain that matters is {say.number(skill.delta, sign=False)} {skill.metric}: {share} of the model's "
            f"skill over the best constant ({say.number(skill.floor, sign=False)})"
        )
    named = {
        "retrain_by_hand": f"a person retrains by hand every {_long(advise.retrain_by_hand)}",
        "alarm_budget": f"false alarms are borne up to {advise.alarm_budget:g} in 30 days",
        "detection": f"an unseen fault matters once it has cost {advise.detection:g} days of the smallest gain",
        "horizon": f"growth is planned {_long(advise.horizon)} ahead",
        "nightly_window": f"a nightly run may take {_long(advise.nightly_window)}",
    }
    made += [text for name, text in named.items() if name not in given]
    made.append(f"a night should carry {HEADROOM:g} times its need")
    return (*made, *(team.assumptions(evidence.team) if evidence.team else ()))
