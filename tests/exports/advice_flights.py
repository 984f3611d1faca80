"""An advice on the departures of New York City in 2013, with every part that an advice can have."""

from __future__ import annotations

import math

from dayshift.adviser.evidence import (
    Ability,
    Advice,
    Ageing,
    Asks,
    Cadence,
    CadencePoint,
    Capacity,
    Detector,
    Factor,
    Fault,
    Growth,
    Ladder,
    Monitoring,
    Part,
    Price,
    Rung,
    Saturation,
    Shift,
    Skill,
    SourceVolume,
    Team,
    Volume,
)
from tests.exports.advice_builders import DAY, WEEK, at, daily, finding, forecast, gain


def _flights_cadence(delta: float) -> Cadence:
    week = gain(0.0, 0.0, 38)
    points = (
        CadencePoint(
            "never", 26, 0.7051, gain(0.0142, 0.0052, 13), 0.0, 0.4, "too lazy", "longest measurable: 26 weeks"
        ),
        CadencePoint("quarterly", 13, 0.7112, gain(0.0081, 0.0033, 26), 4.0, 1.1, "too lazy"),
        CadencePoint("every 8 weeks", 8, 0.7139, gain(0.0054, 0.0030, 31), 6.5, 1.7, ""),
        CadencePoint("monthly", 4, 0.7152, gain(0.0041, 0.0029, 35), 13.0, 3.3, ""),
        CadencePoint("every 2 weeks", 2, 0.7181, gain(0.0012, 0.0018, 37), 26.0, 6.5, "suffices"),
        CadencePoint("weekly", 1, 0.7193, week, 52.0, 13.1, "suffices"),
        CadencePoint("daily", 1 / 7, 0.7197, gain(-0.0004, 0.0015, 6), 365.0, 91.0, "", "spot check on 6 weeks"),
        CadencePoint(
            "on drift alarm", None, 0.7121, gain(0.0072, 0.0031, 38), 9.0, 2.6, "", "a calendar of 9 fits does as well"
        ),
        CadencePoint("on accuracy alarm", None, 0.7140, gain(0.0053, 0.0034, 38), 17.0, 4.4, ""),
    )
    ages = tuple(range(0, 27, 2))
    values = tuple(0.7193 - 0.0163 * (1 - 2 ** (-age / 14)) for age in ages)
    return Cadence(
        points,
        finding("cadence.4", "weekly over every 4 weeks", gain(0.0041, 0.0029, 35), delta),
        2.0,
        13.0,
        4.0,
        "every 2 weeks",
        finding("cadence.never", "weekly over never", gain(0.0142, 0.0052, 13), delta),
        finding("cadence.more_data", "all history over a sliding window", gain(0.0096, 0.0031, 30), delta),
        finding("cadence.decay", "fresh over old, same window", gain(0.0038, 0.0021, 30), delta),
        Ageing(
            ages,
            values,
            tuple(v - 0.002 - 0.00012 * a for v, a in zip(values, ages, strict=True)),
            tuple(v + 0.002 + 0.00012 * a for v, a in zip(values, ages, strict=True)),
            None,
            61.0,
            None,
        ),
        tuple((at("2013-03-25") + n * WEEK, 0.70 - 0.0008 * n + 0.008 * math.sin(n * 0.9)) for n in range(38)),
        notes=("Alarm policies are no better than a calendar of as many fits.",),
    )


def _flights_monitoring(delta: float) -> Monitoring:
    start = at("2013-01-01")
    values = [
        (1.1 + 0.7 * abs(math.sin(n * 0.83)) + (4.2 if 186 <= n < 199 else 0) + (2.9 if 340 <= n < 347 else 0))
        for n in range(365)
    ]
    return Monitoring(
        finding("monitoring", "with a nightly report over without", gain(0.0410, 0.0082, 14), delta),
        (
            Detector("PSI > 0.2, every feature", "inputs, nightly", 28.4, 24.1, 30.0, 1.0, 1.0, False),
            Detector("Kolmogorov-Smirnov p < 0.05", "inputs, nightly", 30.0, 29.0, 30.0, 1.0, 1.0, False),
            Detector("PSI over own noise", "inputs, nightly", 0.4, 0.0, 1.6, 0.93, 1.0, True, chosen=True),
            Detector("CUSUM of accuracy", "accuracy, weekly", 0.1, 0.0, 0.9, 0.0, 0.43, True),
        ),
        (
            Shift(start + 186 * DAY, "distribution", "dep_delay_mean_24h", 5.9, 0.1, 0.9, 13.0, 0.021),
            Shift(start + 340 * DAY, "share of nulls", "wind_gust", 4.1, 0.1, 0.9, None, None),
        ),
        (
            Fault("amounts times 100", 0.0553, 0.048, 0.0626, 0.1, 1.0, 8.0, 1.0),
            Fault("history frozen for 7 days", 0.0219, 0.0151, 0.0287, None, None, 8.0, 0.0),
            Fault("30 % of a column null", 0.0067, 0.0031, 0.0103, 0.1, 1.0, 10.0, 1.0),
        ),
        tuple((start + n * DAY, value, value > 3.5) for n, value in enumerate(values)),
        288,
        1.0,
        (0.4, 2.0, 5.8),
        6.2,
        ("nulls", "ranges", "volume", "age of features"),
        (26, 48),
    )


FLIGHTS_DELTA, FLIGHTS_METRIC = (0.0044, "roc_auc")
FLIGHTS_EVENT = finding(
    "freshness.event", "as of the event over last midnight", gain(0.0591, 0.0062, 38), FLIGHTS_DELTA
)
FLIGHTS_HOUR = finding(
    "freshness.hour", "as of the last hour over last midnight", gain(0.0474, 0.0066, 38), FLIGHTS_DELTA
)
FLIGHTS_NONE = finding("freshness.none", "no history over last midnight", gain(-0.0312, 0.0071, 38), FLIGHTS_DELTA)
FLIGHTS_ABOVE = finding(
    "freshness.event_over_hour", "as of the event over the last hour", gain(0.0117, 0.0031, 38), FLIGHTS_DELTA
)
FLIGHTS_FACTORS = (
    Factor(
        "velocity",
        "Data volume and velocity",
        "mlops",
        "922 events a day, busiest minute 0.15/s; as of the event over last midnight +0.0591 roc_auc [+0.0529, +0.0653] in 38 weeks",
        "only gains above 0.0653 mattering",
    ),
    Factor(
        "update frequency",
        "Model update frequency",
        "undecided",
        "retraining every 4 weeks loses +0.0011 [-0.0004, +0.0026] against weekly",
        "gains of 0.0026 mattering; a person who can't retrain every 4 weeks",
    ),
    Factor(
        "monitoring",
        "Monitoring and observability",
        "mlops",
        "a fault stays unseen 6 days longer; one rule keeps the alarm budget",
        "a fault that costs less than 0.0044 a day",
    ),
    Factor(
        "team",
        "Team and tooling",
        "batch",
        "needed, but not operable by this team yet: streaming features",
        "the profile in [team], and what stands in the repository",
    ),
    Factor(
        "growth",
        "Growth and scale",
        "batch",
        "one machine carries 2,900 times today's need",
        "a growth of 9 % a month or more",
    ),
)
FLIGHTS_PARTS = (
    Part(
        "streaming features",
        "needed",
        "as of the event over last midnight +0.0591 roc_auc [+0.0529, +0.0653] in 38 weeks; of the last full hour +0.0474",
        "only gains above 0.0653 mattering",
        FLIGHTS_EVENT.gain,
        Price((2640, 2955, 3265), 1365, (1275, 1590, 1900), (2640, 2955, 3265), 230.9, 0.46),
        operable=False,
        required="an answer within 5 min (declared)",
    ),
    Part(
        "faster labels",
        "undecided",
        "labels after 0h over 1d +0.0019 roc_auc [-0.0021, +0.0059] in 38 weeks",
        "about 31 weeks more",
        gain(0.0019, 0.004, 38),
        Price((-105, 95, 295), 220, (-325, -125, 75), (-105, 95, 295), None, None),
    ),
    Part(
        "automatic retraining",
        "undecided",
        "every 4 weeks against weekly +0.0041 roc_auc [+0.0012, +0.0070] in 38 weeks",
        "about 31 weeks more",
        gain(0.0041, 0.0029, 38),
        Price((60, 205, 350), 12, (48, 193, 338), (60, 205, 350), 2.9, 0.06),
        insurance=True,
        operable=True,
    ),
    Part(
        "endpoint",
        "needed",
        "an answer is declared to be needed within 5 minutes",
        "a declared deadline of a day",
        None,
        None,
        operable=False,
    ),
    Part(
        "monitoring",
        "needed",
        "a fault stays unseen 6 days longer without it, at 0.0410 a day",
        "fewer than 0.3 incidents a year",
        None,
        Price((90, 240, 510), 40, (50, 200, 470), (90, 240, 510), 18.0, None),
        operable=True,
    ),
    Part(
        "Spark",
        "not needed",
        "one machine carries 2,900 times today's need",
        "a growth of 9 % a month or more",
        operable=False,
    ),
)
FLIGHTS_DESIGN = "a nightly run on one machine, with monitoring of each night, features computed as events come, an endpoint that answers"
FLIGHTS_PATH = (
    "compute features as events come: as of the event over last midnight +0.0591 roc_auc [+0.0529, +0.0653] in 38 weeks (this team cannot operate it yet)",
    "watch inputs and predictions every night: a fault stays unseen 6 days longer without it",
    "if you like, as insurance, retrain on a calendar, by `dayshift schedule` and `[schedule] train`: every 4 weeks against weekly +0.0041",
)
FLIGHTS_SKILL = Skill(
    FLIGHTS_METRIC,
    True,
    0.5,
    0.7193,
    FLIGHTS_DELTA,
    True,
    {"same as the route's mean": 0.612, "same as the last flight": 0.5711},
    {
        "same as the route's mean": finding(
            "naive.route", "model over the route's mean", gain(0.1073, 0.0091, 38), FLIGHTS_DELTA
        ),
        "same as the last flight": finding(
            "naive.last", "model over the last flight", gain(0.1482, 0.0083, 38), FLIGHTS_DELTA
        ),
    },
)
FLIGHTS_VOLUME = Volume(
    (
        SourceVolume("departures", 336776, 922.7, 71300.0, {"median": 3100000000.0, "99 %": 21000000000.0}),
        SourceVolume("weather", 26115, 71.5, 2900.0),
    ),
    365.0,
    362891,
    0.0115,
    2.31,
    0.031,
    0.15,
    1.9,
    60000000,
    daily(at("2013-01-01"), 365, 922, 0.004),
    300000000,
)
FLIGHTS_FRESHNESS = Ladder(
    "freshness",
    "midnight",
    (
        Rung("none", 0.629, FLIGHTS_NONE),
        Rung("midnight", 0.6602),
        Rung("hour", 0.7076, FLIGHTS_HOUR),
        Rung("event", 0.7193, FLIGHTS_EVENT),
    ),
    (FLIGHTS_ABOVE,),
)
FLIGHTS_LABEL_DELAY = Ladder(
    "label delay",
    "1d",
    (
        Rung("1d", 0.7193),
        Rung("6h", 0.7199, finding("labels.6h", "labels after 6h over 1d", gain(0.0006, 0.0012, 38), FLIGHTS_DELTA)),
        Rung("0h", 0.7212, finding("labels.0h", "labels after 0h over 1d", gain(0.0019, 0.004, 38), FLIGHTS_DELTA)),
    ),
)
FLIGHTS_TEAM = Team(
    True,
    (
        Ability("python", "yes", ("pipeline.py:1",), "agreed"),
        Ability("orchestration", "yes", ("dags/nightly.py:12",), "agreed"),
        Ability("streaming", "no", (), "absent"),
        Ability("containers", None, ("Dockerfile:1",), "found, not declared"),
        Ability("serving", "partly", (), "declared, no file"),
    ),
    (
        Asks("nightly batch", (), False, (), 0, 4, True),
        Asks("retraining on a calendar", ("a second nightly step",), False, (), 4, 1, True),
        Asks(
            "streaming features",
            ("a broker", "a state store", "a stream worker"),
            True,
            ("streaming", "on-call"),
            160,
            24,
            False,
        ),
        Asks("endpoint", ("a service",), True, ("serving",), 60, 10, False),
    ),
    20.0,
    False,
)
FLIGHTS_GROWTH = Growth(
    (-0.002, 0.004, 0.01),
    (1.02, 1.03, 1.04, 1.05, 1.04, 0.86, 0.96),
    forecast(at("2014-01-01"), 968, 0.004, 0.02),
    (
        Saturation(
            "nightly",
            2900.0,
            {"compounding": (None, None, None), "linear": (None, None, None)},
            {"compounding": 0.0, "linear": 0.0},
            {"compounding": 0.0, "linear": 0.0},
        ),
        Saturation(
            "live",
            9400.0,
            {"compounding": (None, None, None), "linear": (None, None, None)},
            {"compounding": 0.0, "linear": 0.0},
            {"compounding": 0.0, "linear": 0.0},
        ),
    ),
    Capacity(
        (171000.0, 184000.0, 196000.0),
        (1290.0, 1410.0, 1530.0),
        (380000.0, 402000.0, 411000.0),
        312.0,
        4044,
        8000000000,
        2,
    ),
    365 * DAY,
    "not needed",
    "one machine carries 2,900 times today's need",
)
FLIGHTS_ASSUMPTIONS = (
    "smallest gain that matters: 2 % of skill = 0.0044 roc_auc ([advise] smallest_gain)",
    "a person retrains every 4 weeks by hand ([advise] retrain_by_hand)",
    "one false alarm in 30 days is tolerated ([advise] alarm_budget)",
)
FLIGHTS_HOW = {
    "weeks": 38,
    "lead-in": "70 days, until 2013-03-25",
    "rows": {"trained on": 84200, "scored on": 121450},
    "fits": 152,
    "seeds": 2,
    "seconds": 41.3,
    "families": ["gradient boosting", "logistic regression"],
    "currency": "EUR",
}


def flights() -> Advice:
    """Departures of New York City 2013: fresh features pay, retraining too, and the team has prices."""
    return Advice(
        pipeline="flights",
        at=at("2014-01-01"),
        headline="Move towards MLOps for streaming features; monitoring fits in the nightly run; still open: automatic retraining",
        factors=FLIGHTS_FACTORS,
        parts=FLIGHTS_PARTS,
        design=FLIGHTS_DESIGN,
        path=FLIGHTS_PATH,
        skill=FLIGHTS_SKILL,
        volume=FLIGHTS_VOLUME,
        freshness=FLIGHTS_FRESHNESS,
        label_delay=FLIGHTS_LABEL_DELAY,
        cadence=_flights_cadence(FLIGHTS_DELTA),
        monitoring=_flights_monitoring(FLIGHTS_DELTA),
        team=FLIGHTS_TEAM,
        growth=FLIGHTS_GROWTH,
        contradictions=(
            "roc_auc rises by 0.0041 with weekly retraining while log_loss rises (gets worse) by 0.0007; roc_auc decides",
        ),
        notes=("The first model of the year saw only two months: most of .680 → .719 is more data and not decay.",),
        assumptions=FLIGHTS_ASSUMPTIONS,
        how=FLIGHTS_HOW,
    )
