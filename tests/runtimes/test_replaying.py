"""`dayshift replay`: a project's history into topics, and another project that reads them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dayshift.cli.frame import run
from dayshift.runtimes.project import open_project
from tests.connectors.kafka.sending import QUICK, read, reader, values
from tests.laws.tree import ROOT
from tests.services import Cluster, free_ports

NIGHT = ["--now", "2024-06-01T05:00"]
PIPELINE = """
import dayshift as ds

payments = ds.Source("payments", time="at", key="id", schema={"id": str, "card": str, "amount": ds.decimal(2), "risk": float})
disputes = ds.Source("disputes", time="at", key="id", schema={"id": str, "card": str}, delay="1h")
pipeline = ds.Pipeline(
    "fraud",
    predict=payments,
    features=[
        payments.by("card").over("1h", "1d").mean("amount"),
        payments.by("card").over("1d").std("risk"),
        disputes.by("card").over("1d").count(),
    ],
)
"""


def project(folder: Path, settings: str) -> Path:
    folder.mkdir()
    (folder / "pipeline.py").write_text(PIPELINE)
    (folder / "dayshift.toml").write_text(settings)
    return folder


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A project of two sources in files; nothing was run yet."""
    folder = project(
        tmp_path / "files",
        '[sources.payments]\nfiles = "payments*.csv"\n[sources.disputes]\nfiles = "disputes.jsonl"\n'
        "[ingest]\nmax_quarantine = 0.5\n",
    )
    rows = [
        f"p{n},2024-05-0{1 + n // 40}T{n // 4 % 10:02d}:{n % 60:02d}:00Z,c{n % 3},{n}.{n % 10}5,{n / 7}"
        for n in range(80)
    ]
    (folder / "payments.csv").write_text("\n".join(["id,at,card,amount,risk", *rows, "bad,never,c1,1,1"]))
    told = [{"id": f"d{n}", "at": f"2024-05-01T0{n}:30:00Z", "card": f"c{n % 3}"} for n in range(9)]
    (folder / "disputes.jsonl").write_text("\n".join(map(json.dumps, told)))
    return folder


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.kafka
def test_a_night_from_kafka_equals_the_night_from_files(
    kafka: Cluster, topic: str, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same events and the same features, bit for bit; no line of the pipeline's file is another."""
    assert run(["run", "-C", str(history), *NIGHT]) == 0
    sending = ["replay", "all", f"{topic}-{{source}}", "--brokers", kafka.address, "-C", str(history)]
    sent = asked(capsys, *sending, "--partitions", "3", "--key", "card")
    assert (sent["messages"], sent["left_out"]) == ({"disputes": 9, "payments": 80}, 0)
    assert sent["comes_from"] == "the lake"
    sections = [
        f'[sources.{name}]\ntopic = "{topic}-{name}"\nbrokers = "{kafka.address}"\n'
        for name in ("payments", "disputes")
    ]
    live = project(tmp_path / "kafka", "".join(sections))
    assert run(["run", "-C", str(live), *NIGHT]) == 0
    one, other = open_project(history), open_project(live)
    for name in ("payments", "disputes"):
        found = [each.lake.events(name).collect().sort("_load", "_position", "id") for each in (one, other)]
        assert_frame_equal(*found, check_exact=True)
    assert_frame_equal(one.features.scan().collect(), other.features.scan().collect(), check_exact=True)
    assert run(["run", "-C", str(live), *NIGHT]) == 0
    assert other.lake.last_load == 1
    record = one.lake.ledger.read("replay").to_dicts()[0]
    assert (record["outcome"], json.loads(record["detail"])["messages"]["payments"]) == ("done", 80)


@pytest.mark.kafka
def test_history_that_was_never_loaded_comes_from_the_files(
    kafka: Cluster, topic: str, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lake stays as it was; what breaks the contract is left out and counted; a plan sends nothing."""
    arguments = ["replay", "payments", topic, "--brokers", kafka.address, "-C", str(history), "--speed", "1e9"]
    planned = asked(capsys, *arguments, "--plan")
    assert (planned["messages"], planned["left_out"], planned["made"]) == ({"payments": 80}, 1, [])
    assert read(reader(kafka, topic))[0] == []
    assert not (history / "lake").exists()
    sent = asked(capsys, *arguments, "--from", "2024-05-02")
    assert (sent["messages"], sent["comes_from"]) == ({"payments": 40}, "the sources' files")
    chunks, _ = read(reader(kafka, topic, key_column="key"))
    assert sorted(values(chunks)) == sorted(f"p{n}" for n in range(40, 80))
    assert values(chunks) == values(chunks, "key")
    assert open_project(history).lake.last_load == 0


@pytest.mark.kafka
def test_a_topic_is_made_only_when_that_is_asked_for(
    kafka: Cluster, topic: str, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else its absence is told with the nearest name."""
    arguments = ["replay", "payments", f"{topic}s", "--brokers", kafka.address, "-C", str(history)]
    (problem,) = asked(capsys, *arguments, code=3)["problems"]
    assert (problem["code"], problem["hint"]) == ("DS331", f"write {topic}, or let --partitions 1 make it")
    assert asked(capsys, *arguments, "--plan", "--partitions", "2")["made"] == [f"{topic}s"]
    assert asked(capsys, *arguments, "--partitions", "2")["messages"] == {"payments": 80}
    assert sorted(values(read(reader(kafka, f"{topic}s"))[0])) == sorted(f"p{n}" for n in range(80))


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["paymets", "t", "--brokers", "k:1"], "DS760", "dayshift replay payments t"),
        (["payments", "t"], "DS761", "dayshift replay payments 't' --brokers localhost:9092"),
        (["all", "t", "--brokers", "k:1"], "DS763", "dayshift replay disputes,payments 't-{source}'"),
        (["payments", "t", "--brokers", "k:1", "--key", "crad"], "DS763", "--key card"),
        (["payments", "t", "--brokers", "k:1", "--set", "linger.ms"], "DS121", "--set linger.ms=..."),
    ],
)
def test_what_is_asked_wrongly_is_told_before_anything_is_sent(
    history: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: str, hint: str
) -> None:
    """Exit code 2, and a hint that can be pasted."""
    (problem,) = asked(capsys, "replay", *arguments, "-C", str(history), code=2)["problems"]
    assert (problem["code"], problem["hint"]) == (code, hint)


def test_a_column_that_the_lake_does_not_keep_cannot_be_replayed(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The messages would lack it, and nobody could derive from it again."""
    derived = 'schema={"id": str, "card": str, "net": float}, derive={"net": pl.col("gross") * 0.8}'
    text = f"import polars as pl\n{PIPELINE}".replace('schema={"id": str, "card": str}', derived)
    (history / "pipeline.py").write_text(text)
    arguments = ["replay", "disputes", "t", "--brokers", "k:1", "-C", str(history)]
    (problem,) = asked(capsys, *arguments, code=2)["problems"]
    assert (problem["code"], problem["hint"]) == ("DS763", "name 'gross' in the schema")


def test_absent_brokers_are_told(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DS330 and exit code 3."""
    (history / "dayshift.toml").write_text((history / "dayshift.toml").read_text() + "retries = 0\n")
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    quick = f"socket.timeout.ms={QUICK['socket.timeout.ms']}"
    arguments = ["replay", "payments", "t", "--brokers", nobody, "-C", str(history), "--set", quick]
    (problem,) = asked(capsys, *arguments, code=3)["problems"]
    assert problem["code"] == "DS330"


@pytest.mark.slow
@pytest.mark.kafka
def test_ctrl_c_ends_a_replay_in_order(kafka: Cluster, topic: str, history: Path) -> None:
    """What was sent until then has arrived and is counted; the exit code is 130."""
    program = [sys.executable, "-m", "dayshift", "replay", "payments", topic, "--speed", "600", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    child = subprocess.Popen(
        [*program, "--brokers", kafka.address, "-C", str(history)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and not values(read(reader(kafka, topic))[0]):
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    report = json.loads(out)
    assert report["interrupted"]
    found = values(read(reader(kafka, topic))[0])
    assert 0 < len(found) < 80
    assert report["messages"]["payments"] == len(found)
    assert "Traceback" not in err
    assert pl.Series(found).is_duplicated().sum() == 0


@pytest.mark.kafka
def test_a_topic_that_would_delete_the_history_is_refused(
    kafka: Cluster, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into a topic that keeps a day a history of 2024 is not sent; by the broker's own clock it is."""
    short = kafka.topic("kept-for-a-day", retention_ms="86400000")
    assert run(["replay", "payments", short, "--brokers", kafka.address, "-C", str(history)]) == 2
    said = capsys.readouterr().err
    assert "error[DS765]: topic 'kept-for-a-day' would delete this history: it keeps messages for 1d" in said
    stamped = kafka.topic("stamped-on-arrival", retention_ms="86400000", message_timestamp_type="LogAppendTime")
    assert run(["replay", "payments", stamped, "--brokers", kafka.address, "-C", str(history)]) == 0
