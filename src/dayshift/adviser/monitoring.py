"""Factor 3: whether watching pays, from the history's own days, its real shifts and injected faults."""

from dataclasses import dataclass
from typing import Any

from dayshift.adviser.evidence import UNDECIDED, Finding, Monitoring


@dataclass(frozen=True)
class MonitoringOptions:
    """What is declared: `delta` the smallest gain of the metric that matters, `budget` false alarms in 30 days.

    `worth` is what one unit of the metric is worth a day and `cost` what watching costs a month, in the user's currency;
    without either no price is asked. `rows_a_day` are looked at each day, at most `days` days and `starts` fault weeks.
    """

    delta: float
    budget: float = 1.0
    worth: float | None = None
    cost: float | None = None
    rows_a_day: int = 1000
    days: int = 400
    starts: int = 14
    models: int = 8
    seed: int = 0


def monitoring(history: Any, replay: Any, track: Any, options: MonitoringOptions) -> Monitoring:
    """What watching this pipeline is worth.

    `replay` needs `.weeks`, `.frame(situation)` and `.fitted(track, week) -> Model`.
    """
    finding = Finding(
        "monitoring", "watching against not watching", None, 5 * options.delta, UNDECIDED, ("not measured",)
    )
    return Monitoring(finding, (), (), (), (), 0, options.budget, None, None, reasons=("not measured",))
