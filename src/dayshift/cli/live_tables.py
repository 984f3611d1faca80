"""How a live run stands, as tables: rates, lag, watermarks and lateness, what it waits for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dayshift.cli.tables import Table, facts, show, table
from dayshift.diagnostics import counted, shorten

_SOURCE = ("read", "loaded", "quarantined", "duplicates", "out_of_order")
SHOWN = 8
_NOTHING_AT_ZERO = ("buffered", "bytes", "unkept", "went_on_without")
_NAMED = {
    "buffered": "read, not taken yet",
    "bytes": "bytes of these",
    "elsewhere": "read by others",
    "unkept": "taken, not in the journal yet",
    "waiting_s": "waiting, s",
    "went_on_without": "slow partitions not waited for",
}
"""What a tap's own words mean; the others say it themselves."""


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
    lacking = [f"'{name}'" for name, one in found["outputs"].items() if one.get("lacks_rows")]
    if found["state"] == "ended" and lacking:
        whose = f"output {lacking[0]} lacks" if len(lacking) == 1 else f"outputs {shorten(lacking)} lack"
        return f"ended in order, but {whose} rows, which the next run sends"
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
    """What taps and outputs say of themselves: names and values, whatever they are; of partitions one row a topic."""
    rows = [
        (name, _NAMED.get(key, key.replace("_", " ")), _text(value))
        for name, state in places.items()
        for key, value in {**state, **_topics(state), "partitions": None}.items()
        if value not in (None, {}, [], "") and not (key in _NOTHING_AT_ZERO and not value)
    ]
    return [table(title, ("", "", ""), rows)] if rows else []


def _topics(state: Mapping[str, Any]) -> dict[str, str]:
    """The partitions of a tap by their source and topic, together.

    >>> _topics({"partitions": {f"pay t/{n}": {"lag": n, "mine": n > 0} for n in range(3)}})
    {'topic t of pay': '3 partitions, lag 3, 1 of them elsewhere'}
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for name, one in (state.get("partitions") or {}).items():
        source, _, place = name.partition(" ")
        found.setdefault(f"topic {place.rpartition('/')[0]} of {source}", []).append(one)
    return {topic: _together(parts) for topic, parts in found.items()}


def _together(parts: Sequence[Mapping[str, Any]]) -> str:
    lags = [one["lag"] for one in parts if one.get("lag") is not None]
    elsewhere = sum(not one.get("mine", True) for one in parts)
    said = [counted(len(parts), "partition"), f"lag {sum(lags):,}" if lags else "lag not known yet"]
    return ", ".join([*said, *([f"{elsewhere:,} of them elsewhere"] if elsewhere else [])])


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return _cut([f"{name} {_text(one)}" for name, one in value.items()])
    if isinstance(value, list):
        return _cut([_text(one) for one in value])
    return show(value)


def _cut(texts: Sequence[str]) -> str:
    more = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _watermark(us: int | None) -> dt.datetime | None:
    return None if us is None else dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=us)


def _time(text: str) -> str:
    return text[:19].replace("T", " ")
