"""The report of a nightly run as one HTML file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dayshift.exports.page import Html, bars, figure, line, page, section, table, tiles

if TYPE_CHECKING:
    from dayshift.lifecycle.evaluate import Score
    from dayshift.lifecycle.train import TrainReport
    from dayshift.runtimes.report import RunReport
    from dayshift.runtimes.watch import Watched

SHOWN_SIGNALS = 20
RUN_PAGE = re.compile(r"\d{8}T\d{6}-\d+\.html")


def write_run_report(report: RunReport, past: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Writes `folder/RUN_ID.html` and gives its path; `past` are earlier runs' records, oldest first, for the charts."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.run_id}.html"
    path.write_text(run_report_html(report, past), encoding="utf-8")
    return path


def keep_newest(folder: Path, most: int) -> None:
    """Deletes the pages of all runs but the newest `most`; whatever else lies in the folder is left alone."""
    pages = sorted(path for path in folder.glob("*.html") if RUN_PAGE.fullmatch(path.name))
    for old in pages[:-most]:
        old.unlink(missing_ok=True)


def run_report_html(report: RunReport, past: Sequence[dict[str, Any]]) -> str:
    """The whole page as text."""
    lead = f"Run {report.run_id}, {report.now:%Y-%m-%d %H:%M} UTC: {report.outcome} in {report.seconds:.1f} s."
    return page(
        f"{report.pipeline}: a night",
        lead,
        _figures(report),
        section("Notes", *report.notes),
        _ingested(report),
        _model(report.training),
        _watched(report.monitor),
        _delivered(report),
        _took(report),
        _history(past),
    )


def _figures(report: RunReport) -> Html:
    load = report.load
    served = report.monitor.accuracy if report.monitor else None
    live = served.score if served else None
    shown: list[tuple[str, int | float, str]] = [
        ("read", load.read, "rows"),
        ("loaded", load.loaded, "rows"),
        ("quarantined", load.quarantined, "rows"),
        ("duplicates", load.duplicates, "rows"),
        ("questions answered", report.features.rows, "rows of features"),
        ("predictions", report.predictions.rows, f"by version {report.predictions.model_version or 'none'}"),
        ("labels ripe", report.labels.ripe, f"{report.labels.unripe:,} not yet"),
    ]
    if live is not None and live.value is not None:
        shown.append((f"{live.metric}, last 7 ripe days", live.value, _interval(live)))
    return tiles(shown)


def _interval(score: Score) -> str:
    if score.low is None or score.high is None:
        return f"{score.rows:,} rows"
    return f"[{score.low:.3f}, {score.high:.3f}], {score.rows:,} rows".replace("-", "−")


def _ingested(report: RunReport) -> Html:
    head = ("source", "read", "loaded", "quarantined", "duplicates", "left out by where", "seconds")
    rows = [
        (one.source, one.read, one.loaded, one.quarantined, one.duplicates, one.filtered, one.seconds)
        for one in report.load.sources
    ]
    account = "loaded + quarantined + duplicates = read, for every source" if rows else "No source had anything new."
    reasons = [(one.source, code, count) for one in report.load.sources for code, count in one.reasons.items()]
    held = table(("source", "code", "rows"), reasons, "Why rows are in quarantine") if reasons else None
    return section("Ingested", table(head, rows, account) if rows else account, held)


def _model(training: TrainReport | None) -> Html:
    if training is None:
        return section("Training", "Not due tonight.")
    scores = [
        (score.metric, score.value, _interval(score), "larger" if score.larger_is_better else "smaller")
        for score in training.scores
    ]
    against = [*training.naive, *([training.champion] if training.champion else [])]
    gaps = [(gap.against, gap.metric, gap.better_by, _bounds(gap.low, gap.high), gap.verdict) for gap in against]
    gates = [(gate.metric, gate.condition, "passed" if gate.passed else "refused") for gate in training.gates]
    counts = [(name.replace("_", " "), count) for name, count in training.rows.items()]
    weights = sorted(training.importance.items(), key=lambda item: -item[1])[:12]
    return section(
        f"Training: version {training.version}, {training.outcome}",
        table(
            ("metric", "value", "95 % interval", "better is"), scores, "On the holdout, which the model had not seen"
        ),
        table(("against", "metric", "better by", "95 % interval", "verdict"), gaps, "On the same rows")
        if gaps
        else None,
        table(("metric", "condition", "outcome"), gates, "Gates") if gates else None,
        table(("rows", "count"), counts, "What it was made from"),
        bars([(name, max(weight, 0.0)) for name, weight in weights], "", f"Loss of {training.metric} when shuffled"),
        *training.notes,
    )


def _bounds(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"[{low:+.4f}, {high:+.4f}]".replace("-", "−")


def _limits(low: float | None, high: float | None) -> str:
    if low is None:
        return "–" if high is None else f"at most {figure(high)}"
    return f"at least {figure(low)}" if high is None else f"{figure(low)} to {figure(high)}"


def _watched(monitor: Watched | None) -> Html:
    if monitor is None:
        return section("Watched", "No question was asked tonight.")
    counted: dict[str, int] = {}
    for signal in monitor.signals:
        counted[signal.state] = counted.get(signal.state, 0) + 1
    summary = ", ".join(f"{count} {state}" for state, count in counted.items())
    speaking = [signal for signal in monitor.signals if signal.state in ("alarm", "watch")][:SHOWN_SIGNALS]
    rows = [
        (signal.state, signal.kind, signal.subject, signal.value, signal.usual, _limits(signal.low, signal.high))
        for signal in speaking
    ]
    head = ("state", "what", "of", "tonight", "usual", "limits")
    shown = (
        table(head, rows, "Outside of the limits in one (watch) or two (alarm) of the last three nights")
        if rows
        else None
    )
    return section("Watched", f"Signals: {summary}.", shown)


def _delivered(report: RunReport) -> Html:
    rows = [(one.destination, one.table, one.rows) for one in report.deliveries]
    return section("Delivered", table(("destination", "table", "rows"), rows, "Upserted by key") if rows else None)


def _took(report: RunReport) -> Html:
    steps = [(step.name, step.seconds, step.cpu_seconds, step.peak_mb) for step in report.steps]
    head = ("step", "seconds", "CPU seconds", "peak MB")
    times = bars([(step.name, step.seconds) for step in report.steps], "s", "Seconds by step")
    return section("Time and memory", times, table(head, steps, "Peak resident memory of the process in each step"))


def _history(past: Sequence[dict[str, Any]]) -> Html:
    loaded = [(str(run["now"])[:10], float(run["load"]["loaded"])) for run in past if run.get("load")]
    served = [(str(run["now"])[:10], _served_score(run)) for run in past]
    scores = [(day, float(score["value"])) for day, score in served if score and score["value"] is not None]
    metric = next((score["metric"] for _, score in served if score), "metric")
    return section(
        "Earlier nights",
        line(loaded, "Rows loaded a night", "rows"),
        line(scores, f"{metric} of the last 7 ripe days", ""),
    )


def _served_score(run: dict[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = ((run.get("monitor") or {}).get("accuracy") or {}).get("score")
    return found
