"""Send a stretch of a stream of messages to a topic, at a rate, from a process of its own.

    python bench/_feed.py --brokers B --topic T --lines FILE --starts FILE --keys FILE --first 0 --count 1000 [--rate 500] [--sent FILE]

`sent` is an array on disk of 64-bit integers: for each message, by its number, the nanoseconds of the monotonic clock just
before it was handed to the client, with those that were due at the same moment. The clock is one for all processes of a machine. The rate is kept against the time at
which the stretch began, so that a pause is made up for. The last line is JSON: how many, and in how many seconds.
"""

import argparse
import json
import mmap
import time
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Producer

TICK_S = 0.002
BURST = 2_000


def main() -> None:
    """Parse, send, say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("brokers", "topic", "lines", "starts", "keys"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--sent", type=Path)
    given = parser.parse_args()
    producer = Producer(
        {
            "bootstrap.servers": given.brokers,
            "enable.idempotence": True,
            "linger.ms": 5,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 500_000,
        }
    )
    seconds = send(producer, given)
    producer.flush(60)
    print(json.dumps({"sent": given.count, "seconds": seconds}))


def send(producer: Any, given: argparse.Namespace) -> float:
    """All messages of the stretch; the seconds it took to hand them over."""
    starts = np.load(given.starts, mmap_mode="r")[given.first : given.first + given.count + 1].tolist()
    keys = np.load(given.keys, mmap_mode="r")[given.first : given.first + given.count].tolist()
    sent = None if given.sent is None else np.memmap(given.sent, dtype=np.int64, mode="r+")
    with Path(given.lines).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
        done, begun = 0, time.monotonic()
        while done < given.count:
            due = _due(given, done, begun)
            if due == done:
                producer.poll(TICK_S)
                continue
            batch = [{"key": b"%d" % keys[n], "value": lines[starts[n] : starts[n + 1] - 1]} for n in range(done, due)]
            stamp = time.monotonic_ns()
            _produce(producer, given.topic, batch)
            if sent is not None:
                sent[given.first + done : given.first + due] = stamp
            producer.poll(0)
            done = due
        return time.monotonic() - begun


def _due(given: argparse.Namespace, done: int, begun: float) -> int:
    """Up to which message the time has come."""
    if given.rate is None:
        return min(given.count, done + BURST)
    return max(done, min(given.count, int((time.monotonic() - begun) * given.rate), done + BURST))


def _produce(producer: Any, topic: str, batch: list[dict[str, Any]]) -> None:
    """Hands them over in order; those for which there is no room are handed over again."""
    while batch:
        if producer.produce_batch(topic, batch) == len(batch):
            return
        batch = [one for one in batch if one.pop("_error", None) is not None]
        producer.poll(0.01)


if __name__ == "__main__":
    main()
