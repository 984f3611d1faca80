"""What the adviser finds, as plain frozen values: measured, with intervals, and nothing computed here.

Gains are in the units of the user's metric and positive when better, whatever the metric (a lower log loss is a positive
gain). Times are microseconds since 1970-01-01 UTC, durations microseconds. `to_json` of the advice writes all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NEEDED, NOT_NEEDED, UNDECIDED = "needed", "not needed", "undecided"
BATCH, MLOPS = "batch", "mlops"
FRESHNESS = ("none", "midnight", "hour", "event")
"""From when the features are that answer a question: not at all, last midnight, the last full hour, the event itself."""


@dataclass(frozen=True)
class Gain:
    """How much better one way is than another: mean of paired weekly differences with its 95 % t interval.

    `weekly[n]` is the mean difference in the week that begins at `starts[n]`, averaged over seeds. `lag1` is the
    correlation of neighbouring weeks; `widened` says whether it widened the interval. `seed_sd` is the standard
    deviation of the mean from seed to seed, None with one seed.
    """

    mean: float
    low: float
    high: float
    weekly: tuple[float, ...]
    starts: tuple[int, ...]
    lag1: float = 0.0
    widened: bool = False
    seeds: int = 1
    seed_sd: float | None = None

    @property
    def weeks(self) -> int:
        """How many weeks it stands on."""
        return len(self.weekly)

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Finding:
    """One question to the history, its answer and what it stands on.

    `name` is stable ("freshness.event"), `title` says what is compared. `delta` is the smallest gain that matters.
    `reasons` are why the evidence is not enough (then `verdict` is undecided whatever the interval says).
    `weeks_needed` is how many weeks in all would settle it, None when it is settled or cannot be at this delta.
    `second` is the same from a second family of models; `pooled` and `others` from other ways to measure.
    The flip values are `gain.low` and `gain.high`: needed if gains of `low` matter, not needed if only above `high`.
    """

    name: str
    title: str
    gain: Gain | None
    delta: float
    verdict: str
    reasons: tuple[str, ...] = ()
    weeks_needed: int | None = None
    second: Gain | None = None
    pooled: Gain | None = None
    others: Mapping[str, Gain] = field(default_factory=dict)


@dataclass(frozen=True)
class Skill:
    """What the declared model is worth beside naive predictions, on the replay's own questions.

    Skill is the distance of `value` from `floor`, the metric of the best constant prediction. `value` is the mean over the
    weeks of a model fitted at each week's start, trained as the pipeline trains, with features as of the question. `delta` is
    the smallest gain that matters, `assumed` whether it is a share of skill that stands in for a declared one.
    `naive` gives the metric of each naive baseline, `beats` whether the model is shown better than each.
    """

    metric: str
    larger_is_better: bool
    floor: float
    value: float
    delta: float
    assumed: bool
    naive: Mapping[str, float] = field(default_factory=dict)
    beats: Mapping[str, Finding] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceVolume:
    """What one source brings. `bytes_a_day` as stored in the lake, 0 where nobody knows; `late_us` quantiles of arrival minus
    event time, None when the history does not know when events arrived."""

    source: str
    rows: int
    rows_a_day: float
    bytes_a_day: float
    late_us: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Volume:
    """Factor 1, what is measured without a model. Rates in events a second over all sources that are read.

    `peak_minute` and `peak_hour` are the busiest; `p99_hour_ratio` the 99th percentile hour over the mean; `burstiness`
    the variance of counts a minute over their mean (1 for a Poisson stream, Fano factor). `resolution_us` is the
    coarsest unit that every event time is a multiple of (a day for day stamps). Up to `told_until_us` every source has told
    of 99 % of its events; later days will still grow (None: nobody knows).
    """

    sources: tuple[SourceVolume, ...]
    days: float
    events: int
    mean_rate: float
    p99_hour_ratio: float
    peak_hour: float
    peak_minute: float
    burstiness: float
    resolution_us: int
    daily: tuple[tuple[int, int], ...] = ()
    deadline_us: int | None = None
    told_until_us: int | None = None


@dataclass(frozen=True)
class Rung:
    """One step of a ladder: a level with its metric's mean, and the finding on its gain over the foot (None at the foot)."""

    level: str
    value: float
    finding: Finding | None = None


@dataclass(frozen=True)
class Ladder:
    """Freshness, or label delay, from the poorest level to the best that could be bought.

    Each rung is compared with the `foot`: features as of last midnight (what somebody has who must answer at once from what
    a night left), or the declared label delay. `extra` compares other pairs of levels.
    """

    name: str
    foot: str
    rungs: tuple[Rung, ...]
    extra: tuple[Finding, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class CadencePoint:
    """Retraining every so often: `name` ("weekly", "every 4 weeks", "on drift alarm", ...), the metric's mean, the gain of
    weekly refits over it, how many fits that takes a year and how many CPU seconds.

    `verdict` is "suffices", "too lazy", "undecided" or empty where nothing is judged. `against_calendar` is what an alarm
    gains over a calendar of as many fits.
    """

    name: str
    weeks: float | None
    value: float
    lost: Gain | None
    fits_a_year: float
    cpu_s_a_year: float
    verdict: str = ""
    note: str = ""
    against_calendar: Gain | None = None


@dataclass(frozen=True)
class Ageing:
    """How a model's skill fades: the metric by age in weeks (mean over origins), and the half-life of its skill.

    `half_life_weeks` None when the fading is not shown; then only `low_weeks` is given ("longer than").
    """

    ages: tuple[int, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    half_life_weeks: float | None
    low_weeks: float | None
    high_weeks: float | None


@dataclass(frozen=True)
class Cadence:
    """Factor 2. `points` from the laziest to the most eager; `suffices` the laziest shown sufficient, `too_lazy` the most
    eager shown too lazy, in weeks. `hand_weeks` is how often a person retrains by hand. `knee` names the cadence beyond
    which nothing is shown to be gained. `against_never`: weekly refits over the models of the first weeks, never
    retrained; or over the laziest cadence shown to suffice, where those leave it open. `more_data`: training on all history
    over a sliding window of the same age; `decay`: what ageing alone costs. `single_start` is a picture only: one
    first model, never retrained, week by week."""

    points: tuple[CadencePoint, ...]
    finding: Finding
    suffices: float | None
    too_lazy: float | None
    hand_weeks: float
    knee: str
    against_never: Finding | None
    more_data: Finding | None
    decay: Finding | None
    ageing: Ageing
    single_start: tuple[tuple[int, float], ...] = ()
    notes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detector:
    """One alarm rule on this history: its false alarms in 30 calm days with a 95 % interval, and which share of the faults
    it found within a day and a week. `within_budget` whether it keeps the declared alarm budget."""

    name: str
    watches: str
    false_per_30d: float
    low: float
    high: float
    found_day: float | None
    found_week: float | None
    within_budget: bool
    chosen: bool = False


@dataclass(frozen=True)
class Shift:
    """A change that the history really held: what moved, from when, how strongly (in its own calm standard deviations), and
    after how many days each kind of watching would have shown it (None: not within its span)."""

    at: int
    what: str
    subject: str
    strength: float
    days_live: float | None
    days_nightly: float | None
    days_weekly_accuracy: float | None
    cost: float | None = None


@dataclass(frozen=True)
class Fault:
    """An injected fault: its loss of the metric a day (mean and interval), days until each kind of watching shows it."""

    name: str
    loss: float
    low: float
    high: float
    days_live: float | None
    days_nightly: float | None
    days_labels: float | None
    found_day: float


@dataclass(frozen=True)
class Monitoring:
    """Factor 3. The finding's gain is what watching saves a fault, in the metric's units times days.

    `daily` is the drift timeline: (day, strongest distance in calm standard deviations, alarm?). `incidents_a_year` is low,
    middle and high; `exposure_days` how many days longer a fault stays unseen without watching; `checks` names the rules to
    use, `drift_alarm_weeks` the numbers of the weeks in which they alarm.
    """

    finding: Finding
    detectors: tuple[Detector, ...]
    shifts: tuple[Shift, ...]
    faults: tuple[Fault, ...]
    daily: tuple[tuple[int, float, bool], ...]
    calm_days: int
    budget_per_30d: float
    incidents_a_year: tuple[float, float, float] | None
    exposure_days: float | None
    checks: tuple[str, ...] = ()
    drift_alarm_weeks: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    smallest_gain: float | None = None
    """The smallest gain of the metric that mattered when this was judged; what a fault costs is said in days of it."""


@dataclass(frozen=True)
class Ability:
    """One ability of the team: what was declared ("yes", "no", "partly", None) and what the repository shows (file:line)."""

    name: str
    declared: str | None
    found: tuple[str, ...]
    state: str
    """One of "agreed", "declared, no file", "found, not declared", "absent"."""


@dataclass(frozen=True)
class Asks:
    """What an option asks of this team: new things to run, on-call, abilities not there yet, hours to set up and a month."""

    option: str
    runs: tuple[str, ...]
    on_call: bool
    missing: tuple[str, ...]
    setup_hours: float
    hours_a_month: float
    operable: bool


@dataclass(frozen=True)
class Team:
    """Factor 4."""

    declared: bool
    abilities: tuple[Ability, ...]
    options: tuple[Asks, ...]
    hours_a_month: float | None = None
    on_call: bool | None = None


@dataclass(frozen=True)
class Capacity:
    """This machine's measured rates for this pipeline, events a CPU second: the median draw, the smallest and the largest.

    `nightly_events_s` features of a stretch of history and their scores at once, `live_events_s` the same one event at a
    time, `score_events_s` the model alone one row at a time (zeros: no model was given). `bytes_per_entity` of the state
    that live features hold.
    """

    nightly_events_s: tuple[float, float, float]
    live_events_s: tuple[float, float, float]
    score_events_s: tuple[float, float, float]
    bytes_per_entity: float | None
    entities: int
    memory_bytes: int
    cores: int
    micro_batch_events_s: tuple[float, float, float] | None = None
    bulk_score_events_s: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Saturation:
    """When one component is full: for each law ("compounding", "linear") the date's early, middle and late estimate in
    microseconds, None when never within the horizon shown; `headroom` is capacity over today's need."""

    component: str
    headroom: float
    dates: Mapping[str, tuple[int | None, int | None, int | None]]
    within_1y: Mapping[str, float]
    within_3y: Mapping[str, float]


@dataclass(frozen=True)
class Growth:
    """Factor 5. `monthly` is the growth a month as a share: low, middle and high of its 90 % interval; `season` the weekday effects (share of
    the mean, Monday first); `forecast` for each law (day, low, middle, high) events a day; `spark`: when a second machine
    is needed, as a verdict and a sentence."""

    monthly: tuple[float, float, float]
    season: tuple[float, ...]
    forecast: Mapping[str, tuple[tuple[int, float, float, float], ...]]
    saturations: tuple[Saturation, ...]
    capacity: Capacity | None
    horizon_us: int
    spark_verdict: str
    spark_evidence: str
    reasons: tuple[str, ...] = ()
    scenario_from_us: int | None = None
    """From when on a forecast is a scenario only: more than twice the history's length ahead of its end."""
    whole_until_us: int | None = None
    """The end of the last day that is counted: the days after it are unfinished, or some of their events had not arrived."""


@dataclass(frozen=True)
class Price:
    """What a capability costs and brings a month, in the user's currency: value (low, mean, high), cost, net, and the
    break-even: the extra monthly cost at which it surely / probably / surely not pays, the least worth of a point, and the
    least multiple of today's volume. None where no price was declared."""

    value: tuple[float, float, float]
    cost: float
    net: tuple[float, float, float]
    breakeven_cost: tuple[float, float, float]
    breakeven_value: float | None
    breakeven_volume: float | None


@dataclass(frozen=True)
class Part:
    """One capability in the final table. `verdict` needed / not needed / undecided; `evidence` one line with numbers;
    `changes` what would change it; `insurance` undecided but cheap and reversible; `operable` None when no team is
    declared."""

    name: str
    verdict: str
    evidence: str
    changes: str
    gain: Gain | None = None
    price: Price | None = None
    insurance: bool = False
    operable: bool | None = None
    required: str | None = None
    step: str = ""
    """What to do, in short, where the name alone does not say it."""


@dataclass(frozen=True)
class Factor:
    """One of the five factors: `verdict` batch, mlops or undecided; one line of evidence; what would change it."""

    name: str
    title: str
    verdict: str
    evidence: str
    changes: str


@dataclass(frozen=True)
class Suspicion:
    """A suspected leak: it stops the advice. `column` is the user's column or feature."""

    column: str
    kind: str
    says: str
    hint: str


@dataclass(frozen=True)
class Advice:
    """The whole answer. `complete` is False when it was stopped before its end; then `unfinished` says what is missing.

    `reasons` are why nothing could be replayed at all, `come_back` the day (YYYY-MM-DD) from which on it can.
    `stopped_by` are suspicions of leakage: with any, there is no advice, only they. `headline` is the verdict in one
    sentence, `design` the cheapest sufficient one, `path` what to switch on first. `assumptions` are all thresholds that
    nobody declared. `how` says how it was computed (weeks, lead-in, rows, fits, seeds, seconds).
    """

    pipeline: str
    at: int
    headline: str
    factors: tuple[Factor, ...] = ()
    parts: tuple[Part, ...] = ()
    design: str = ""
    path: tuple[str, ...] = ()
    skill: Skill | None = None
    volume: Volume | None = None
    freshness: Ladder | None = None
    label_delay: Ladder | None = None
    cadence: Cadence | None = None
    monitoring: Monitoring | None = None
    team: Team | None = None
    growth: Growth | None = None
    stopped_by: tuple[Suspicion, ...] = ()
    contradictions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    complete: bool = True
    unfinished: tuple[str, ...] = ()
    how: Mapping[str, object] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    come_back: str | None = None
