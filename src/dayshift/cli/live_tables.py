"""How a live run stands, as tables: rates, lag, watermarks and lateness, what it waits for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from dayshift.cli.tables import Table, facts, show, table
from dayshift.diagnostics import counted

_SOURCE = ("read", "loaded", "quarantined", "duplicates", "out_of_order")


def live_tables(found: Mapping[str, Any]) -> list[Table | str]:
    """The tables for `dayshift status`; of a run that has ended only that it has."""
    if not found["alive"]:
        how = _ended(found)
        return [f"The last live run (process {found['pid']}) {how}; it was last heard of at {_time(found['at'])} UTC"]
    lake, batch = found["lake"], found["micro_batch_ms"]
    return [
        facts(
            f"Live, process {found['pid']} since {_time(found['began'])} UTC ({found['state']})",
            {
                "events a second": found["events_s"],
                "events": found["events"],
                "questions": found["questions"],
                "without a prediction": f"{found['unscored']:,}: {found['why_unscored']}"
                if found["unscored"]
                else None,
                "a micro-batch": f"{batch['p50']:,.1f} ms at the median, {batch['p99']:,.1f} ms at the 99th percentile; "
                f"{counted(round(found['micro_batch_rows']['p50']), 'event')} at the median",
                "not in the lake yet": found["waiting_rows"],
                "last load": lake["last_load"] or None,
                "last saved state": f"load {lake['checkpoint_load']}, {lake['checkpoint_bytes'] / 1e6:,.1f} MB in "
                f"{lake['checkpoint_s']:.2f} s"
                if lake["checkpoint_load"]
                else None,
                "keys": found["engine"].get("keys"),
                "model": _model(found["model"]),
                "training": found["training"]["note"],
                "upkeep": found["upkeep"]["note"],
            },
        ),
        _sources(found["sources"]),
        *_places("Where events come from", found["taps"]),
        *_places("Where answers go", found["outputs"]),
    ]


def _ended(found: Mapping[str, Any]) -> str:
    if found["state"] == "ended":
        return "ended in order"
    if found["state"] == "stopped":
        return f"was stopped by an error ({found['problem']}): the next run settles what it left"
    return "was killed: the next run settles what it left"


def _model(model: Mapping[str, Any]) -> str | None:
    version = f"version {model['version']}" if model["version"] else None
    return ", ".join(part for part in (version, model["note"]) if part) or None


def _sources(sources: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = [
        (
            name,
            *(one[part] for part in _SOURCE),
            _watermark(one["watermark_us"]),
            one["lateness_s"],
            one["most_behind_s"],
        )
        for name, one in sources.items()
    ]
    columns = (
        "source",
        *(part.replace("_", " ") for part in _SOURCE),
        "watermark (UTC)",
        "known after, s",
        "most behind, s",
    )
    return table("Sources, live", columns, rows)


def _places(title: str, places: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """What taps and outputs say of themselves: names and values, whatever they are."""
    rows = [
        (name, key.replace("_", " "), _text(value))
        for name, state in places.items()
        for key, value in state.items()
        if value not in (None, {}, [], "")
    ]
    return [table(title, ("", "", ""), rows)] if rows else []


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return show(value)


def _watermark(us: int | None) -> dt.datetime | None:
    return None if us is None else dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=us)


def _time(text: str) -> str:
    return text[:19].replace("T", " ")
