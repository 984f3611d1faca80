"""Where a live run says it begins."""

from __future__ import annotations

from typing import Any

import pytest

from dayshift.connectors.contract import Origin
from dayshift.connectors.files.half import Half
from dayshift.connectors.live import Known
from dayshift.definition.settings import SourceSettings
from dayshift.runtimes.live.planning import begins

FILES = {"files": "in/*.csv"}
TOPIC = {"topic": "pay", "brokers": "localhost:9092"}
TWO = {"topic": ["pay", "refunds"], "brokers": "localhost:9092"}
TABLE = {"table": "payments", "database": "sqlite:///a.db", "cursor": "changed"}
READ = tuple(Origin(f"in/{n}.csv", 10, f"{n}" * 64, 3) for n in range(2))
PARTITION = Origin("pay/0", rows=5)
OFFSETS = '{"pay": {"id": "BK10", "next": [5, 3, 0]}}'


@pytest.mark.parametrize(
    ("settings", "known", "said"),
    [
        (FILES, Known(), "from the beginning"),
        (FILES, Known(READ), "behind 2 files"),
        (FILES, Known((READ[0], PARTITION), OFFSETS), "behind 1 file"),
        (TOPIC, Known(), "from its beginning"),
        (TOPIC, Known(READ), "from its beginning"),
        (TOPIC, Known(READ, Half("in/2.csv", 1, "", 1, "").text), "from its beginning"),
        (TOPIC, Known((PARTITION,), '{"old": {"id": "a", "next": [7]}}'), "from its beginning"),
        (TOPIC, Known((PARTITION,), OFFSETS), "behind 8 messages in 3 partitions"),
        (TOPIC, Known((PARTITION,), '{"pay": {"id": "a", "next": [1]}}'), "behind 1 message in 1 partition"),
        (TWO, Known((PARTITION,), OFFSETS), "behind 8 messages in 3 partitions; refunds from the beginning"),
        (TABLE, Known(cursor=OFFSETS), "from its beginning"),
        (TABLE, Known(cursor="2024-05-01 10:00:00"), "behind changed 2024-05-01 10:00:00"),
        ({"http": True}, Known(READ), "with what is sent"),
    ],
)
def test_a_plan_says_where_in_its_own_kind_of_origin_a_source_begins(
    settings: dict[str, Any], known: Known, said: str
) -> None:
    """Files, topics and tables each by what they count; what another kind of origin left is no place in this one."""
    assert begins(SourceSettings(**settings), known) == said
