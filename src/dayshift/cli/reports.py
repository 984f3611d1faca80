"""What the commands print: reports of the runtimes as tables. Reports come as their plain values (`to_json`)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dayshift.cli.live_tables import live_tables
from dayshift.cli.tables import Table, facts, show, table, talk
from dayshift.definition.duration import format_duration
from dayshift.diagnostics import Refused, render
from dayshift.semantics.instants import EPOCH

if TYPE_CHECKING:
    from dayshift.engines.contract import Explanation
    from dayshift.lifecycle.project import Project
    from dayshift.lifecycle.promote import Promotion
    from dayshift.lifecycle.train import TrainReport
    from dayshift.runtimes.report import RunReport
    from dayshift.runtimes.status import Status

Values = Mapping[str, Any]
_COUNTS = ("source", "read", "loaded", "quarantined", "duplicates", "filtered")


def plain_values(report: Any) -> dict[str, Any]:
    """A report as JSON's own kinds of values."""
    from dayshift.runtimes.report import plain

    if hasattr(report, "to_json"):
        made: dict[str, Any] = report.to_json()
        return made
    assert dataclasses.is_dataclass(report)
    return dict(plain(report))


def run_tables(report: Values, html: Path | None = None) -> list[Table | str]:
    """A nightly run: rows by source, what was made of them, the model, what to look at, how long it took."""
    made: list[Table | str] = [
        f"{report['pipeline']}: run {report['run_id']} {report['outcome']}",
        _loaded(report["load"]),
    ]
    features, labels, predictions = report["features"], report["labels"], report["predictions"]
    results = {
        "questions answered": features["rows"],
        "labels ripe": labels["ripe"],
        "labels not ripe yet": labels["unripe"],
        "predictions": predictions["rows"],
        "by model version": predictions["model_version"],
    }
    results |= {f"rows to {one['destination']}": one["rows"] for one in report["deliveries"]}
    made.append(facts("Results", results))
    if report["training"]:
        made += train_tables(report["training"])
    made += _signals(report.get("monitor"))
    steps = [(step["name"], step["seconds"], step["peak_mb"]) for step in report["steps"]]
    made.append(table("Steps", ("step", "seconds", "peak MB"), steps))
    made += [f"note: {note}" for note in report["notes"]]
    return made + ([f"report: {html}"] if html else [])


def _loaded(load: Values) -> Table:
    rows = [[source.get(name) for name in _COUNTS] for source in load["sources"]]
    if len(rows) != 1:
        rows.append(["all", *(_total(load, name) for name in _COUNTS[1:])])
    return table("Rows", _COUNTS, rows)


def _total(load: Values, count: str) -> int:
    return sum(source.get(count, 0) for source in load["sources"])


def _signals(monitor: Values | None) -> list[Table | str]:
    """Only what is not as usual; the report file has them all."""
    unusual = [one for one in (monitor or {}).get("signals", ()) if one["state"] in ("watch", "alarm")]
    if not unusual:
        return []
    rows = [
        [one["state"], one["kind"], one["subject"] or "", one["value"], one["usual"], one["windows"]] for one in unusual
    ]
    return [table("Not as usual", ("state", "what", "of", "value", "usual", "windows"), rows)]


def train_tables(report: Values) -> list[Table | str]:
    """A training: what it stood on, the metrics with their 95 % intervals, the gates, what the model looks at."""
    rows = report["rows"]
    made: list[Table | str] = [
        f"model version {report['version']}: {report['outcome']} ({report['alias']})",
        table(
            "Metrics on the holdout (95 % interval)",
            ("metric", "value", "from", "to", "rows", "positives"),
            _scores(report),
        ),
        facts("Rows", {name.replace("_", " "): count for name, count in rows.items()}),
    ]
    against = [*report["naive"], *([report["champion"]] if report["champion"] else [])]
    if against:
        columns = ("against", "metric", "better by", "from", "to", "verdict")
        gaps = [
            [gap["against"], gap["metric"], gap["better_by"], gap["low"], gap["high"], gap["verdict"]]
            for gap in against
        ]
        made.append(table("Compared on the same rows", columns, gaps))
    if report["gates"]:
        gates = [
            [gate["metric"], gate["condition"], gate["value"], "passed" if gate["passed"] else "refused"]
            for gate in report["gates"]
        ]
        made.append(table("Gates", ("metric", "condition", "value", "outcome"), gates))
    return made + [f"note: {note}" for note in report["notes"]]


def _scores(report: Values) -> list[list[Any]]:
    own = [score for score in report["scores"] if score["metric"] == report["metric"]]
    other = [score for score in report["scores"] if score["metric"] != report["metric"]]
    return [
        [one["metric"], one["value"], one["low"], one["high"], one["rows"], one["positives"]] for one in own + other
    ]


def tell_refusal(report: TrainReport) -> int:
    """Tells on stderr that a gate refused; gives the exit code."""
    from dayshift.lifecycle.gate import refuse

    try:
        refuse(report.pipeline, report.version, report.gates)
    except Refused as error:
        talk(render(error.problems, colour=sys.stderr.isatty()))
        return error.exit_code
    return 0


def status_tables(status: Status) -> list[Table | str]:
    """How a project stands."""
    due = [(verb, time, "overdue" if time <= status.now else "") for verb, time in status.due.items()]
    sources = [(one.source, one.events, one.first, one.last, one.quarantined) for one in status.sources]
    made: list[Table | str] = [
        facts(
            "",
            {
                "pipeline": status.pipeline,
                "fingerprint": status.fingerprint,
                "loads": status.loads,
                "known until (UTC)": status.known_until,
                "questions": status.questions,
                "labels": status.labels,
                "predictions": status.predictions,
                "champion": None if status.champion is None else f"version {status.champion}",
            },
        ),
        table("Sources", ("source", "events", "first (UTC)", "last (UTC)", "in quarantine"), sources),
    ]
    if status.runs:
        made.append(
            table(
                "Last records",
                ("at (UTC)", "verb", "outcome"),
                [(run.at, run.verb, run.outcome) for run in status.runs],
            )
        )
    if due:
        made.append(table("Schedule", ("verb", "due (UTC)", ""), due))
    if status.live is not None:
        made += live_tables(status.live)
    if not status.loads:
        made.append("nothing was loaded yet; next: dayshift run")
    return made


def why_tables(found: Explanation, *, is_length: bool = False) -> list[Table | str]:
    """Which events made a value, and which did not; `is_length` says that the value counts microseconds."""
    text = _length if is_length else _exact
    low = "the beginning" if found.low_us is None else _time(found.low_us)
    ends = ("(", "]") if found.closed == "right" else ("[", ")")
    question = ", ".join(f"{name}={show(value)}" for name, value in found.question.items())
    made: list[Table | str] = [
        facts(
            found.feature,
            {
                "value": text(found.value),
                "asked for": question,
                "asked as of": f"{_time(found.as_of_us)}, in load {found.load}",
                "window": f"{ends[0]}{low}, {_time(found.high_us)}{ends[1]}",
                "events counted": len(found.counted),
                "events near it left out": len(found.left_out),
                "reference": f"{text(found.reference)} ({'equal' if found.equal else 'NOT EQUAL: this is a fault of Dayshift'})",
            },
        )
    ]
    base = found.baseline.counted if found.baseline else ()
    for title, events in (("Counted", found.counted), ("Counted in the baseline", base), ("Left out", found.left_out)):
        if events:
            made.append(_events(title, [plain_values(event) for event in events]))
    return made


def _exact(value: Any) -> str:
    """All digits: here a value is proved, not reported."""
    return repr(value) if isinstance(value, float) else show(value)


def _length(value: Any) -> str:
    """Microseconds, and the same as people say it."""
    return f"{value:,} µs = {format_duration(value)}" if isinstance(value, int) else _exact(value)


def _events(title: str, events: Sequence[Values]) -> Table:
    columns = ["event time (UTC)", "known (UTC)", "load", "value", "key"]
    rows = [
        [
            _time(event["event_time_us"]),
            _time(event["known_us"]),
            event["load"],
            _exact(event["value"]),
            _short(event["key"]),
        ]
        for event in events
    ]
    if any(event["reason"] for event in events):
        columns.append("why not")
        rows = [[*row, event["reason"]] for row, event in zip(rows, events, strict=True)]
    return table(title, columns, rows)


def _short(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={show(item)}" for name, item in value.items())
    return value


def _time(microseconds: int) -> str:
    return f"{EPOCH + dt.timedelta(microseconds=microseconds):%Y-%m-%d %H:%M:%S.%f}".removesuffix(".000000")


def promotion_sentence(done: Promotion) -> str:
    """What happened to the champion."""
    if done.outcome == "unchanged":
        return f"version {done.version} of '{done.model}' serves already"
    instead = f", in place of version {done.replaced}" if done.replaced is not None else ""
    return f"version {done.version} of '{done.model}' serves now{instead}"


def write_page(project: Project, report: RunReport) -> Path:
    """The HTML report of a run in the project's folder `reports`, with the runs before it for its charts."""
    from dayshift.exports.run_report import keep_newest, write_run_report
    from dayshift.runtimes.past import finished_runs

    most, folder = project.settings.retention.runs, project.root / "reports"
    past = [run for run in finished_runs(project, most + 1) if run.get("run_id") != report.run_id]
    page = write_run_report(report, past[-most:], folder)
    keep_newest(folder, most)
    return page


def page_of(project: Project, report: RunReport) -> Path | None:
    """The page of a run that is done; None, and a word on stderr, when it cannot be written."""
    try:
        return write_page(project, report)
    except OSError as error:
        talk(f"the run is done, but its page could not be written: {error}")
        return None


def run_values(report: RunReport, page: Path | None) -> dict[str, Any]:
    """A run as JSON: the report, and where its page is."""
    return {**report.to_json(), "page": None if page is None else str(page)}


def demo_tables(reports: Sequence[Values], scored: Sequence[Values], folder: Path, page: Path) -> list[Table | str]:
    """One line a night, the last night in full, a scored night with what became of it, the model."""
    nights = [
        [
            report["now"][:10],
            _total(report["load"], "read"),
            _total(report["load"], "loaded"),
            _total(report["load"], "quarantined"),
            report["features"]["rows"],
            report["labels"]["ripe"],
            report["training"]["version"] if report["training"] else None,
            report["predictions"]["rows"],
            round(report["seconds"], 2),
        ]
        for report in reports
    ]
    columns = (
        "night",
        "read",
        "loaded",
        "quarantined",
        "questions",
        "ripe labels",
        "new model",
        "predictions",
        "seconds",
    )
    last = run_tables(reports[-1], page)
    trained = [report["training"] for report in reports if report["training"]]
    model = train_tables(trained[-1]) if trained and not reports[-1]["training"] else []
    flights = [(one["flight_id"], one["as_of"], one["prediction"], _late(one["label"])) for one in scored]
    heads = ("flight", "scheduled (UTC)", "probability of being late", "was late")
    night = table("A scored night: the likeliest of the last day whose answers are known", heads, flights)
    rest = [*last[:-1], *model, night, *last[-1:]]
    return [table("The nights", columns, nights), *rest, f"next: dayshift status -C {folder}"]


def _late(label: bool | None) -> str:
    return "never landed" if label is None else ("yes" if label else "no")
