"""From settings to sinks: where the answers of a live run go."""

from collections.abc import Sequence

from dayshift.connectors.live import Sink
from dayshift.definition.settings import Settings


def open_sinks(settings: Settings, pipeline: str, keys: Sequence[str]) -> dict[str, Sink]:
    """The sink of each section `[live.outputs.NAME]`, by name; none of them is connected yet.

    Args:
        settings: the sections.
        pipeline: the pipeline's name; with the output's it says whose mark is whose.
        keys: the columns that identify a question, which become a message's key.

    Raises:
        NotReady: DS113, an environment variable is not set; DS310, confluent-kafka is not installed.
    """
    if not settings.live.outputs:
        return {}
    from dayshift.connectors.kafka.sink import KafkaSink

    return {name: KafkaSink(pipeline, name, output, keys) for name, output in settings.live.outputs.items()}
