"""The twelve windows of the payments, from topic to topic, by others. Runs in an environment that has what they need.

    python bench/_rival.py quix|dictionaries --brokers B --input T --output T --state FOLDER [--guarantee exactly-once]

`quix`: Quix Streams with its own state, one bytes value a key that holds the key's events of the last 37 days (its JSON
state is slower, its windows know no delay and keep a state for each of a window's events). Messages are keyed by customer; a
`group_by` leads to the terminal, which on a topic of one partition needs no second topic.

`dictionaries`: a client, `json` and the dictionaries of `_streams.py`; what they hold is lost when the process ends.
"""

import argparse
import json
import signal
import time
from array import array
from bisect import bisect_right
from datetime import datetime
from typing import Any

import _streams

DAY_US = _streams.DAY_US
KEPT_US = (max(_streams.WIDTHS) + _streams.DELAY) * DAY_US
_stopped: list[int] = []


def microseconds(text: str) -> int:
    """Of an ISO time in UTC, with microseconds."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


# -------------------------------------------------------------------------- quix


def _held(state: Any, name: str) -> tuple[array, array]:
    """Times and values of a key, as many of the one as of the other."""
    both = array("q")
    both.frombytes(state.get_bytes(name) or b"")
    half = len(both) // 2
    return both[:half], both[half:]


def _keep(state: Any, name: str, times: array, values: array) -> None:
    old = bisect_right(times, times[-1] - KEPT_US - DAY_US)
    state.set_bytes(name, (times[old:] + values[old:]).tobytes())


def _windows(times: array, values: array, until: int, scale: int) -> tuple[list[int], list[float | None]]:
    high = bisect_right(times, until)
    lows = [bisect_right(times, until - width * DAY_US, 0, high) for width in _streams.WIDTHS]
    counts = [high - low for low in lows]
    means = [sum(values[low:high]) / (scale * (high - low)) if high > low else None for low in lows]
    return counts, means


def by_customer(value: dict[str, Any], state: Any) -> dict[str, Any]:
    """Count and mean amount, this payment included."""
    at = microseconds(value["at"])
    times, values = _held(state, "customer")
    times.append(at)
    values.append(round(value["amount"] * 100))
    counts, means = _windows(times, values, at, 100)
    _keep(state, "customer", times, values)
    return {**value, "us": at, "customer_features": [*counts, *means]}


def by_terminal(value: dict[str, Any], state: Any) -> dict[str, Any]:
    """Count and risk, seven days later."""
    at = value["us"]
    times, values = _held(state, "terminal")
    counts, risks = _windows(times, values, at - _streams.DELAY * DAY_US, 1)
    times.append(at)
    values.append(int(value["fraud"]))
    _keep(state, "terminal", times, values)
    return {"id": value["id"], "features": [*value["customer_features"], *counts, *risks]}


def quix(given: argparse.Namespace) -> None:
    """Until SIGTERM."""
    from quixstreams import Application

    app = Application(
        broker_address=given.brokers,
        consumer_group="quix",
        auto_offset_reset="earliest",
        state_dir=given.state,
        processing_guarantee=given.guarantee,
        commit_interval=given.commit,
        consumer_extra_config={"fetch.queue.backoff.ms": 5, "fetch.wait.max.ms": 20},
        producer_extra_config={"linger.ms": 5, "compression.type": "lz4"},
        loglevel="WARNING",
    )
    frame = app.dataframe(app.topic(given.input, value_deserializer="json"))
    frame = frame.apply(by_customer, stateful=True)
    frame = frame.group_by(lambda value: b"%d" % value["terminal"], name="terminal").apply(by_terminal, stateful=True)
    frame.to_topic(app.topic(given.output, value_serializer="json"))
    app.run()


# ------------------------------------------------------------------ dictionaries


def dictionaries(given: argparse.Namespace) -> None:
    """Until SIGTERM; at least once, as long as the process lives."""
    from confluent_kafka import Consumer, Producer

    signal.signal(signal.SIGTERM, lambda number, _: _stopped.append(number))
    place = {"bootstrap.servers": given.brokers}
    fetching = {"fetch.wait.max.ms": 20, "fetch.queue.backoff.ms": 5, "auto.offset.reset": "earliest"}
    consumer = Consumer({**place, **fetching, "group.id": "dictionaries", "auto.commit.interval.ms": 5_000})
    producer = Producer({**place, "enable.idempotence": True, "linger.ms": 5, "compression.type": "lz4"})
    consumer.subscribe([given.input])
    step = _streams.dictionaries()
    while not _stopped:
        first = consumer.poll(0.1)
        for message in () if first is None else (first, *consumer.consume(1_000, 0)):
            if message.error() is not None:
                continue
            value = json.loads(message.value())
            event = (microseconds(value["at"]), value["customer"], value["terminal"])
            found = step((*event, round(value["amount"] * 100), int(value["fraud"])))
            _produce(producer, given.output, json.dumps({"id": value["id"], "features": found}))
        producer.poll(0)
    producer.flush(30)
    consumer.close()


def _produce(producer: Any, topic: str, value: str) -> None:
    while True:
        try:
            producer.produce(topic, value)
            return
        except BufferError:
            producer.poll(0.01)
            time.sleep(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=("quix", "dictionaries"))
    for option in ("brokers", "input", "output", "state"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--guarantee", default="at-least-once")
    parser.add_argument("--commit", type=float, default=5.0)
    asked = parser.parse_args()
    {"quix": quix, "dictionaries": dictionaries}[asked.name](asked)
