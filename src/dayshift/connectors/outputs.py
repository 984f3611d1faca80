"""From settings to sinks: where the answers of a live run go."""

from collections.abc import Sequence

from dayshift.connectors.live import Sink
from dayshift.connectors.retry import retry_of
from dayshift.definition.settings import Settings


def open_sinks(settings: Settings, pipeline: str, keys: Sequence[str]) -> dict[str, Sink]:
    """The sink of each section `[live.outputs.NAME]`, by name; none of them is connected yet.

    Args:
        settings: the sections; by `[ingest]` an absent broker is asked again when a sink opens.
        pipeline: the pipeline's name; with the output's it says whose mark is whose.
        keys: the columns that identify a question, which become a message's key.

    Raises:
        NotReady: DS113, an environment variable is not set; DS310, confluent-kafka is not installed.
    """
    if not settings.live.outputs:
        return {}
    from dayshift.connectors.kafka.sink import KafkaSink

    retry = retry_of(settings.ingest)
    return {name: KafkaSink(pipeline, name, output, keys, retry) for name, output in settings.live.outputs.items()}
