"""Read a topic as it grows, committed messages only, and note when each came, from a process of its own.

    python bench/_follow.py --brokers B --topic T --arrived FILE --sample FILE

`arrived` is an array on disk of 64-bit integers: for each message, by its `id`, the nanoseconds of the monotonic clock when
it came; its first and second number count messages and those whose id had come before. One message in a thousand is kept in
`sample`, a line each. Ends with SIGTERM.
"""

import argparse
import re
import signal
import time
from pathlib import Path

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

COUNTS = 2
ID = re.compile(rb'"id": ?(\d+)')
SAMPLED = 1_000
_stopped: list[int] = []


def main() -> None:
    """Follow until the signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("brokers", "topic", "arrived", "sample"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: _stopped.append(number))
    consumer = Consumer(
        {
            "bootstrap.servers": given.brokers,
            "group.id": "follow",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,
            "fetch.queue.backoff.ms": 5,
        }
    )
    partitions = consumer.list_topics(given.topic, timeout=30).topics[given.topic].partitions
    consumer.assign([TopicPartition(given.topic, number, OFFSET_BEGINNING) for number in partitions])
    arrived = np.memmap(given.arrived, dtype=np.int64, mode="r+")
    with Path(given.sample).open("ab", buffering=0) as sample:
        while not _stopped:
            first = consumer.poll(0.1)
            if first is None:
                continue
            values = [one.value() for one in (first, *consumer.consume(5_000, 0)) if one.error() is None]
            now = time.monotonic_ns()
            numbers = np.array(ID.findall(b"\n".join(values)), dtype="S20").astype(np.int64)
            assert numbers.size == len(values), values
            _note(arrived, numbers + COUNTS, now)
            sample.writelines(values[at] + b"\n" for at in np.flatnonzero(numbers % SAMPLED == 0).tolist())
    consumer.close()


def _note(arrived: np.ndarray, numbers: np.ndarray, now: int) -> None:
    seen = int(np.count_nonzero(arrived[numbers])) + numbers.size - np.unique(numbers).size
    arrived[numbers[arrived[numbers] == 0]] = now
    arrived[1] += seen
    arrived[0] += numbers.size


if __name__ == "__main__":
    main()
