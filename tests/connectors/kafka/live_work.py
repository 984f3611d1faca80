"""What the killed processes of test_live_kill do: a tap into a file, and a file into a sink, until they are killed."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import polars as pl

from dayshift.connectors.kafka.sink import KafkaSink
from dayshift.connectors.kafka.tap import KafkaTap, kafka_taps
from dayshift.connectors.live import Known, Mark
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import OutputSettings, SourceSettings


def journal(root: Path) -> list[dict[str, object]]:
    """The records of the journal; a torn last line is none, and is cut off."""
    path = root / "journal"
    whole = path.read_bytes() if path.exists() else b""
    kept = whole[: whole.rfind(b"\n") + 1]
    if kept != whole:
        path.write_bytes(kept)
    return [json.loads(line) for line in kept.splitlines()]


def tap_of(root: Path, brokers: str, topic: str) -> KafkaTap:
    """The tap of the process."""
    settings = SourceSettings(topic=topic, brokers=brokers, kafka={"reconnect.backoff.max.ms": 200})
    (tap,) = kafka_taps(topic, [("payments", settings)], Retry(8, 200_000), root)
    return tap


def sink_of(brokers: str, topic: str) -> KafkaSink:
    """The sink of the process."""
    given = OutputSettings(topic=f"{topic}-out", brokers=brokers, kafka={"reconnect.backoff.max.ms": 200})
    return KafkaSink(topic, "scores", given, ["id"], Retry(8, 200_000))


def relay(root: Path, brokers: str, topic: str, most: int, *, to_the_end: bool) -> None:
    """From the topic through a journal on the disk into the output, as the live runtime does, in a few lines."""
    records = journal(root)
    cursor = records[-1]["cursor"] if records else None
    tap, sink, woken = tap_of(root, brokers, topic), sink_of(brokers, topic), threading.Event()
    mark = sink.open() or Mark(0, 0)
    for record in records:
        if Mark(1, record["position"]) > mark:  # type: ignore[arg-type]
            assert sink.send(*frame_of(record), lambda: False)
    tap.open({"payments": Known((), cursor)}, woken.set)  # type: ignore[arg-type]
    position = records[-1]["position"] if records else 0
    with (root / "journal").open("ab") as file:
        while not (to_the_end and tap.caught_up):
            batch = tap.take(most)
            if batch is None:
                woken.wait(0.05)
                woken.clear()
                continue
            rows = [row for one in batch.arrived for row in one.chunk.frame["id"].to_list()]
            position += len(rows)  # type: ignore[operator]
            record = {"ids": rows, "cursor": batch.cursors["payments"], "position": position}
            file.write(json.dumps(record).encode() + b"\n")
            file.flush()
            os.fdatasync(file.fileno())
            tap.keep(batch, [])
            assert sink.send(*frame_of(record), lambda: False)
    tap.close()
    sink.close()


def frame_of(record: dict[str, object]) -> tuple[pl.DataFrame, Mark]:
    """The rows of a record, with their places, and its mark."""
    names: list[str] = record["ids"]  # type: ignore[assignment]
    last: int = record["position"]  # type: ignore[assignment]
    places = range(last - len(names) + 1, last + 1)
    return pl.DataFrame({"_load": [1] * len(names), "_position": places, "id": names}), Mark(1, last)


if __name__ == "__main__":
    print("go", flush=True)
    relay(Path(sys.argv[1]), sys.argv[2], sys.argv[3], 25, to_the_end=False)
