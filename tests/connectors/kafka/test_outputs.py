"""From settings to sinks of Kafka."""

import pytest

from dayshift.connectors.outputs import open_sinks
from dayshift.definition.settings import IngestSettings, LiveSettings, OutputSettings, Settings
from dayshift.diagnostics import NotReady
from tests.brokers import free_ports


def test_an_output_asks_an_absent_broker_as_often_as_the_settings_say() -> None:
    """`[ingest] retries` and `backoff` count for outputs as for sources."""
    (port,) = free_ports(1)
    output = OutputSettings(topic="t", brokers=f"127.0.0.1:{port}", kafka={"socket.timeout.ms": 1_000})
    settings = Settings(ingest=IngestSettings(retries=1, backoff="1ms"), live=LiveSettings(outputs={"scores": output}))
    with pytest.raises(NotReady) as caught:
        open_sinks(settings, "p", ["id"])["scores"].open()
    (problem,) = caught.value.problems
    assert problem.code == "DS330"
    assert "tried 2 times" in problem.facts
