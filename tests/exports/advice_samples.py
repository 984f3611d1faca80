"""Advices as a run would give them, with figures known from real and simulated histories, for tests of what shows them."""

from __future__ import annotations

import math
from dataclasses import replace

from dayshift.adviser.evidence import (
    Advice,
    Ageing,
    Cadence,
    CadencePoint,
    Capacity,
    Factor,
    Growth,
    Ladder,
    Part,
    Rung,
    Saturation,
    Skill,
    SourceVolume,
    Suspicion,
    Volume,
)
from tests.exports.advice_builders import DAY, at, daily, finding, forecast, gain
from tests.exports.advice_flights import flights

TRANSACTIONS_DELTA, TRANSACTIONS_METRIC, TRANSACTIONS_START = (0.0143, "average_precision", at("2018-06-10"))
TRANSACTIONS_ONE = finding(
    "labels.1d", "labels after 1d over 7d", gain(0.1431, 0.0152, 16, TRANSACTIONS_START), TRANSACTIONS_DELTA
)
TRANSACTIONS_THREE = finding(
    "labels.3d", "labels after 3d over 7d", gain(0.0902, 0.0131, 16, TRANSACTIONS_START), TRANSACTIONS_DELTA
)
TRANSACTIONS_EVENT = finding(
    "freshness.event",
    "as of the event over last midnight",
    gain(0.0089, 0.0052, 16, TRANSACTIONS_START),
    TRANSACTIONS_DELTA,
)
TRANSACTIONS_AGES = tuple(range(9))
TRANSACTIONS_VALUES = tuple(0.7148 + 0.0006 * math.sin(age * 1.9) for age in TRANSACTIONS_AGES)
TRANSACTIONS_CADENCE = finding(
    "cadence.4", "weekly over every 4 weeks", gain(-0.002, 0.0055, 13, TRANSACTIONS_START), TRANSACTIONS_DELTA
)
TRANSACTIONS_GROWTH = Growth(
    (-0.001, -0.0003, 0.0005),
    (1.0, 1.01, 1.0, 0.99, 1.0, 1.0, 1.0),
    forecast(at("2018-10-01"), 9585, 0.03, 0.02),
    (
        Saturation(
            "nightly",
            3.2,
            {"compounding": (at("2020-05-01"), at("2021-08-01"), None), "linear": (at("2022-01-01"), None, None)},
            {"compounding": 0.02, "linear": 0.0},
            {"compounding": 0.61, "linear": 0.12},
        ),
    ),
    Capacity(
        (2900000.0, 3000000.0, 3100000.0),
        (1400.0, 1500.0, 1600.0),
        (480000.0, 500000.0, 520000.0),
        640.0,
        4990,
        8000000000,
        2,
    ),
    365 * DAY,
    "undecided",
    "the interval of the saturation date begins within twice the horizon",
)
TRANSACTIONS_FACTORS = (
    Factor(
        "velocity",
        "Data volume and velocity",
        "batch",
        "9,586 events a day; at-event features +0.0089 [+0.0037, +0.0141]",
        "gains of 0.0037 mattering",
    ),
)
TRANSACTIONS_PARTS = (
    Part(
        "streaming features",
        "not needed",
        "as of the event over last midnight +0.0089 average_precision [+0.0037, +0.0141]",
        "gains of 0.0037 mattering",
        TRANSACTIONS_EVENT.gain,
    ),
    Part(
        "faster labels",
        "needed",
        "labels after 1d over 7d +0.1431 average_precision [+0.1279, +0.1583]",
        "only gains above 0.1583 mattering",
        TRANSACTIONS_ONE.gain,
    ),
    Part(
        "automatic retraining",
        "not needed",
        "every 4 weeks loses -0.0020 [-0.0075, +0.0035] against weekly",
        "gains of 0.0035 mattering",
        TRANSACTIONS_CADENCE.gain,
    ),
)
TRANSACTIONS_SKILL = Skill(
    TRANSACTIONS_METRIC,
    True,
    0.0084,
    0.715,
    TRANSACTIONS_DELTA,
    True,
    {"share of frauds at the terminal": 0.31},
    {
        "share of frauds at the terminal": finding(
            "naive.terminal", "", gain(0.405, 0.03, 16, TRANSACTIONS_START), TRANSACTIONS_DELTA
        )
    },
)
TRANSACTIONS_VOLUME = Volume(
    (SourceVolume("payments", 1754155, 9585.5, 612000.0),),
    183.0,
    1754155,
    0.111,
    1.84,
    0.31,
    0.48,
    1.02,
    1000000,
    daily(at("2018-04-01"), 183, 9585),
)
TRANSACTIONS_FRESHNESS = Ladder(
    "freshness",
    "midnight",
    (
        Rung("midnight", 0.7061),
        Rung(
            "hour",
            0.7071,
            finding(
                "freshness.hour",
                "last hour over last midnight",
                gain(0.001, 0.0031, 16, TRANSACTIONS_START),
                TRANSACTIONS_DELTA,
            ),
        ),
        Rung("event", 0.715, TRANSACTIONS_EVENT),
    ),
)
TRANSACTIONS_LABEL_DELAY = Ladder(
    "label delay",
    "7d",
    (
        Rung("7d", 0.715),
        Rung("3d", 0.8052, TRANSACTIONS_THREE),
        Rung("1d", 0.8581, TRANSACTIONS_ONE),
        Rung(
            "0d",
            0.8692,
            finding(
                "labels.0d", "labels at once over 7d", gain(0.1542, 0.0161, 16, TRANSACTIONS_START), TRANSACTIONS_DELTA
            ),
        ),
    ),
)
TRANSACTIONS_CADENCE_VALUE = Cadence(
    tuple(
        (
            CadencePoint(
                name, weeks, 0.715 - lost, gain(lost, 0.0055, 13, TRANSACTIONS_START), fits, fits * 0.18, "suffices"
            )
            for name, weeks, lost, fits in (
                ("never", 13, 0.0013, 0.0),
                ("every 8 weeks", 8, -0.0008, 6.5),
                ("every 4 weeks", 4, -0.002, 13.0),
                ("every 2 weeks", 2, -0.0011, 26.0),
                ("weekly", 1, 0.0, 52.0),
            )
        )
    ),
    TRANSACTIONS_CADENCE,
    13.0,
    None,
    4.0,
    "never",
    None,
    None,
    None,
    Ageing(
        TRANSACTIONS_AGES,
        TRANSACTIONS_VALUES,
        tuple(v - 0.006 for v in TRANSACTIONS_VALUES),
        tuple(v + 0.006 for v in TRANSACTIONS_VALUES),
        None,
        228.0,
        None,
    ),
)


def transactions() -> Advice:
    """Simulated card payments: the batch pipeline suffices; labels a week sooner are by far the best investment. No prices."""
    return Advice(
        pipeline="card fraud",
        at=at("2018-10-01"),
        headline="The traditional batch pipeline suffices; add faster labels",
        factors=TRANSACTIONS_FACTORS,
        parts=TRANSACTIONS_PARTS,
        design="a nightly run on one machine, with labels brought in sooner; nothing that runs all day",
        path=("get labels sooner: labels after 1d over 7d +0.1431 average_precision",),
        skill=TRANSACTIONS_SKILL,
        volume=TRANSACTIONS_VOLUME,
        freshness=TRANSACTIONS_FRESHNESS,
        label_delay=TRANSACTIONS_LABEL_DELAY,
        cadence=TRANSACTIONS_CADENCE_VALUE,
        growth=TRANSACTIONS_GROWTH,
        assumptions=("smallest gain that matters: 2 % of skill = 0.0143 average_precision",),
        how={"weeks": 16, "lead-in": "70 days", "seconds": 47.0},
    )


LOSSES_DELTA, LOSSES_METRIC, LOSSES_START = (0.006, "log_loss", at("1997-06-02"))
LOSSES_FOUND = finding("cadence.4", "weekly over every 4 weeks", gain(0.0312, 0.0074, 60, LOSSES_START), LOSSES_DELTA)
LOSSES_AGES = tuple(range(14))
LOSSES_VALUES = tuple(0.452 + 0.06 * (1 - 2 ** (-age / 5)) for age in LOSSES_AGES)
LOSSES_CADENCES = (
    ("never", 26, 0.081, 0.0),
    ("every 13 weeks", 13, 0.052, 4.0),
    ("every 4 weeks", 4, 0.0312, 13.0),
    ("every 2 weeks", 2, 0.011, 26.0),
    ("weekly", 1, 0.0, 52.0),
    ("daily", 1 / 7, -0.002, 365.0),
)
LOSSES_POINTS = tuple(
    (
        CadencePoint(
            name,
            weeks,
            0.452 + lost,
            gain(lost, 0.007, 60, LOSSES_START),
            fits,
            fits * 0.05,
            "too lazy" if lost > 0.02 else "",
        )
        for name, weeks, lost, fits in LOSSES_CADENCES
    )
)
LOSSES_PARTS = (
    Part(
        "automatic retraining",
        "needed",
        "every 4 weeks loses +0.0312 log_loss against weekly",
        "only gains above 0.0386 mattering",
        LOSSES_FOUND.gain,
    ),
)
LOSSES_SKILL = Skill(
    LOSSES_METRIC,
    False,
    0.6931,
    0.452,
    LOSSES_DELTA,
    False,
    {"same as the last half hour": 0.4176},
    {"same as the last half hour": finding("naive.last", "", gain(-0.0344, 0.009, 60, LOSSES_START), LOSSES_DELTA)},
)
LOSSES_CADENCE = Cadence(
    LOSSES_POINTS,
    LOSSES_FOUND,
    1.0,
    4.0,
    4.0,
    "weekly",
    None,
    None,
    None,
    Ageing(
        LOSSES_AGES,
        LOSSES_VALUES,
        tuple(v - 0.01 for v in LOSSES_VALUES),
        tuple(v + 0.01 for v in LOSSES_VALUES),
        5.1,
        4.0,
        7.2,
    ),
    reasons=(),
)


def losses() -> Advice:
    """A metric of which less is better, and a model that a naive prediction beats."""
    return Advice(
        pipeline="price direction",
        at=at("1998-12-07"),
        headline="The traditional batch pipeline suffices; add automatic retraining",
        parts=LOSSES_PARTS,
        skill=LOSSES_SKILL,
        cadence=LOSSES_CADENCE,
        design="a nightly run on one machine, with retraining on a calendar; nothing that runs all day",
    )


SHORT_WHY = "4 evaluation weeks after the lead-in, 6 are needed: come back on 2026-04-02"
SHORT_NOTHING = finding("freshness.event", "as of the event over last midnight", None, 0.01, SHORT_WHY)
SHORT_PARTS = (
    Part("streaming features", "undecided", f"not enough evidence: {SHORT_WHY}", SHORT_WHY),
    Part("automatic retraining", "undecided", f"not enough evidence: {SHORT_WHY}", SHORT_WHY),
)
SHORT_FRESHNESS = Ladder(
    "freshness",
    "midnight",
    (Rung("midnight", float("nan")), Rung("event", float("nan"), SHORT_NOTHING)),
    (),
    (SHORT_WHY,),
)
SHORT_CADENCE = Cadence(
    (),
    finding("cadence.4", "weekly over every 4 weeks", None, 0.01, SHORT_WHY),
    None,
    None,
    4.0,
    "",
    None,
    None,
    None,
    Ageing((), (), (), (), None, None, None),
    reasons=(SHORT_WHY,),
)
SHORT_VOLUME = Volume(
    (SourceVolume("orders", 5120, 64.0, 9000.0),),
    80.0,
    5120,
    0.0007,
    2.2,
    0.004,
    0.05,
    1.1,
    DAY,
    daily(at("2025-12-15"), 80, 64),
)


def short() -> Advice:
    """Too little history: nothing is decided, and it says when to come back."""
    return Advice(
        pipeline="deliveries",
        at=at("2026-03-05"),
        headline="Not enough evidence yet: nothing that would justify a move could be measured",
        factors=(Factor("velocity", "Data volume and velocity", "undecided", SHORT_WHY, "more history"),),
        parts=SHORT_PARTS,
        skill=Skill("roc_auc", True, 0.5, float("nan"), 0.01, True),
        freshness=SHORT_FRESHNESS,
        cadence=SHORT_CADENCE,
        volume=SHORT_VOLUME,
        how={"weeks": 4},
    )


def stopped() -> Advice:
    """A column that knows the answer."""
    return Advice(
        "flights",
        at("2014-01-01"),
        "No advice: 'dep_delay' looks like a leak (too good)",
        stopped_by=(
            Suspicion(
                "dep_delay",
                "too good",
                "this column alone nearly answers: roc_auc 0.997",
                "is it known when the prediction is asked? If not, remove it from the features",
            ),
            Suspicion(
                "air_time",
                "known later",
                "null exactly where no label came (2.8 % of rows)",
                "read it from a source that happens after landing",
            ),
        ),
    )


def interrupted() -> Advice:
    """Stopped by hand after the first figures."""
    full = flights()
    return Advice(
        full.pipeline,
        full.at,
        full.headline,
        full.factors,
        full.parts[:1],
        skill=full.skill,
        freshness=full.freshness,
        volume=full.volume,
        complete=False,
        unfinished=("retraining cadences", "label delays", "monitoring"),
        how={"weeks": 38, "seconds": 15.2},
    )


LONG = "fraud_reports_mean_fraud_by_terminal_1d_delay_7d_right"


def stretched() -> Advice:
    """Names as long as generated features have them, vast headrooms, and two alarms that do nearly the same."""
    full = flights()
    assert full.monitoring is not None
    assert full.growth is not None
    assert full.cadence is not None
    faults = tuple(
        replace(one, name=f"{LONG} and 2 more constant 0 (a join is broken)") for one in full.monitoring.faults
    )
    shifts = tuple(replace(one, subject=LONG) for one in full.monitoring.shifts)
    rules = tuple(
        replace(one, name=f"{one.name}, limit of own calm days + {LONG}") for one in full.monitoring.detectors
    )
    vast = tuple(replace(one, headroom=one.headroom * 54_321) for one in full.growth.saturations)
    alarms = [point for point in full.cadence.points if point.weeks is None and point.name.startswith("on ")]
    same = tuple(replace(one, value=alarms[0].value, lost=alarms[0].lost) for one in alarms)
    rest = tuple(point for point in full.cadence.points if point not in alarms)
    return replace(
        full,
        monitoring=replace(full.monitoring, faults=faults, shifts=shifts, detectors=rules),
        growth=replace(full.growth, saturations=vast),
        cadence=replace(full.cadence, points=(*rest, *same)),
        notes=(f"{LONG} is as long as it is",),
        path=(f"{LONG} first",),
    )


SAMPLES = {
    "stretched": stretched,
    "flights": flights,
    "transactions": transactions,
    "losses": losses,
    "short": short,
    "stopped": stopped,
    "interrupted": interrupted,
}
