"""What a person should know of a tap, as plain values."""

import time
from typing import Any

from dayshift.connectors.kafka.client import Address, Reports
from dayshift.connectors.kafka.lanes import Lanes
from dayshift.connectors.kafka.poller import Poller
from dayshift.connectors.kafka.watch import Watch


def told(
    address: Address, group: str, lanes: Lanes | None, poller: Poller | None, watch: Watch | None
) -> dict[str, Any]:
    """How far each partition is, what it waits for and for how long."""
    found: dict[str, Any] = {"brokers": address.shown, "group": group, "partitions": {}, "waiting": []}
    if lanes is None or poller is None or watch is None:
        return found
    with lanes.lock:
        for lane in lanes.all:
            place = f"{lane.topic}/{lane.partition}"
            found["partitions"][f"{lane.source} {place}"] = {
                "next": lane.next,
                "lag": lane.lag,
                "buffered": lane.rows,
                "bytes": lane.bytes,
                "mine": lane.assigned,
            }
        found["buffered"], found["bytes"] = lanes.rows, sum(lane.bytes for lane in lanes.all)
        found["elsewhere"] = sorted({f"{lane.topic}/{lane.partition}" for lane in lanes.all if not lane.assigned})
        found["went_on_without"] = lanes.went_on_without
        mine = bool(lanes.mine)
    found["lag"] = sum(one["lag"] or 0 for one in found["partitions"].values())
    silent = watch.silent_since
    if silent is not None:
        found["waiting"].append(f"Kafka at '{address.shown}' does not answer: {_said(address, poller, watch)}")
        found["waiting_s"] = round(time.monotonic() - silent, 3)
    elif found["elsewhere"]:
        some = ", ".join(found["elsewhere"][:8])
        what = f"another process of group '{group}' reads {some}" if mine else f"group '{group}' to share out {some}"
        found["waiting"].append(what)
    found["waiting"] += [f"{place}: {note}" for place, note in sorted(poller.notes.copy().items())]
    return found


def _said(address: Address, poller: Poller, watch: Watch) -> str:
    reports: list[Reports] = [poller.reports, watch.reports]
    return address.clean(next((one.last for one in reports if one.last), "no broker is reached"))
