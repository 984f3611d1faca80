"""Factor 4: what the team says it can do, beside what its repository shows; and what each option asks of it.

Nothing here weighs in any other factor. It sets the hours that enter the costs, and says which option this team cannot operate
yet: an option may be worth it and not operable, and both are printed.

A declared ability with a file that shows it is "agreed"; with none "declared, no file" (it may live elsewhere); a file without a
declaration, or against one, "found, not declared"; neither is "absent". An ability counts as there when it is declared "yes"
or "partly", or when it is not declared but found; a declared "no" is a no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dayshift.adviser.evidence import Ability, Asks, Team
from dayshift.adviser.repository import ABILITIES, evidence
from dayshift.definition.settings import Settings, TeamSettings

LEARNING_HOURS = 40.0
"""Hours to learn one ability that is missing; half of it for one that is there partly."""
AGREED, NO_FILE, NOT_DECLARED, ABSENT = "agreed", "declared, no file", "found, not declared", "absent"


@dataclass(frozen=True)
class Option:
    """What one option asks of any team: abilities, what runs then that does not run today, whether at night, and hours.

    The hours are assumptions, and the advice prints them. What `dayshift schedule` and the nightly run carry by themselves
    (retraining, checks, an hourly run) asks for no orchestrator and no tracking server.
    """

    name: str
    needs: tuple[str, ...]
    runs: tuple[str, ...]
    on_call: bool
    setup_hours: float
    hours_a_month: float


OPTIONS = (
    Option("nightly as today", ("python",), (), False, 0, 2),
    Option("scheduled retraining", ("python",), ("a training job",), False, 8, 1),
    Option("monitoring", ("python",), ("a check after each night",), False, 16, 3),
    Option("faster labels", ("python", "sql"), ("a feed of labels",), False, 40, 2),
    Option("hourly features", ("python",), ("a job every hour",), False, 16, 4),
    Option(
        "endpoint",
        ("python", "containers", "ci", "serving", "monitoring"),
        ("a service that answers", "a store of features for it"),
        True,
        80,
        12,
    ),
    Option(
        "streaming features",
        ("python", "containers", "ci", "streaming", "serving", "monitoring"),
        ("a broker", "a stream processor with its state", "a store of features"),
        True,
        160,
        20,
    ),
    Option(
        "Spark",
        ("python", "streaming", "cloud", "monitoring"),
        ("a cluster of machines", "its jobs and their storage"),
        False,
        120,
        16,
    ),
)


def team(settings: Settings | TeamSettings, root: Path | None) -> Team:
    """What was declared beside what is found, and what each option asks.

    Args:
        settings: of the project, or its `[team]`.
        root: the project's folder; its whole repository is looked at. None: nothing is.
    """
    declared = settings.team if isinstance(settings, Settings) else settings
    found = {} if root is None else evidence(root)
    abilities = tuple(ability(name, getattr(declared, name, None), tuple(found.get(name, ()))) for name in ABILITIES)
    given = declared.model_dump(exclude_none=True)
    return Team(
        declared=bool(given),
        abilities=abilities,
        options=tuple(asks(option, abilities, declared) for option in OPTIONS),
        hours_a_month=declared.hours_a_month,
        on_call=declared.on_call,
    )


def ability(name: str, declared: str | None, found: tuple[str, ...]) -> Ability:
    """One ability with its state.

    >>> ability("ci", "yes", ()).state, ability("ci", "no", ("a.yml:1",)).state, ability("ci", None, ()).state
    ('declared, no file', 'found, not declared', 'absent')
    """
    if declared in ("yes", "partly"):
        return Ability(name, declared, found, AGREED if found else NO_FILE)
    return Ability(name, declared, found, NOT_DECLARED if found else ABSENT)


def asks(option: Option, abilities: Sequence[Ability], declared: TeamSettings) -> Asks:
    """What an option asks of this team: the abilities that are missing, the hours with learning them, whether it can."""
    by_name = {each.name: each for each in abilities}
    missing = tuple(name for name in option.needs if not _is_there(by_name[name]))
    partly = sum(by_name[name].declared == "partly" for name in option.needs)
    hours = declared.hours_a_month
    operable = not missing and not (option.on_call and declared.on_call is not True)
    return Asks(
        option=option.name,
        runs=option.runs,
        on_call=option.on_call,
        missing=missing,
        setup_hours=option.setup_hours + LEARNING_HOURS * (len(missing) + partly / 2),
        hours_a_month=option.hours_a_month,
        operable=operable and (hours is None or option.hours_a_month <= hours),
    )


def _is_there(one: Ability) -> bool:
    return one.declared in ("yes", "partly") or (one.declared is None and bool(one.found))


def assumptions(found: Team) -> tuple[str, ...]:
    """The hours that nobody declared, a sentence an option, and what learning takes."""
    lines = [
        f"{one.option}: {one.setup_hours:g} hours to set up, {one.hours_a_month:g} a month"
        for one in found.options
        if one.runs
    ]
    return (*lines, f"an ability that is missing takes {LEARNING_HOURS:g} hours to learn, half of it if partly there")


@dataclass(frozen=True)
class Question:
    """One question of the profile: the setting that it answers, how it is asked, and what may be answered."""

    setting: str
    text: str
    answers: str


_ASKED = {
    "python": "Does the team write and test Python",
    "sql": "Does it write SQL, or dbt models",
    "orchestration": "Does it run jobs on a schedule (cron, Airflow, Prefect, Dagster)",
    "ml_tracking": "Does it track and version models (MLflow, DVC)",
    "containers": "Does it build and run containers",
    "ci": "Is every change tested on a server before it is used",
    "streaming": "Does it run streams (Kafka, Flink, Spark)",
    "cloud": "Does it run things in a cloud, with its infrastructure as code",
    "serving": "Does it run a service that must answer at once",
    "monitoring": "Does it run dashboards and alarms (Prometheus, Grafana, Evidently)",
}
ABILITY, YES_NO, HOURS = "yes, no or partly", "yes or no", "a number"
_SHORT = {"y": "yes", "n": "no", "p": "partly"}


def profile_questions() -> tuple[Question, ...]:
    """The questions of `[team]` in order; an empty answer declares nothing.

    >>> profile_questions()[0].text
    'How many hours a month does the team have for running the pipeline?'
    """
    first = (
        Question("hours_a_month", "How many hours a month does the team have for running the pipeline?", HOURS),
        Question("on_call", "Does somebody answer an alarm at night and on weekends?", YES_NO),
    )
    return (*first, *(Question(name, f"{text}?", ABILITY) for name, text in _ASKED.items()))


def parse_answer(question: Question, text: str) -> str | float | bool | None:
    """The setting's value; None for an empty answer.

    >>> ask = {one.setting: one for one in profile_questions()}
    >>> parse_answer(ask["on_call"], "Y"), parse_answer(ask["sql"], "partly"), parse_answer(ask["hours_a_month"], "12.5")
    (True, 'partly', 12.5)

    Raises:
        ValueError: the text is none of the answers; its message says which there are.
    """
    given = text.strip().lower()
    if not given:
        return None
    if question.answers == HOURS:
        try:
            hours = float(given)
        except ValueError:
            hours = -1.0
        if not 0 <= hours < float("inf"):
            raise ValueError(f"'{text.strip()}' is not {HOURS} of hours")
        return hours
    word = _SHORT.get(given, given)
    if word not in (("yes", "no") if question.answers == YES_NO else ("yes", "no", "partly")):
        raise ValueError(f"'{text.strip()}' is none of {question.answers}")
    return word == "yes" if question.answers == YES_NO else word


def profile_toml(answers: dict[str, str | float | bool | None]) -> str:
    """The `[team]` section with these answers, to be pasted into dayshift.toml; what is None is left out.

    >>> print(profile_toml({"hours_a_month": 12.0, "on_call": False, "sql": "partly", "ci": None}))
    [team]
    hours_a_month = 12
    on_call = false
    sql = "partly"
    """
    lines = ["[team]"]
    for name, value in answers.items():
        if isinstance(value, bool):
            lines.append(f"{name} = {str(value).lower()}")
        elif isinstance(value, float):
            lines.append(f"{name} = {int(value) if value.is_integer() else value}")
        elif value is not None:
            lines.append(f'{name} = "{value}"')
    return "\n".join(lines)
