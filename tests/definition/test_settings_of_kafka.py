"""`[sources.NAME]` of a topic: what belongs together, and what is refused with the line it stands in."""

from pathlib import Path

import pytest

from dayshift.definition.settings import SourceSettings
from dayshift.definition.settings_file import read_settings
from dayshift.diagnostics import DefinitionError


def _file(folder: Path, text: str) -> Path:
    path = folder / "dayshift.toml"
    path.write_text(f"[sources.payments]\n{text}\n")
    return path


def test_dotted_settings_need_no_quotes(tmp_path: Path) -> None:
    """TOML reads `sasl.username` as a table in a table; both ways of writing say the same."""
    text = 'topic = "p"\nbrokers = "k:9092"\n[sources.payments.kafka]\n'
    plain = 'sasl.mechanism = "PLAIN"\nsocket.timeout.ms = 5\nssl.endpoint.identification.algorithm = "none"'
    quoted = '"sasl.mechanism" = "PLAIN"\n"socket.timeout.ms" = 5\n"ssl.endpoint.identification.algorithm" = "none"'
    given = [read_settings(_file(tmp_path, text + one)).sources["payments"].kafka for one in (plain, quoted)]
    wanted = {"sasl.mechanism": "PLAIN", "socket.timeout.ms": 5, "ssl.endpoint.identification.algorithm": "none"}
    assert given == [wanted, wanted]


def test_a_password_is_in_no_text_of_the_settings() -> None:
    """Whoever prints settings prints none of librdkafka's."""
    given = SourceSettings(topic="p", brokers="k:9092", kafka={"sasl.password": "s3cret"})
    assert "s3cret" not in f"{given!r} {given}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('topic = "p"', "topic is given without brokers"),
        ('topic = "p"\nfiles = "*.csv"\nbrokers = "k:9092"', "here stands files and topic"),
        ('topic = "p"\nbrokers = "k:9092"\ncursor = "id"', "here stands topic"),
        ('topic = "p"\nbrokers = "k:9092"\nformat = "csv"', "format is for files"),
        ('files = "*.csv"\nkey_column = "card"', "key_column is for a topic, and here stands files"),
        ('topic = "p"\nbrokers = "k:9092"\nvalue = "avro"', "Avro values are given without a schema"),
        ('topic = "p"\nbrokers = "k:9092"\nschema_file = "p.avsc"', "schema_file is for Avro"),
    ],
)
def test_what_does_not_belong_together_is_told(tmp_path: Path, text: str, said: str) -> None:
    """DS114, in the section's line."""
    with pytest.raises(DefinitionError) as caught:
        read_settings(_file(tmp_path, text))
    (problem,) = caught.value.problems
    assert problem.code == "DS114"
    assert said in problem.message
    assert problem.place is not None
    assert problem.place.line == 1


def test_a_setting_on_which_exactness_depends_is_refused(tmp_path: Path) -> None:
    """Committing offsets to Kafka beside the lake would make two truths of one."""
    text = 'topic = "p"\nbrokers = "k:9092"\n[sources.payments.kafka]\nenable.auto.commit = true'
    with pytest.raises(DefinitionError) as caught:
        read_settings(_file(tmp_path, text))
    assert [problem.code for problem in caught.value.problems] == ["DS333"]
    assert "'enable.auto.commit' is not yours to set" in caught.value.problems[0].message


def test_the_nearest_name_of_a_setting_is_told(tmp_path: Path) -> None:
    """As for any other section."""
    with pytest.raises(DefinitionError) as caught:
        read_settings(_file(tmp_path, 'topic = "p"\nbrokers = "k:9092"\nkeycolumn = "card"'))
    assert caught.value.problems[0].hint == "write 'key_column' in place of 'keycolumn'"
