"""Advices as a run would give them, with figures known from real and simulated histories, for tests of what shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from dayshift.adviser.evidence import (
    Advice,
    Ageing,
    Asks,
    Cadence,
    CadencePoint,
    Capacity,
    Detector,
    Factor,
    Fault,
    Finding,
    Gain,
    Growth,
    Ladder,
    Monitoring,
    Part,
    Price,
    Rung,
    Saturation,
    Shift,
    Skill,
    Skillset,
    SourceVolume,
    Suspicion,
    Team,
    Volume,
)

DAY = 86_400_000_000
WEEK = 7 * DAY


def at(text: str) -> int:
    """A day as microseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def gain(mean: float, half: float, weeks: int = 14, start: int = at("2013-04-01")) -> Gain:
    """A gain with plausible weeks around its mean."""
    weekly = tuple(mean + half * 1.6 * math.sin(2.4 * week) for week in range(weeks))
    starts = tuple(start + week * WEEK for week in range(weeks))
    return Gain(mean, mean - half, mean + half, weekly, starts, lag1=0.12, seeds=2, seed_sd=half / 6)


def finding(name: str, title: str, found: Gain | None, delta: float, *reasons: str) -> Finding:
    """A finding judged as the adviser judges."""
    if found is None or reasons:
        verdict = "undecided"
    else:
        verdict = "needed" if found.low >= delta else "not needed" if found.high < delta else "undecided"
    needed = found.weeks + 27 if verdict == "undecided" and found is not None else None
    second = gain(found.mean * 0.8, found.half * 1.2) if found is not None else None
    return Finding(name, title, found, delta, verdict, reasons, needed, second=second)


def daily(start: int, days: int, level: float, growth: float = 0.0) -> tuple[tuple[int, int], ...]:
    """Events a day with a week's shape and some noise."""
    shape = (1.02, 1.03, 1.04, 1.05, 1.04, 0.86, 0.96)
    return tuple(
        (
            start + n * DAY,
            int(level * math.exp(growth * n / 30) * shape[n % 7] * (1 + 0.04 * math.sin(n * 1.7 + n**1.3))),
        )
        for n in range(days)
    )


def forecast(
    start: int, level: float, monthly: float, spread: float
) -> Mapping[str, tuple[tuple[int, float, float, float], ...]]:
    """A year ahead by both laws."""
    both = {}
    for law in ("compounding", "linear"):
        points = []
        for month in range(13):
            middle = level * ((1 + monthly) ** month if law == "compounding" else 1 + monthly * month)
            wide = spread * (1 + month / 3) * middle
            points.append((start + month * 30 * DAY, max(middle - wide, 0.0), middle, middle + wide))
        both[law] = tuple(points)
    return both


def flights() -> Advice:
    """Departures of New York City 2013: fresh features pay, retraining too, and the team has prices."""
    delta, metric = 0.0044, "roc_auc"
    event = finding("freshness.event", "as of the event over last midnight", gain(0.0591, 0.0062, 38), delta)
    hour = finding("freshness.hour", "as of the last hour over last midnight", gain(0.0474, 0.0066, 38), delta)
    none = finding("freshness.none", "no history over last midnight", gain(-0.0312, 0.0071, 38), delta)
    above = finding("freshness.event_over_hour", "as of the event over the last hour", gain(0.0117, 0.0031, 38), delta)
    return Advice(
        pipeline="flights",
        at=at("2014-01-01"),
        headline="Move towards MLOps for streaming features; monitoring fits in the nightly run; still open: automatic retraining",
        factors=(
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
                "batch",
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
        ),
        parts=(
            Part(
                "streaming features",
                "needed",
                "as of the event over last midnight +0.0591 roc_auc [+0.0529, +0.0653] in 38 weeks; of the last full hour +0.0474",
                "only gains above 0.0653 mattering",
                event.gain,
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
        ),
        design="a nightly run on one machine, with monitoring of each night, features computed as events come, an endpoint that answers",
        path=(
            "compute features as events come: as of the event over last midnight +0.0591 roc_auc [+0.0529, +0.0653] in 38 weeks (this team cannot operate it yet)",
            "watch inputs and predictions every night: a fault stays unseen 6 days longer without it",
            "if you like, as insurance, retrain on a calendar, by `dayshift schedule` and `[schedule] train`: every 4 weeks against weekly +0.0041",
        ),
        skill=Skill(
            metric,
            True,
            0.5,
            0.7193,
            delta,
            True,
            {"same as the route's mean": 0.612, "same as the last flight": 0.5711},
            {
                "same as the route's mean": finding(
                    "naive.route", "model over the route's mean", gain(0.1073, 0.0091, 38), delta
                ),
                "same as the last flight": finding(
                    "naive.last", "model over the last flight", gain(0.1482, 0.0083, 38), delta
                ),
            },
        ),
        volume=Volume(
            (
                SourceVolume("departures", 336_776, 922.7, 71_300.0, {"median": 3.1e9, "99 %": 2.1e10}),
                SourceVolume("weather", 26_115, 71.5, 2_900.0),
            ),
            365.0,
            362_891,
            0.0115,
            2.31,
            0.031,
            0.15,
            1.9,
            60_000_000,
            daily(at("2013-01-01"), 365, 922, 0.004),
            300_000_000,
        ),
        freshness=Ladder(
            "freshness",
            "midnight",
            (
                Rung("none", 0.6290, none),
                Rung("midnight", 0.6602),
                Rung("hour", 0.7076, hour),
                Rung("event", 0.7193, event),
            ),
            (above,),
        ),
        label_delay=Ladder(
            "label delay",
            "1d",
            (
                Rung("1d", 0.7193),
                Rung("6h", 0.7199, finding("labels.6h", "labels after 6h over 1d", gain(0.0006, 0.0012, 38), delta)),
                Rung("0h", 0.7212, finding("labels.0h", "labels after 0h over 1d", gain(0.0019, 0.004, 38), delta)),
            ),
        ),
        cadence=_flights_cadence(delta),
        monitoring=_flights_monitoring(delta),
        team=Team(
            True,
            (
                Skillset("python", "yes", ("pipeline.py:1",), "agreed"),
                Skillset("orchestration", "yes", ("dags/nightly.py:12",), "agreed"),
                Skillset("streaming", "no", (), "absent"),
                Skillset("containers", None, ("Dockerfile:1",), "found, not declared"),
                Skillset("serving", "partly", (), "declared, no file"),
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
        ),
        growth=Growth(
            (-0.002, 0.004, 0.010),
            (0.02, 0.03, 0.04, 0.05, 0.04, -0.14, -0.04),
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
                (171_000.0, 184_000.0, 196_000.0),
                (1_290.0, 1_410.0, 1_530.0),
                (380_000.0, 402_000.0, 411_000.0),
                312.0,
                4_044,
                8_000_000_000,
                2,
            ),
            365 * DAY,
            "not needed",
            "one machine carries 2,900 times today's need",
        ),
        contradictions=(
            "roc_auc rises by 0.0041 with weekly retraining while log_loss rises (gets worse) by 0.0007; roc_auc decides",
        ),
        notes=("The first model of the year saw only two months: most of .680 → .719 is more data and not decay.",),
        assumptions=(
            "smallest gain that matters: 2 % of skill = 0.0044 roc_auc ([advise] smallest_gain)",
            "a person retrains every 4 weeks by hand ([advise] retrain_by_hand)",
            "one false alarm in 30 days is tolerated ([advise] alarm_budget)",
        ),
        how={
            "weeks": 38,
            "lead-in": "70 days, until 2013-03-25",
            "rows": {"trained on": 84_200, "scored on": 121_450},
            "fits": 152,
            "seeds": 2,
            "seconds": 41.3,
            "families": ["gradient boosting", "logistic regression"],
            "currency": "EUR",
        },
    )


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


def transactions() -> Advice:
    """Simulated card payments: the batch pipeline suffices; labels a week sooner are by far the best investment. No prices."""
    delta, metric, start = 0.0143, "average_precision", at("2018-06-10")
    one = finding("labels.1d", "labels after 1d over 7d", gain(0.1431, 0.0152, 16, start), delta)
    three = finding("labels.3d", "labels after 3d over 7d", gain(0.0902, 0.0131, 16, start), delta)
    event = finding("freshness.event", "as of the event over last midnight", gain(0.0089, 0.0052, 16, start), delta)
    ages = tuple(range(9))
    values = tuple(0.7148 + 0.0006 * math.sin(age * 1.9) for age in ages)
    cadence = finding("cadence.4", "weekly over every 4 weeks", gain(-0.0020, 0.0055, 13, start), delta)
    growth = Growth(
        (-0.0010, -0.0003, 0.0005),
        (0.0, 0.01, 0.0, -0.01, 0.0, 0.0, 0.0),
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
            (2.9e6, 3.0e6, 3.1e6),
            (1_400.0, 1_500.0, 1_600.0),
            (480_000.0, 500_000.0, 520_000.0),
            640.0,
            4_990,
            8_000_000_000,
            2,
        ),
        365 * DAY,
        "undecided",
        "the interval of the saturation date begins within twice the horizon",
    )
    return Advice(
        "card fraud",
        at("2018-10-01"),
        "The traditional batch pipeline suffices; add faster labels",
        factors=(
            Factor(
                "velocity",
                "Data volume and velocity",
                "batch",
                "9,586 events a day; at-event features +0.0089 [+0.0037, +0.0141]",
                "gains of 0.0037 mattering",
            ),
        ),
        parts=(
            Part(
                "streaming features",
                "not needed",
                "as of the event over last midnight +0.0089 average_precision [+0.0037, +0.0141]",
                "gains of 0.0037 mattering",
                event.gain,
            ),
            Part(
                "faster labels",
                "needed",
                "labels after 1d over 7d +0.1431 average_precision [+0.1279, +0.1583]",
                "only gains above 0.1583 mattering",
                one.gain,
            ),
            Part(
                "automatic retraining",
                "not needed",
                "every 4 weeks loses -0.0020 [-0.0075, +0.0035] against weekly",
                "gains of 0.0035 mattering",
                cadence.gain,
            ),
        ),
        design="a nightly run on one machine, with labels brought in sooner; nothing that runs all day",
        path=("get labels sooner: labels after 1d over 7d +0.1431 average_precision",),
        skill=Skill(
            metric,
            True,
            0.0084,
            0.7150,
            delta,
            True,
            {"share of frauds at the terminal": 0.31},
            {"share of frauds at the terminal": finding("naive.terminal", "", gain(0.405, 0.03, 16, start), delta)},
        ),
        volume=Volume(
            (SourceVolume("payments", 1_754_155, 9_585.5, 612_000.0),),
            183.0,
            1_754_155,
            0.111,
            1.84,
            0.31,
            0.48,
            1.02,
            1_000_000,
            daily(at("2018-04-01"), 183, 9585),
        ),
        freshness=Ladder(
            "freshness",
            "midnight",
            (
                Rung("midnight", 0.7061),
                Rung(
                    "hour",
                    0.7071,
                    finding("freshness.hour", "last hour over last midnight", gain(0.0010, 0.0031, 16, start), delta),
                ),
                Rung("event", 0.7150, event),
            ),
        ),
        label_delay=Ladder(
            "label delay",
            "7d",
            (
                Rung("7d", 0.7150),
                Rung("3d", 0.8052, three),
                Rung("1d", 0.8581, one),
                Rung(
                    "0d", 0.8692, finding("labels.0d", "labels at once over 7d", gain(0.1542, 0.0161, 16, start), delta)
                ),
            ),
        ),
        cadence=Cadence(
            tuple(
                CadencePoint(name, weeks, 0.7150 - lost, gain(lost, 0.0055, 13, start), fits, fits * 0.18, "suffices")
                for name, weeks, lost, fits in (
                    ("never", 13, 0.0013, 0.0),
                    ("every 8 weeks", 8, -0.0008, 6.5),
                    ("every 4 weeks", 4, -0.0020, 13.0),
                    ("every 2 weeks", 2, -0.0011, 26.0),
                    ("weekly", 1, 0.0, 52.0),
                )
            ),
            cadence,
            13.0,
            None,
            4.0,
            "never",
            None,
            None,
            None,
            Ageing(ages, values, tuple(v - 0.006 for v in values), tuple(v + 0.006 for v in values), None, 228.0, None),
        ),
        growth=growth,
        assumptions=("smallest gain that matters: 2 % of skill = 0.0143 average_precision",),
        how={"weeks": 16, "lead-in": "70 days", "seconds": 47.0},
    )


def losses() -> Advice:
    """A metric of which less is better, and a model that a naive prediction beats."""
    delta, metric, start = 0.006, "log_loss", at("1997-06-02")
    found = finding("cadence.4", "weekly over every 4 weeks", gain(0.0312, 0.0074, 60, start), delta)
    ages = tuple(range(14))
    values = tuple(0.452 + 0.06 * (1 - 2 ** (-age / 5)) for age in ages)
    cadences = (
        ("never", 26, 0.081, 0.0),
        ("every 13 weeks", 13, 0.052, 4.0),
        ("every 4 weeks", 4, 0.0312, 13.0),
        ("every 2 weeks", 2, 0.011, 26.0),
        ("weekly", 1, 0.0, 52.0),
        ("daily", 1 / 7, -0.002, 365.0),
    )
    points = tuple(
        CadencePoint(
            name,
            weeks,
            0.452 + lost,
            gain(lost, 0.007, 60, start),
            fits,
            fits * 0.05,
            "too lazy" if lost > 0.02 else "",
        )
        for name, weeks, lost, fits in cadences
    )
    return Advice(
        "price direction",
        at("1998-12-07"),
        "The traditional batch pipeline suffices; add automatic retraining",
        parts=(
            Part(
                "automatic retraining",
                "needed",
                "every 4 weeks loses +0.0312 log_loss against weekly",
                "only gains above 0.0386 mattering",
                found.gain,
            ),
        ),
        skill=Skill(
            metric,
            False,
            0.6931,
            0.452,
            delta,
            False,
            {"same as the last half hour": 0.4176},
            {"same as the last half hour": finding("naive.last", "", gain(-0.0344, 0.009, 60, start), delta)},
        ),
        cadence=Cadence(
            points,
            found,
            1.0,
            4.0,
            4.0,
            "weekly",
            None,
            None,
            None,
            Ageing(ages, values, tuple(v - 0.01 for v in values), tuple(v + 0.01 for v in values), 5.1, 4.0, 7.2),
            reasons=(),
        ),
        design="a nightly run on one machine, with retraining on a calendar; nothing that runs all day",
    )


def short() -> Advice:
    """Too little history: nothing is decided, and it says when to come back."""
    why = "4 evaluation weeks after the lead-in, 6 are needed: come back on 2026-04-02"
    nothing = finding("freshness.event", "as of the event over last midnight", None, 0.01, why)
    return Advice(
        "deliveries",
        at("2026-03-05"),
        "Not enough evidence yet: nothing that would justify a move could be measured",
        factors=(Factor("velocity", "Data volume and velocity", "undecided", why, "more history"),),
        parts=(
            Part("streaming features", "undecided", f"not enough evidence: {why}", why),
            Part("automatic retraining", "undecided", f"not enough evidence: {why}", why),
        ),
        skill=Skill("roc_auc", True, 0.5, float("nan"), 0.01, True),
        freshness=Ladder(
            "freshness", "midnight", (Rung("midnight", float("nan")), Rung("event", float("nan"), nothing)), (), (why,)
        ),
        cadence=Cadence(
            (),
            finding("cadence.4", "weekly over every 4 weeks", None, 0.01, why),
            None,
            None,
            4.0,
            "",
            None,
            None,
            None,
            Ageing((), (), (), (), None, None, None),
            reasons=(why,),
        ),
        volume=Volume(
            (SourceVolume("orders", 5_120, 64.0, 9_000.0),),
            80.0,
            5_120,
            0.0007,
            2.2,
            0.004,
            0.05,
            1.1,
            DAY,
            daily(at("2025-12-15"), 80, 64),
        ),
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


SAMPLES = {
    "flights": flights,
    "transactions": transactions,
    "losses": losses,
    "short": short,
    "stopped": stopped,
    "interrupted": interrupted,
}
