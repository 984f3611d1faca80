"""Topics of Apache Kafka, by librdkafka: read exactly once by offset, written by an idempotent producer."""
