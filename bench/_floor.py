"""What an answer cannot be faster than on this machine: each thing that has to happen, alone, by the libraries that do it.

A disk that has the event, a broker that has the answer in a committed transaction, JSON read, windows asked, trees walked.
Nothing of Dayshift runs here but the model's adapter; the sum is what a perfect runtime around the same parts would take.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from _payments import Stream
from confluent_kafka import Consumer, Producer, TopicPartition

from dayshift.learners.estimator import predict
from dayshift.learners.registry import CHAMPION
from dayshift.lifecycle.project import Project
from tests.brokers import Cluster

ROWS = 10_000
RECORD = b"x" * 4_096


def measure(cluster: Cluster, stream: Stream, project: Project, folder: Path) -> dict[str, float]:
    """Medians: milliseconds of what a micro-batch costs, microseconds of what an event costs in one of 10,000."""
    features = pl.DataFrame({name: np.full(ROWS, 3.0) for name in project.pipeline.columns})
    counts = [name for name in features.columns if "_count_" in name]
    features = features.with_columns(pl.col(counts).cast(pl.Int64))
    champion = project.registry.load(project.pipeline.name, CHAMPION)
    with stream.lines.open("rb") as file:
        lines = b"".join(file.readline() for _ in range(ROWS))
    return {
        "fdatasync_ms": _median_ms(_syncing(folder / "synced"), 200),
        "to_consumer_ms": _median_ms(_through(cluster, transactional=False), 200),
        "to_consumer_committed_ms": _median_ms(_through(cluster, transactional=True), 200),
        "model_one_ms": _median_ms(lambda: predict(champion.model, features[:1]), 50),
        "model_us": _median_ms(lambda: predict(champion.model, features), 20) / ROWS * 1e3,
        "json_us": _median_ms(lambda: pl.read_ndjson(lines), 20) / ROWS * 1e3,
    }


def _median_ms(do: Callable[[], Any], times: int) -> float:
    took = []
    do()
    for _ in range(times):
        begun = time.perf_counter()
        do()
        took.append((time.perf_counter() - begun) * 1e3)
    return round(float(np.median(took)), 4)


def _syncing(path: Path) -> Callable[[], None]:
    file = path.open("ab", buffering=0)

    def once() -> None:
        file.write(RECORD)
        os.fdatasync(file.fileno())

    return once


def _through(cluster: Cluster, *, transactional: bool) -> Callable[[], None]:
    """A message to the broker, in a transaction of its own or alone, and to a consumer that waits for it."""
    topic = cluster.topic(f"floor-{int(transactional)}")
    settings = {"bootstrap.servers": cluster.address, "linger.ms": 0, "enable.idempotence": True}
    producer = Producer({**settings, **({"transactional.id": "floor"} if transactional else {})})
    if transactional:
        producer.init_transactions(30)
    fetching = {"bootstrap.servers": cluster.address, "group.id": "floor", "fetch.wait.max.ms": 500}
    consumer = Consumer({**fetching, "enable.auto.commit": False, "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topic, 0, 0)])

    def once() -> None:
        if transactional:
            producer.begin_transaction()
        producer.produce(topic, RECORD)
        if transactional:
            producer.commit_transaction(30)
        else:
            producer.flush(30)
        while consumer.poll(1.0) is None:
            pass

    return once
