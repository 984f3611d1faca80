"""The parts of the advice that are about running it: volume, monitoring, the team, and growth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from dayshift.adviser.evidence import Detector, Growth, Monitoring, Saturation, Team, Volume
from dayshift.exports.advice_quality import Yardstick, figure_of, findings_table
from dayshift.exports.advice_words import (
    DASH,
    NBSP,
    dated,
    day,
    days,
    heading,
    interval,
    length,
    listed,
    number,
    paragraph,
    percent,
    plain_interval,
    rate,
    sentence,
    size,
    stack,
    unfold,
    vast,
    verdict,
)
from dayshift.exports.charts import (
    Band,
    Layer,
    Level,
    Line,
    Marks,
    Moment,
    Note,
    Row,
    Stems,
    gaps_apart,
    intervals,
    plot,
    points_of,
)
from dayshift.exports.page import Figure, Html, table, tiles
from dayshift.exports.scales import DAY_US, Axis, finite, tick_text

FULL = (
    "component",
    "room today",
    "full by the compounding law",
    "by the linear law",
    "within 1 year",
    "within 3 years",
)
Ahead = dict[str, list[tuple[float, ...]]]
LAWS = (("compounding", "main"), ("linear", "second"))
MINUTE_US = 60_000_000
COMPONENTS = {"nightly": "a night", "live": "live, one by one", "memory": "memory of the live state"}
SHORT = {"nightly": "a night"}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONITORING_HOW = (
    "Detectors ran over the whole history with thresholds from this history's own calm days; false alarms are counted on calm "
    "days that were held out. Faults were injected into held-out weeks and the loss of the metric measured until each kind of "
    "watching would have shown them. A nightly report sees inputs the next morning; accuracy has to wait for labels."
)
GROWTH_HOW = (
    "A log-linear trend with weekday effects on daily counts; its interval is a block bootstrap of the residuals. Two laws are "
    "shown side by side and never averaged. Capacity is measured on this machine with this pipeline, in a short run. Whatever "
    "lies further ahead than twice the history is a scenario and not a forecast."
)


def volume_part(volume: Volume | None) -> list[Html | str | None]:
    """How much comes, and how fast."""
    if volume is None:
        return []
    rows = [
        (
            source.source,
            number(source.rows),
            number(source.rows_a_day),
            size(source.bytes_a_day),
            _late(source.late_us),
        )
        for source in volume.sources
    ]
    head = ("source", "rows", "rows a day", "stored a day", "arrives late by")
    asked = finite(volume.deadline_us)
    said = f"Event times are multiples of {length(volume.resolution_us)}." if finite(volume.resolution_us) else ""
    said += f" An answer is declared to be needed within {length(asked)}." if asked is not None else ""
    return [
        tiles(
            (
                ("events", number(volume.events, 4), f"in {number(volume.days)} days"),
                ("mean rate", *rate(volume.mean_rate)),
                ("busiest hour", *rate(volume.peak_hour)),
                ("busiest minute", *_minute(volume)),
                ("busy hour (p99)", number(volume.p99_hour_ratio), "times the mean"),
                ("burstiness", number(volume.burstiness), "1 is even"),
            )
        ),
        paragraph(said.strip()),
        stack(head, rows, "By source"),
    ]


def _minute(volume: Volume) -> tuple[Figure, str]:
    """The busiest minute, where the times are fine enough to have one."""
    coarse = (finite(volume.resolution_us) or 0.0) > MINUTE_US
    return (Figure(DASH), "times are too coarse") if coarse else rate(volume.peak_minute)


def _late(late_us: Mapping[str, float] | None) -> str:
    return ", ".join(f"{name} {length(late)}" for name, late in late_us.items()) if late_us else "not known"


def monitoring_part(monitoring: Monitoring | None, unit: Yardstick) -> list[Html | str | None]:
    """What moved, which alarm rule keeps the budget, and what faults cost unseen."""
    if monitoring is None:
        return []
    return [
        paragraph(_monitoring_says(monitoring), "meaning"),
        listed(monitoring.reasons),
        heading("What moved in this history"),
        figure_of(
            _timeline(monitoring),
            "Strongest shift of each day, in standard deviations of calm days; triangles are alarms",
        ),
        _shifts(monitoring, unit),
        heading("Which alarm rule to trust"),
        *_detectors(monitoring),
        *_faults(monitoring, unit),
        unfold(
            "The days by month, and how this was computed",
            MONITORING_HOW,
            _by_month(monitoring),
            findings_table(
                [monitoring.finding],
                f"The numbers behind it: loss of {unit.metric} a day × the days that the mean fault is found sooner",
            ),
        ),
    ]


def _monitoring_says(monitoring: Monitoring) -> str:
    quiet = [one for one in monitoring.detectors if one.within_budget]
    loud = len(monitoring.detectors) - len(quiet)
    said = []
    if monitoring.detectors:
        said.append(
            f"Of {_count(len(monitoring.detectors), 'alarm rule')}, {loud} {'breaks' if loud == 1 else 'break'} the budget of "
            f"{_count(monitoring.budget_per_30d, 'false alarm')} in 30 calm days."
        )
    chosen = next((one for one in monitoring.detectors if one.chosen), None)
    if chosen is not None:
        said.append(f"The rule to use: {chosen.name} ({chosen.watches}){_finds(chosen)}.")
    if finite(monitoring.exposure_days) is not None:
        said.append(f"Without watching, a fault stays unseen for {_count(monitoring.exposure_days, 'day', 2)} longer.")
    if monitoring.incidents_a_year is not None:
        low, middle, high = monitoring.incidents_a_year
        said.append(f"Incidents a year: {plain_interval(low, middle, high)}.")
    if monitoring.checks:
        said.append(f"Checks worth switching on: {', '.join(monitoring.checks)}.")
    return " ".join(said) or "Nothing could be measured here."


def _finds(rule: Detector) -> str:
    if finite(rule.found_day) is None:
        return ""
    return f"; it finds {percent(rule.found_day)} of the injected faults within a day"


def _count(value: float | None, name: str, digits: int = 3) -> str:
    """So many of something.

    >>> _count(1, "false alarm"), _count(2.5, "day")
    ('1 false alarm', '2.5 days')
    """
    said = number(value, digits)
    return f"{said} {name}{'' if said == '1' else 's'}"


def _timeline(monitoring: Monitoring) -> Html:
    points = points_of((at, strength) for at, strength, _ in monitoring.daily)
    if len(points) < 3:
        return Html("")
    rung = [(at, finite(strength)) for at, strength, alarm in monitoring.daily if alarm]
    alarms = [(float(at), strength) for at, strength in rung if strength is not None]
    along = Axis("", points[0][0], points[-1][0], "time").padded(0.0001)
    most = max(strength for _, strength in points)
    up = Axis("strongest shift, calm sd", min(0.0, *(y for _, y in points)), most * 1.12 or 1.0)
    layers: list[Layer] = [Stems([(x, y) for x, y in points]), Marks([(x, y) for x, y in alarms])]
    inside = [(at, shift) for at, shift in enumerate(monitoring.shifts, 1) if points[0][0] <= shift.at <= points[-1][0]]
    layers += [Moment(float(shift.at), str(at)) for at, shift in inside[:20]]
    said = ", ".join(day(at) for at, _ in alarms[:60]) or "none"
    says = f"{len(points)} days from {day(points[0][0])} to {day(points[-1][0])}, strongest {number(most)}. Alarms on: {said}."
    return plot("drift", "Drift timeline", says, (along, up), layers, 240)


def _shifts(monitoring: Monitoring, unit: Yardstick) -> Html | str:
    if not monitoring.shifts:
        return "No lasting shift was found."
    head = (
        "no.",
        "from",
        "what moved",
        "strength",
        "seen live after",
        "nightly",
        "by weekly accuracy",
        f"cost: loss of {unit.metric} a day × days unseen",
    )
    rows = [
        (
            str(at),
            dated(shift.at),
            f"{shift.what}: {shift.subject}",
            f"{number(shift.strength, 2)} sd",
            days(shift.days_live),
            days(shift.days_nightly),
            days(shift.days_weekly_accuracy),
            number(shift.cost),
        )
        for at, shift in enumerate(monitoring.shifts, 1)
    ]
    ways = ([one.days_live, one.days_nightly, one.days_weekly_accuracy] for one in monitoring.shifts)
    unseen = sum(all(finite(way) is None for way in each) for each in ways)
    shown = stack(head, rows, "Shifts that this history really held, numbered as in the timeline") or Html("")
    return Html((paragraph(_unseen(unseen, len(rows))) or Html("")).text + shown.text)


def _unseen(unseen: int, shifts: int) -> str:
    if not unseen:
        return ""
    which = f"{unseen} of {shifts} shifts"
    if unseen == shifts:
        which = "The one shift" if shifts == 1 else f"Each of the {shifts} shifts"
    return f"{which} would not have been shown by any way of watching; what such shifts cost is counted over their whole span."


def _detectors(monitoring: Monitoring) -> list[Html | None]:
    if not monitoring.detectors:
        return []
    rows = [
        Row(
            one.name,
            one.low,
            one.false_per_30d,
            one.high,
            plain_interval(one.low, one.false_per_30d, one.high),
            "needed" if one.chosen else "not needed",
        )
        for one in monitoring.detectors
    ]
    budget = finite(monitoring.budget_per_30d)
    mark = Level(budget, f"budget: {number(budget)}") if budget is not None else None
    chart = intervals("alarms", "False alarms", rows, "false alarms in 30 calm days", mark=mark)
    head = ("rule", "watches", "false alarms in 30 days", "faults found in a day", "in a week", "within budget")
    listed_rows = [
        (
            f"{one.name}{' (to use)' if one.chosen else ''}",
            one.watches,
            plain_interval(one.low, one.false_per_30d, one.high),
            percent(one.found_day),
            percent(one.found_week),
            one.within_budget,
        )
        for one in monitoring.detectors
    ]
    caption = f"Alarm rules on {number(monitoring.calm_days)} calm days of this history"
    return [
        figure_of(chart, "False alarms of each rule with 95 % intervals; the full disc is the rule to use"),
        unfold("All rules in figures", stack(head, listed_rows, caption)),
    ]


def _faults(monitoring: Monitoring, unit: Yardstick) -> list[Html | None]:
    if not monitoring.faults:
        return []
    rows = [
        Row(
            fault.name,
            _minus(fault.high),
            _minus(fault.loss),
            _minus(fault.low),
            interval(_minus(fault.high), _minus(fault.loss), _minus(fault.low)),
        )
        for fault in monitoring.faults
    ]
    chart = intervals("faults", "What faults cost", rows, f"change of {unit.metric} a day (left is worse)", unit.delta)
    head = ("fault", f"loss of {unit.metric} a day", "seen live after", "nightly", "by labels", "alarms on day one")
    listed_rows = [
        (
            fault.name,
            plain_interval(fault.low, fault.loss, fault.high),
            days(fault.days_live),
            days(fault.days_nightly),
            days(fault.days_labels),
            percent(fault.found_day),
        )
        for fault in monitoring.faults
    ]
    return [
        heading("What a fault costs while nobody sees it"),
        figure_of(chart, "Injected faults: change of the metric with 95 % intervals"),
        stack(head, listed_rows, "Injected faults, and when each kind of watching shows them"),
    ]


def _minus(value: float | None) -> float | None:
    known = finite(value)
    return None if known is None else -known


def _by_month(monitoring: Monitoring) -> Html | None:
    months: dict[str, list[tuple[float | None, bool]]] = {}
    for at, strength, alarm in monitoring.daily:
        months.setdefault(day(at)[:7], []).append((finite(strength), alarm))
    rows = []
    for month, held in months.items():
        known = [strength for strength, _ in held if strength is not None]
        alarms = sum(alarm for _, alarm in held)
        rows.append(
            (month, len(held), number(median(known)) if known else DASH, number(max(known)) if known else DASH, alarms)
        )
    head = ("month", "days", "median shift, sd", "strongest, sd", "alarms")
    return table(head, rows, "The drift timeline by month") if rows else None


def team_part(team: Team | None) -> list[Html | str | None]:
    """What the options ask of this team, beside what was declared and what the repository shows."""
    if team is None:
        return []
    said = (
        []
        if team.declared
        else ["No profile is declared in [team], so nothing is said about what this team can operate."]
    )
    if finite(team.hours_a_month) is not None:
        said.append(f"Declared: {number(team.hours_a_month)} hours a month.")
    if team.on_call is not None:
        said.append(f"On call: {'yes' if team.on_call else 'no'}.")
    said.append("This changes efforts and the order of steps, never a verdict on the data.")
    options = [
        (
            one.option,
            ", ".join(one.runs) or "nothing",
            one.on_call,
            ", ".join(one.missing) or "nothing",
            number(one.setup_hours),
            number(one.hours_a_month),
            ("yes" if one.operable else "not yet") if team.declared else DASH,
        )
        for one in team.options
    ]
    head = (
        "option",
        "new things to run",
        "on call",
        "abilities not there yet",
        "hours to set up",
        "hours a month",
        "operable",
    )
    abilities = [(one.name, one.declared or DASH, ", ".join(one.found) or DASH, one.state) for one in team.abilities]
    return [
        paragraph(" ".join(said), "meaning"),
        stack(head, options, "What each option asks of this team"),
        unfold(
            "What was declared, and what was found in the repository",
            table(("ability", "declared", "found in the repository", "together"), abilities, "Declared and found"),
        )
        if abilities
        else None,
    ]


def growth_part(growth: Growth | None, volume: Volume | None) -> list[Html | str | None]:
    """Volume so far and ahead, and when something is full."""
    if growth is None:
        return []
    low, middle, high = growth.monthly
    trend = _trend(low, middle, high)
    full = [_full(one) for one in growth.saturations]
    caption = "Each day and the mean over seven days; two forecasts with 90 % bands; what one machine carries is dashed, or written where it lies far above"
    return [
        paragraph(
            " ".join(part for part in (trend, _left_out(growth, volume), sentence(growth.spark_evidence)) if part),
            "meaning",
        ),
        Html(f"<p>A second machine (Spark): {verdict(growth.spark_verdict).text}</p>")
        if growth.spark_verdict
        else None,
        figure_of(_growth_chart(growth, volume), caption),
        listed(growth.reasons),
        stack(FULL, full, "When one machine is full: middle date and its interval"),
        unfold(
            "The numbers, and how this was computed", GROWTH_HOW, _capacity(growth), _season(growth), _forecast(growth)
        ),
    ]


def _left_out(growth: Growth, volume: Volume | None) -> str:
    """Which days are not counted, where these are more than the last one, which is hardly ever over."""
    whole = finite(growth.whole_until_us)
    if whole is None or volume is None or not volume.daily or volume.daily[-1][0] - whole < DAY_US:
        return ""
    return f"Days from {day(whole)} on are left out: not all of their events had arrived."


def _trend(low: float, middle: float, high: float) -> str:
    known = [finite(value) for value in (low, middle, high)]
    if known[1] is None:
        return "A trend could not be measured."
    edges = "" if known[0] is None or known[2] is None else f" [{_share(known[0])}, {_share(known[2])}]"
    return f"Volume changes by {_share(known[1])} a month{edges}."


def _share(value: float) -> str:
    text = percent(value, 1 if abs(value) < 0.1 else 0)
    return f"+{text}" if value > 0 and any(digit in text for digit in "123456789") else text


def _full(one: Saturation) -> tuple[str, ...]:
    dates = [_dates(one.dates.get(law)) for law, _ in LAWS]
    chances = [
        ", ".join(f"{law} {percent(share)}" for law, share in within.items()) or DASH
        for within in (one.within_1y, one.within_3y)
    ]
    headroom = finite(one.headroom)
    room = Figure(DASH if headroom is None else f"{vast(headroom).replace(' ', NBSP)}{NBSP}×")
    return COMPONENTS.get(one.component, one.component), room, *dates, *chances


def _dates(dates: tuple[int | None, int | None, int | None] | None) -> str:
    if dates is None:
        return DASH
    early, middle, late = (finite(at) for at in dates)
    if early is None and middle is None and late is None:
        return "not in sight"
    named = [day(at) if at is not None else "later" for at in (early, middle, late)]
    return f"{named[1]} [{named[0]}, {named[2]}]"


def _growth_chart(growth: Growth, volume: Volume | None) -> Html:
    whole = finite(growth.whole_until_us)
    held = points_of(volume.daily) if volume else []
    history = [(point[0], point[1]) for point in held if whole is None or point[0] < whole]
    ahead: Ahead = {law: points_of(growth.forecast[law]) if law in growth.forecast else [] for law, _ in LAWS}
    ends = [point[-1] for law in ahead.values() for point in law] + [y for _, y in history]
    times = [x for x, _ in history] + [point[0] for law in ahead.values() for point in law]
    if len(times) < 3 or max(times) <= min(times):
        return Html("")
    now = _now(history, ahead)
    lines = [
        (f"{SHORT.get(one.component, one.component)} full", now * headroom)
        for one in growth.saturations
        if (headroom := finite(one.headroom)) and headroom > 0
    ]
    most = max(ends) or 1.0
    shown = [(name, y) for name, y in lines if y <= 4 * most]
    beyond = [(name, y) for name, y in lines if y > 4 * most]
    up = Axis("events a day", 0.0, max([most, *(y for _, y in shown)]) * (1.15 + 0.09 * len(beyond)) or 1.0)
    layers: list[Layer] = [*_growth_layers(history, ahead), *(Level(y, name) for name, y in shown)]
    layers += [Note(f"↑ {name} only at {tick_text(y)} events a day") for name, y in beyond]
    says = _growth_says(history, ahead, lines)
    along = Axis("", min(times), max(times), "time")
    scenario = finite(growth.scenario_from_us)
    if scenario is not None and along.low < scenario < along.high:
        layers.append(Moment(scenario, "from here a scenario"))
    return plot("growth", "Growth and capacity", says, (along, up), layers, 320)


def _now(history: Sequence[tuple[float, float]], ahead: Ahead) -> float:
    last = [y for _, y in history[-28:]] or [law[0][2] for law in ahead.values() if law] or [1.0]
    return sum(last) / len(last)


def _growth_layers(history: Sequence[tuple[float, float]], ahead: Ahead) -> list[Layer]:
    layers: list[Layer] = []
    for run in gaps_apart(history, 3 * DAY_US):
        layers.append(Line([(point[0], point[1]) for point in run], "thin"))
        smooth = [(run[at][0], sum(point[1] for point in run[at - 6 : at + 1]) / 7) for at in range(6, len(run))]
        if len(smooth) > 1:
            layers.append(Line(smooth))
    for law, style in LAWS:
        points = ahead[law]
        if len(points) > 1:
            layers.append(Band([(x, low, high) for x, low, _, high in points], style))
            layers.append(Line([(x, middle) for x, _, middle, _ in points], style, law))
    return layers


def _growth_says(
    history: Sequence[tuple[float, float]],
    ahead: Ahead,
    lines: Sequence[tuple[str, float]],
) -> str:
    said = []
    if history:
        values = [y for _, y in history]
        said.append(
            f"History of {len(values)} days: between {number(min(values))} and {number(max(values))} events a day"
        )
    for law, points in ahead.items():
        if points:
            at, low, middle, high = points[-1]
            said.append(f"{law} law on {day(at)}: {plain_interval(low, middle, high)}")
    said += [f"{name} at {number(y)}" for name, y in lines]
    return "; ".join(said) + "."


def _capacity(growth: Growth) -> Html | None:
    one = growth.capacity
    if one is None:
        return None
    rows = [
        ("a night: features and scores of many events at once", _speed(one.nightly_events_s)),
        ("live: features and scores, event by event", _speed(one.live_events_s)),
        ("of it the model alone, row by row", _speed(one.score_events_s)),
        ("features of a micro-batch", _speed(one.micro_batch_events_s)),
        ("the model alone, many rows at once", _speed(one.bulk_score_events_s)),
        ("state of an entity", size(one.bytes_per_entity)),
        ("entities", number(one.entities)),
        ("memory", size(one.memory_bytes)),
        ("cores", number(one.cores)),
    ]
    known = [row for row in rows if row[1] != DASH]
    return table(("measured on this machine", "rate or size [smallest, largest draw]"), known, "Capacity")


def _speed(three: tuple[float, float, float] | None) -> Figure:
    return plain_interval(*_ordered(three), "events a CPU second") if three and any(three) else Figure(DASH)


def _ordered(three: tuple[float, float, float]) -> tuple[float | None, float | None, float | None]:
    """Low, middle, high, in whatever order the middle was given."""
    known = sorted(value for value in (finite(each) for each in three) if value is not None)
    return (known[0], known[len(known) // 2], known[-1]) if known else (None, None, None)


def _season(growth: Growth) -> Html | None:
    if len(growth.season) != len(WEEKDAYS):
        return None
    rows = [
        (name, Figure(_share(known - 1) if (known := finite(share)) is not None else DASH))
        for name, share in zip(WEEKDAYS, growth.season, strict=True)
    ]
    return table(("weekday", "against the mean"), rows, "The week's shape")


def _forecast(growth: Growth) -> Html | None:
    rows = []
    for law, points in growth.forecast.items():
        step = max(1, len(points) // 6)
        rows += [(law, day(at), plain_interval(low, middle, high)) for at, low, middle, high in points[::step]]
    return table(("law", "day", "events a day, 90 % interval"), rows, "Forecasts") if rows else None
