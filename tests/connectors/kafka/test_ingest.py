"""From a topic through the door into the lake: exactly once, whatever happens on the way."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dayshift.connectors import open_source
from dayshift.connectors.kafka.reader import KafkaReader
from dayshift.definition import Pipeline, Source
from dayshift.definition.settings import IngestSettings, Settings, SourceSettings
from dayshift.diagnostics import NotReady, Refused
from dayshift.lake import Lake
from dayshift.lifecycle.ingest import LoadReport, ingest, to_read
from tests.connectors.kafka.sending import QUICK, reader, send, values
from tests.services import Cluster, free_ports

NOW = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
PAYMENTS = Source("payments", time="at", key="id", schema={"id": int, "amount": float})
PIPELINE = Pipeline("fraud", predict=PAYMENTS)


def payment(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": number, "at": f"2024-05-01T10:00:{number % 60:02d}Z", "amount": number / 4, **changes}


def settings(kafka: Cluster, topic: str, **more: Any) -> Settings:
    section = {"topic": topic, "brokers": kafka.address, "kafka": QUICK, "max_quarantine": 1.0, **more}
    return Settings.model_validate({"sources": {"payments": section}, "ingest": {"chunk_rows": 4, "retries": 0}})


def load(given: Settings, root: Path) -> LoadReport:
    return ingest(PIPELINE, given, Lake(root / "lake"), root, NOW)


@pytest.mark.kafka
def test_every_message_is_loaded_held_or_known(kafka: Cluster, topic: str, tmp_path: Path) -> None:
    """Rows in are rows out: loaded, quarantined or duplicates; a held message tells its topic, partition and offset."""
    send(kafka, topic, [payment(1), b"poison", payment(2), payment(1), payment(2, amount=9.5), payment(3, amount="x")])
    report = load(settings(kafka, topic), tmp_path).sources[0]
    assert (report.read, report.loaded, report.quarantined, report.duplicates) == (6, 2, 3, 1)
    lake = Lake(tmp_path / "lake")
    held = lake.quarantine().select("origin", "row", "code").collect().sort("row").rows()
    assert held == [(f"{topic}/0", 1, "DS350"), (f"{topic}/0", 4, "DS358"), (f"{topic}/0", 5, "DS352")]
    send(kafka, topic, [payment(1), payment(4)])
    later = load(settings(kafka, topic), tmp_path).sources[0]
    assert (later.read, later.loaded, later.duplicates) == (2, 1, 1)
    assert load(settings(kafka, topic), tmp_path).load is None
    assert sorted(lake.events("payments").collect()["id"]) == [1, 2, 4]


@pytest.mark.kafka
def test_offsets_move_even_when_nothing_was_loaded(kafka: Cluster, topic: str, tmp_path: Path) -> None:
    """A load of duplicates alone is committed, so that they are not read again."""
    given = settings(kafka, topic)
    send(kafka, topic, [payment(1)])
    load(given, tmp_path)
    send(kafka, topic, [payment(1)])
    assert load(given, tmp_path).duplicates == 1
    assert to_read(PIPELINE, given, Lake(tmp_path / "lake"), tmp_path)["payments"].origins == ()


@pytest.mark.kafka
def test_a_load_that_is_refused_keeps_its_offsets(kafka: Cluster, topic: str, tmp_path: Path) -> None:
    """Too many bad rows: nothing is visible, and the repaired load reads the same messages."""
    send(kafka, topic, [payment(1), b"poison", payment(2)])
    with pytest.raises(Refused) as caught:
        load(settings(kafka, topic, max_quarantine=0.1), tmp_path)
    assert caught.value.problems[0].code == "DS360"
    report = load(settings(kafka, topic), tmp_path)
    assert (report.read, report.loaded, report.quarantined) == (3, 2, 1)


@pytest.mark.kafka
def test_a_load_that_dies_in_the_middle_is_done_again_as_a_whole(
    kafka: Cluster, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offsets and rows become true by one commit: of half a load there is neither."""
    send(kafka, topic, [payment(n) for n in range(20)])
    chunks = KafkaReader.chunks

    def dies(self: KafkaReader, plan: Any) -> Iterator[Any]:
        for number, chunk in enumerate(chunks(self, plan)):
            if number == 2:
                raise KeyboardInterrupt
            yield chunk

    monkeypatch.setattr(KafkaReader, "chunks", dies)
    with pytest.raises(KeyboardInterrupt):
        load(settings(kafka, topic), tmp_path)
    monkeypatch.undo()
    assert Lake(tmp_path / "lake").last_load == 0
    assert load(settings(kafka, topic), tmp_path).loaded == 20


@pytest.mark.kafka
def test_a_source_moves_from_files_to_kafka_and_back(kafka: Cluster, topic: str, tmp_path: Path) -> None:
    """Nothing is lost and nothing doubled: what both have is known by its key, and the offsets are kept meanwhile."""
    files = Settings.model_validate({"sources": {"payments": {"files": "*.jsonl"}}})
    given = settings(kafka, topic)
    (tmp_path / "1.jsonl").write_text("\n".join(json.dumps(payment(n)) for n in (1, 2)))
    send(kafka, topic, [payment(n) for n in (2, 3)])
    assert load(files, tmp_path).loaded == 2
    moved = load(given, tmp_path)
    assert (moved.loaded, moved.duplicates) == (1, 1)
    (tmp_path / "2.jsonl").write_text(json.dumps(payment(4)))
    assert load(files, tmp_path).loaded == 1
    send(kafka, topic, [payment(5)])
    back = load(given, tmp_path)
    assert (back.read, back.loaded) == (1, 1)


def test_an_absent_broker_is_asked_again_with_growing_pauses(tmp_path: Path) -> None:
    """Two retries after one and two seconds, then DS330 with what the network said."""
    pauses: list[float] = []
    given = SourceSettings(topic="t", brokers=f"127.0.0.1:{free_ports(1)[0]}", kafka={"socket.timeout.ms": 1_000})
    one = open_source(PAYMENTS, given, IngestSettings(retries=2), tmp_path, sleep=pauses.append)
    with pytest.raises(NotReady) as caught:
        one.plan([], None)
    (problem,) = caught.value.problems
    assert (problem.code, pauses, problem.facts[1]) == ("DS330", [1.0, 2.0], "tried 3 times")
    assert "Connection refused" in problem.facts[0]


@pytest.mark.slow
@pytest.mark.kafka
def test_a_broker_that_restarts_in_the_middle_costs_nothing(kafka: Cluster, topic: str) -> None:
    """The reading goes on at the next message: none twice, none missing."""
    pad = "x" * 2_000
    send(kafka, topic, [{"id": n, "pad": pad} for n in range(3_000)])
    small = {"queued.max.messages.kbytes": 64, "fetch.max.bytes": 65_536, "message.max.bytes": 65_536}
    one = reader(kafka, topic, chunk_rows=500, retries=3, kafka=small)
    chunks = one.chunks(one.plan([], None))
    found = [next(chunks)]
    kafka.restart(0, kill=True)
    found += chunks
    assert values(found) == [str(n) for n in range(3_000)]
