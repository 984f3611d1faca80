"""History that was replayed into topics comes back in the log's order."""

from pathlib import Path

import polars as pl
import pytest

from dayshift.connectors.kafka.client import Address
from dayshift.connectors.kafka.sending import Sender
from dayshift.definition import Source
from dayshift.engines.contract import FrameLog
from dayshift.lifecycle.replay import Selection, messages, replay
from tests.connectors.kafka.tapping import tapped
from tests.services import Cluster

pytestmark = pytest.mark.kafka
NAMES = ("arrivals", "departures", "flights")
START_US = 1_357_000_000_000_000


def history(rows: int) -> FrameLog:
    """Events of three sources in two loads, many of them at one time."""
    frames = {}
    for number, name in enumerate(NAMES):
        at = pl.int_range(rows, dtype=pl.Int64, eager=True) * (7 + number) // 20 * 1_000 + START_US
        frames[name] = pl.DataFrame(
            {
                "_load": 1 + (at > START_US + 500_000).cast(pl.Int64),
                "_position": at,
                "at": at.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
                "id": [f"{name}-{n}" for n in range(rows)],
            }
        )
    return FrameLog(frames)


@pytest.mark.parametrize("most", [37, 10_000])
def test_the_merged_order_is_exactly_the_historys(kafka: Cluster, topic: str, tmp_path: Path, most: int) -> None:
    """One partition a topic, the log's clock as timestamps: every event at its place, ties by source, however it is cut."""
    log = history(2_000)
    sources = {Source(name, time="at", key="id", schema={"id": str}): kafka.topic(f"{topic}-{name}") for name in NAMES}
    sender = Sender(Address("all", "", kafka.address, kafka.address))
    sent = replay(log, Selection(sources), sender)
    assert sum(sent.messages.values()) == 6_000
    wanted = [(at, name) for at, name, _, _ in messages(log, Selection(sources))]
    topics = {source.name: name for source, name in sources.items()}
    found: list[tuple[int, str]] = []
    with tapped(kafka, topics, topic, root=tmp_path) as got:
        got.rest(most)
    for batch in got.batches:
        rows = [(int(us), one.source) for one in batch.arrived for us in one.stamps_us]  # type: ignore[union-attr]
        found += sorted(rows)
    assert found == wanted
