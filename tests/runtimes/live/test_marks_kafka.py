"""With real brokers: a topic that is deleted during a live run and made again gets the rows that were pending."""

from __future__ import annotations

import threading
import time
from itertools import count
from typing import Any

import pytest

from dayshift.connectors.kafka.sink import KafkaSink
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import OutputSettings
from dayshift.diagnostics import NotReady
from dayshift.runtimes.live import planning
from tests.connectors.kafka.sending import read, reader, values
from tests.runtimes.conftest import Shop
from tests.runtimes.live.taps import Feed
from tests.runtimes.live.test_marks import answers
from tests.runtimes.live.test_run import DAYS, feed_of, go, nights, project_again
from tests.services import Cluster

pytestmark = pytest.mark.kafka


def test_a_topic_deleted_and_made_again_gets_the_rows_that_were_pending(kafka: Cluster, topic: str, shop: Shop) -> None:
    """What the old topic held goes with it; every row behind it stands in the new one, once and in order."""
    from confluent_kafka.admin import AdminClient

    project = nights(shop, DAYS)
    shop.write_day(DAYS)
    records, made = (
        feed_of(shop, range(DAYS, DAYS + 1)),
        AdminClient({"bootstrap.servers": kafka.address, "log_level": 0}),
    )

    def sink() -> Any:
        quick = {"transaction.timeout.ms": 3_000, "topic.metadata.propagation.max.ms": 500}
        return KafkaSink(topic, "out", OutputSettings(topic=topic, brokers=kafka.address, kafka=quick), [], Retry(0))

    taken, first, second = count(), sink(), sink()

    def delete_once() -> int:
        if next(taken) == 6:
            made.delete_topics([topic])[topic].result()
            until = time.monotonic() + 30
            while topic in made.list_topics(timeout=10).topics and time.monotonic() < until:
                threading.Event().wait(0.1)
        return 3

    go(project, Feed(records, limit=12), first)
    with pytest.raises(NotReady, match="DS331"):
        go(project_again(project), Feed(records, delete_once), second)
    assert planning.of_live(project_again(project)).settles != "nothing: the journal is empty"
    kafka.topic(topic)
    go(project_again(project), Feed(records), sink())
    acknowledged = first.state()["rows"] + second.state()["rows"]
    wanted = answers(project_again(project))
    assert 0 < acknowledged < len(wanted)
    assert values(read(reader(kafka, topic))[0], "order_id") == wanted[acknowledged:]
