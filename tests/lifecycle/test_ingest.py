"""From files and tables into the lake: every row accounted for, all or nothing."""

import datetime as dt
import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift.definition import Column, Pipeline, Source, decimal, optional, sql
from dayshift.definition.settings import Settings
from dayshift.diagnostics import DayshiftError, DefinitionError, NotReady, Refused
from dayshift.lake import Lake
from dayshift.lifecycle.ingest import LoadReport, ingest
from tests.services import Database

NOW = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)


def payments(**more: Any) -> Source:
    schema = {"id": str, "card": optional(str), "amount": decimal(2, minimum=0), **more.pop("schema", {})}
    return Source("payments", time="at", key="id", schema=schema, **more)


class World:
    """A project's folder with one source."""

    def __init__(self, root: Path, source: Source | None = None, **section: Any) -> None:
        self.root, self.source = root, source or payments()
        self.section = {"files": "in/*", "max_quarantine": 1.0, **section}
        self.ingest = {"chunk_rows": 250_000}
        (root / "in").mkdir(exist_ok=True)

    @property
    def lake(self) -> Lake:
        return Lake(self.root / "lake")

    def write(self, name: str, text: str | bytes) -> None:
        (self.root / "in" / name).write_bytes(text.encode() if isinstance(text, str) else text)

    def load(self, progress: Any = None) -> LoadReport:
        given = Settings.model_validate({"sources": {"payments": self.section}, "ingest": self.ingest})
        report = ingest(Pipeline("p", predict=self.source), given, self.lake, self.root, NOW, progress)
        assert report.read == report.loaded + report.quarantined + report.duplicates + sum(
            one.filtered for one in report.sources
        )
        return report

    def events(self) -> pl.DataFrame:
        return self.lake.events("payments").collect()

    def held(self) -> list[tuple]:
        return self.lake.quarantine().select("origin", "row", "code").collect().rows()


def numbers(report: LoadReport) -> tuple[int, int, int, int]:
    return report.read, report.loaded, report.quarantined, report.duplicates


HEAD = "id,at,card,amount\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_file_becomes_events_with_types_positions_and_hashes(world: World) -> None:
    """One load, its rows in the canonical types, the file in the manifest."""
    world.write("a.csv", HEAD + "1,2024-05-01 10:00:00,c,2.50\n2,2024-05-01 11:00:00,,0\n")
    report = world.load()
    assert (report.load, numbers(report)) == (1, (2, 2, 0, 0))
    events = world.events()
    assert events["amount"].to_list() == [2.5, 0.0]
    assert events["_position"].to_list() == [1714557600000000, 1714561200000000]
    assert set(events.columns) == {"id", "at", "card", "amount", "_load", "_position", "_key_hash"}
    origin = world.lake.loads()["origins"][0][0]
    assert (origin["path"], origin["rows"], len(origin["sha256"])) == ("in/a.csv", 2, 64)


def test_bad_rows_are_held_with_their_place_and_text(world: World) -> None:
    """Torn, absent, out of range: each with its record number; the good rows are loaded."""
    world.write("a.csv", HEAD + "1,2024-05-01,c,2.50\n2,2024-05-01\n\n3,,c,1\n4,2024-05-01,c,-1\n5,2024-05-01,c,1\n")
    assert numbers(world.load()) == (5, 2, 3, 0)
    assert world.held() == [("in/a.csv", 2, "DS350"), ("in/a.csv", 3, "DS351"), ("in/a.csv", 4, "DS353")]
    raw = world.lake.quarantine().collect()["raw"].to_list()
    assert raw[0] == "2,2024-05-01"
    assert json.loads(raw[2]) == {"id": "4", "at": "2024-05-01", "card": "c", "amount": "-1"}


def test_a_file_is_known_by_its_content_not_its_name(world: World) -> None:
    """Seen again: nothing to load. Renamed: not read. Rewritten: read again, known rows are duplicates."""
    world.write("a.csv", HEAD + "1,2024-05-01,c,2.50\n")
    world.load()
    assert world.load().load is None
    (world.root / "in" / "a.csv").rename(world.root / "in" / "b.csv")
    assert world.load().load is None
    world.write("b.csv", HEAD + "1,2024-05-01,c,2.50\n2,2024-04-01,c,1\n")
    report = world.load()
    assert (report.load, numbers(report)) == (2, (2, 1, 0, 1))
    assert sorted(world.events()["id"]) == ["1", "2"]


def test_two_files_of_equal_content_are_read_once(world: World) -> None:
    """A delivery that was put there twice under two names."""
    world.write("a.csv", HEAD + "1,2024-05-01,c,2.50\n")
    world.write("b.csv", HEAD + "1,2024-05-01,c,2.50\n")
    assert numbers(world.load()) == (1, 1, 0, 0)
    assert world.load().load is None


def test_an_older_event_that_comes_later_is_loaded(world: World) -> None:
    """Never by newest event time seen: a late file counts from its load on."""
    world.write("a.csv", HEAD + "1,2024-05-01,c,2.50\n")
    world.load()
    world.write("b.csv", HEAD + "0,2020-01-01,c,1\n")
    assert numbers(world.load()) == (1, 1, 0, 0)
    assert dict(world.events().select("id", "_load").rows()) == {"1": 1, "0": 2}


def test_equal_rows_are_duplicates_and_contradicting_ones_are_held(world: World) -> None:
    """Within a load and against the lake; the first one stays."""
    world.write(
        "a.csv", HEAD + "1,2024-05-01,c,1\n1,2024-05-01,c,1.00\n1,2024-05-01,c,9\n2,2024-05-01,,5\n2,2024-05-01,,5\n"
    )
    assert numbers(world.load()) == (5, 2, 1, 2)
    world.write("b.csv", HEAD + "3,2024-05-01,c,3\n1,2024-05-01,c,1\n2,2024-05-01,x,5\n")
    assert numbers(world.load()) == (3, 1, 1, 1)
    assert sorted(world.events().select("id", "amount").rows()) == [("1", 1.0), ("2", 5.0), ("3", 3.0)]
    held = world.lake.quarantine().sort("_load").collect()
    assert held.select("origin", "row", "code").rows() == [("in/a.csv", 3, "DS358"), ("in/b.csv", 3, "DS358")]
    assert held["reason"][1] == "event id='2' is known from load 1 with other content: card is 'x', known is None"


def test_a_collision_of_hashes_drops_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every key's hash equal, different keys all stay, and equal ones are still found."""
    monkeypatch.setattr(
        "dayshift.lifecycle.contract.key_hash", lambda frame, _: pl.Series("_key_hash", [7] * frame.height)
    )
    world.write("a.csv", HEAD + "1,2024-05-01,c,1\n2,2024-05-01,c,1\n1,2024-05-01,c,1\n")
    assert numbers(world.load()) == (3, 2, 0, 1)
    world.write("b.csv", HEAD + "3,2024-05-01,c,1\n2,2024-05-01,c,1\n")
    assert numbers(world.load()) == (2, 1, 0, 1)
    assert sorted(world.events()["id"]) == ["1", "2", "3"]


def test_repetitions_are_found_in_parts_as_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven candidates in memory at a time, or all of them: the same duplicates, conflicts and events."""
    lines = [f"{n % 50},2024-05-01,c,{n // 100}\n" for n in range(200)]
    found = []
    for number, at_once in enumerate((7, 250_000)):
        monkeypatch.setattr("dayshift.lifecycle.door.duplicates.AT_ONCE", at_once)
        (tmp_path / str(number)).mkdir()
        one = World(tmp_path / str(number))
        one.write("a.csv", HEAD + "".join(lines[:120]))
        one.write("b.csv", HEAD + "".join(lines))
        one.load()
        one.write("c.csv", HEAD + "".join(reversed(lines)) + "x,2024-05-01,c,1\n")
        report = one.load()
        found.append((numbers(report), sorted(one.held()), sorted(one.events().select("id", "amount").rows())))
    assert found[0] == found[1]
    assert found[0][0] == (201, 1, 0, 200)


def test_chunks_of_any_size_bring_the_same_lake(tmp_path: Path) -> None:
    """Speed never changes an answer: floats' grid, duplicates, quarantine, order."""
    source = payments(schema={"score": float})
    lines = [f"{n % 700},2024-05-01,c,{n % 700 if n % 97 else 'x'},{(n % 700) * 0.37}\n" for n in range(1_000)]
    found = []
    for number, rows in enumerate((1, 100, 1_000_000)):
        (tmp_path / str(number)).mkdir()
        one = World(tmp_path / str(number), source)
        one.ingest = {"chunk_rows": rows}
        one.write("a.csv", "id,at,card,amount,score\n" + "".join(lines) * 30)
        report = one.load()
        found.append((numbers(report), one.events().sort("id"), one.lake.bits("payments"), sorted(one.held())))
    assert found[0][0] == found[1][0] == found[2][0]
    assert found[0][1].equals(found[1][1])
    assert found[0][1].equals(found[2][1])
    assert found[0][2:] == found[1][2:] == found[2][2:]


def test_the_grid_of_floats_is_measured_once_and_kept(tmp_path: Path) -> None:
    """40 bits below the largest value of the first load; later values stand on the same grid."""
    one = World(tmp_path, payments(schema={"score": float}))
    one.write("a.csv", "id,at,card,amount,score\n1,2024-05-01,c,1,1000\n2,2024-05-01,c,1,0.1\n")
    one.load()
    assert one.lake.bits("payments") == {"score": 30}
    one.write("b.csv", "id,at,card,amount,score\n3,2024-05-01,c,1,0.1\n4,2024-05-01,c,1,1e9\n")
    assert numbers(one.load()) == (2, 1, 1, 0)
    grid = round(0.1 * 2**30) / 2**30
    assert one.lake.bits("payments") == {"score": 30}
    assert sorted(one.events()["score"]) == [grid, grid, 1000.0]


def test_unique_values_are_kept_by_the_first(tmp_path: Path) -> None:
    """Within a load and against the lake; a null is no value."""
    one = World(tmp_path, payments(schema={"card": Column(str, optional=True, unique=True)}))
    one.write("a.csv", HEAD + "1,2024-05-01,c,1\n2,2024-05-01,c,1\n3,2024-05-01,,1\n4,2024-05-01,,1\n")
    assert numbers(one.load()) == (4, 3, 1, 0)
    one.write("b.csv", HEAD + "5,2024-05-01,c,1\n6,2024-05-01,d,1\n")
    assert numbers(one.load()) == (2, 1, 1, 0)
    assert {code for _, _, code in one.held()} == {"DS359"}


def test_too_many_bad_rows_stop_the_load_before_anything_is_visible(tmp_path: Path) -> None:
    """Exit 1, the lake untouched, every row with its reason in a file; the repaired file is loaded by the next run."""
    one = World(tmp_path, max_quarantine=0.2)
    one.write("a.csv", HEAD + "1,2024-05-01,c,x\n2,2024-05-01,c,1\n3,2024-05-01,c,1\n")
    with pytest.raises(Refused) as caught:
        one.load()
    problem = caught.value.problems[0]
    assert problem.code == "DS360"
    assert "in/a.csv row 1: DS352 amount is 'x'" in problem.facts[2]
    assert problem.hint is not None
    assert "max_quarantine = 0.34 " in problem.hint, "the share that would let this load pass"
    report = Path(problem.facts[-1].split(": ", 1)[1])
    assert [json.loads(line)["row"] for line in report.read_text().splitlines()] == [1]
    assert (one.lake.last_load, one.lake.has_events("payments")) == (0, False)
    one.write("a.csv", HEAD + "1,2024-05-01,c,1\n2,2024-05-01,c,1\n3,2024-05-01,c,1\n")
    assert numbers(one.load()) == (3, 3, 0, 0)


def test_a_row_that_is_held_already_is_a_duplicate(world: World) -> None:
    """A rewritten file brings its bad rows again; they are not held twice."""
    world.write("a.csv", HEAD + "1,2024-05-01,c,x\n2,2024-05-01\n")
    assert numbers(world.load()) == (2, 0, 2, 0)
    world.write("a.csv", HEAD + "1,2024-05-01,c,x\n2,2024-05-01\n3,2024-05-01,c,1\n")
    assert numbers(world.load()) == (3, 1, 0, 2)


def test_compressed_files_and_other_formats_bring_the_same_events(tmp_path: Path) -> None:
    """gzip, zstd, JSON Lines and Parquet: the values do not depend on the wrapping."""
    import pyarrow as pa

    text = HEAD + "1,2024-05-01 10:00:00,c,2.50\n2,2024-05-01 11:00:00,,0.10\n"
    frame = pl.read_csv(text.encode(), schema_overrides={"id": pl.String}, try_parse_dates=True)
    objects = [
        '{"id": "1", "at": "2024-05-01 10:00:00", "card": "c", "amount": 2.50}',
        '{"id": "2", "at": 1714561200, "amount": "0.10"}',
    ]
    frame.write_parquet(tmp_path / "p.parquet")
    given = {
        "a.csv": text.encode(),
        "a.csv.gz": gzip.compress(text.encode()),
        "a.csv.zst": pa.compress(text.encode(), codec="zstd", asbytes=True),
        "a.jsonl": "\n".join(objects).encode(),
        "a.parquet": (tmp_path / "p.parquet").read_bytes(),
    }
    found = []
    for number, (name, content) in enumerate(given.items()):
        (tmp_path / str(number)).mkdir()
        one = World(tmp_path / str(number))
        one.write(name, content)
        assert numbers(one.load()) == (2, 2, 0, 0), name
        found.append(one.events().sort("id"))
    assert all(frame.equals(found[0]) for frame in found)


def test_lines_that_are_no_objects_are_torn(world: World) -> None:
    """JSON Lines: a list, damaged JSON and bytes that are not UTF-8 cost their line each."""
    good = '{"id": "1", "at": "2024-05-01", "amount": 1.5, "extra": {"a": [1]}}'
    world.write("a.jsonl", b"\n".join([good.encode(), b"[1]", b"{", b'{"id": "\xff"}', b"", b'{"id": "2"}']))
    assert numbers(world.load()) == (5, 1, 4, 0)
    assert world.held() == [
        ("in/a.jsonl", row, code) for row, code in ((2, "DS350"), (3, "DS350"), (4, "DS350"), (5, "DS351"))
    ]


def test_rows_that_do_not_belong_are_filtered_and_those_that_cannot_be_judged_are_held(tmp_path: Path) -> None:
    """`where` sees the schema's types; a value that is not of its type does not make the row vanish."""
    one = World(tmp_path, payments(where=pl.col("amount") > 1))
    one.write("a.csv", HEAD + "1,2024-05-01,c,2\n2,2024-05-01,c,1\n3,2024-05-01,c,x\n4,2024-05-01,c,\n")
    report = one.load()
    assert (numbers(report), report.sources[0].filtered) == ((4, 1, 1, 0), 2)


def test_columns_are_derived_before_the_contract(tmp_path: Path) -> None:
    """From columns outside the schema as text, from those inside in their types, by Polars and by SQL."""
    derive = {
        "at": pl.concat_str("day", pl.lit(" "), "clock"),
        "card": sql("upper(card)"),
        "amount": pl.col("cents").cast(int) / 100,
    }
    one = World(tmp_path, payments(derive=derive))
    one.write("a.csv", "id,day,clock,card,cents\n1,2024-05-01,10:30,c,250\n")
    assert numbers(one.load()) == (1, 1, 0, 0)
    row = one.events().to_dicts()[0]
    assert (row["card"], row["amount"], row["at"].isoformat()) == ("C", 2.5, "2024-05-01T10:30:00+00:00")


def test_an_expression_that_cannot_be_computed_is_the_users_to_repair(tmp_path: Path) -> None:
    """DS366 with the columns there are."""
    one = World(tmp_path, payments(derive={"card": pl.col("card").dt.year()}))
    one.write("a.csv", HEAD + "1,2024-05-01,c,2\n")
    with pytest.raises(DefinitionError) as caught:
        one.load()
    assert caught.value.problems[0].code == "DS366"


@pytest.mark.parametrize(
    ("section", "text", "outcome"),
    [
        ({"on_new_column": "stop"}, "id,at,card,amount,x\n1,2024-05-01,c,1,7\n", "DS361"),
        ({"on_new_column": "ignore"}, "id,at,card,amount,x\n1,2024-05-01,c,1,7\n", ["amount", "at", "card", "id"]),
        ({"on_new_column": "evolve"}, "id,at,card,amount,x\n1,2024-05-01,c,1,7\n", ["amount", "at", "card", "id", "x"]),
        ({"on_missing_column": "stop"}, "id,at,amount\n1,2024-05-01,1\n", "DS362"),
        ({"on_missing_column": "ignore"}, "id,at,amount\n1,2024-05-01,1\n", ["amount", "at", "card", "id"]),
        ({"on_missing_column": "ignore"}, "id,at,card\n1,2024-05-01,c\n", "DS362"),
        ({"rename": {"Amount": "amount"}}, "id,at,card,Amount\n1,2024-05-01,c,1\n", ["amount", "at", "card", "id"]),
    ],
)
def test_columns_that_change_follow_the_declared_policy(tmp_path: Path, section: dict, text: str, outcome: Any) -> None:
    """New and missing columns: stop, ignore, evolve; a required column cannot be ignored."""
    one = World(tmp_path, **section)
    one.write("a.csv", text)
    if isinstance(outcome, str):
        with pytest.raises(Refused) as caught:
            one.load()
        assert caught.value.problems[0].code == outcome
        assert one.lake.last_load == 0
        return
    assert numbers(one.load()) == (1, 1, 0, 0)
    assert sorted(name for name in one.events().columns if name[0] != "_") == outcome


def test_a_retyped_column_stops_or_is_converted_value_by_value(tmp_path: Path) -> None:
    """Parquet that holds text where a time is declared."""
    one = World(tmp_path)
    one.write("a.parquet", b"")
    frame = pl.DataFrame({"id": ["1", "2"], "at": ["2024-05-01", "soon"], "card": ["c", "c"], "amount": [1, 1]})
    frame.write_parquet(tmp_path / "in" / "a.parquet")
    with pytest.raises(Refused) as caught:
        one.load()
    assert caught.value.problems[0].code == "DS363"
    one.section["on_retyped_column"] = "evolve"
    assert numbers(one.load()) == (2, 1, 1, 0)


@pytest.mark.parametrize(
    ("section", "files", "code"),
    [
        ({"files": "absent.csv"}, {}, "DS301"),
        ({}, {}, "DS301"),
        ({}, {"a.bin": b"x"}, "DS307"),
        ({}, {"a.csv.gz": gzip.compress(b"x" * 1000)[:-8]}, "DS304"),
        ({}, {"a.parquet": b"PAR1 no"}, "DS304"),
        ({"freshness": "1d"}, {"a.csv": (HEAD + "1,2024-05-01,c,1\n").encode()}, "DS364"),
    ],
)
def test_a_source_that_is_not_ready_leaves_the_lake_as_it_was(
    tmp_path: Path, section: dict, files: dict, code: str
) -> None:
    """Absent, of unknown format, damaged, stale: a code, and no load."""
    one = World(tmp_path, **section)
    for name, content in files.items():
        one.write(name, content)
    with pytest.raises(DayshiftError) as caught:
        one.load()
    assert caught.value.problems[0].code == code
    assert one.lake.last_load == 0


def test_a_file_that_grows_while_it_is_read_is_not_loaded(world: World) -> None:
    """Half a file under a complete file's name would be lost rows."""
    world.write("a.csv", HEAD + "".join(f"{n},2024-05-01,c,1\n" for n in range(100_000)))
    world.ingest = {"chunk_rows": 1}

    grown: list[tuple] = []

    def grow(*told: Any) -> None:
        grown.append(told)
        with (world.root / "in" / "a.csv").open("a") as file:
            file.write(f"x{len(grown)},2024-05-01,c,1\n")

    with pytest.raises(NotReady) as caught:
        world.load(grow)
    assert caught.value.problems[0].code == "DS305"
    assert world.lake.last_load == 0
    assert numbers(world.load())[1] == 100_000 + len(grown)


def test_a_source_without_a_section_is_named(world: World) -> None:
    """With the nearest name that there is."""
    given = Settings.model_validate({"sources": {"payment": world.section}})
    with pytest.raises(DefinitionError) as caught:
        ingest(Pipeline("p", predict=world.source), given, world.lake, world.root, NOW)
    assert (caught.value.problems[0].code, caught.value.problems[0].facts) == ("DS365", ("there is [sources.payment]",))


def test_progress_is_told_after_every_chunk(world: World) -> None:
    """Source, rows so far, seconds so far."""
    world.write("a.csv", HEAD + "1,2024-05-01,c,1\n")
    told: list[tuple] = []
    world.load(lambda *told_now: told.append(told_now))
    assert told[-1][:2] == ("payments", 1)


def test_a_table_is_loaded_incrementally_and_what_is_read_twice_is_a_duplicate(tmp_path: Path) -> None:
    """SQLite with a cursor and a lag: the last rows come again, and late ones are found."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table payments (id integer, at text, card text, amount real)")
        connection.executemany(
            "insert into payments values (?, ?, 'c', ?)", [(n, f"2024-05-01 10:{n:02d}:00", n / 10) for n in range(60)]
        )
    one = World(tmp_path, files=None, table="payments", database="shop.db", cursor="at", lag="5m")
    assert numbers(one.load()) == (60, 60, 0, 0)
    assert one.load().load is None
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.executemany(
            "insert into payments values (?, ?, 'c', 1)", [(100, "2024-05-01 10:56:30"), (101, "2024-05-01 11:00:00")]
        )
    assert numbers(one.load()) == (8, 2, 0, 6)
    assert one.events().height == 62


@pytest.mark.postgres
def test_a_postgres_table_is_loaded_incrementally(postgres: Database, tmp_path: Path) -> None:
    """numeric(12,2) is an exact decimal; the cursor moves by loads that were committed."""
    postgres.run(
        "create table payments as select n::text as id, timestamptz '2024-05-01 10:00:00+00' + n * interval '1 second' as at, "
        "'c' as card, (n / 100.0)::numeric(12,2) as amount from generate_series(1, 5000) n"
    )
    one = World(tmp_path, files=None, table="payments", database=postgres.uri, cursor="at")
    assert numbers(one.load()) == (5000, 5000, 0, 0)
    assert one.events()["amount"].sum() == pytest.approx(125_025)
    postgres.run("insert into payments values ('5001', timestamptz '2024-05-01 12:00:00+00', 'c', 1.25)")
    assert numbers(one.load()) == (2, 1, 0, 1)


CELL = st.one_of(st.binary(max_size=8), st.sampled_from([b"1", b"2", b"2024-05-01", b"1.5", b"", b'"a,b"', b"x\ny"]))


@settings(max_examples=25)
@given(st.lists(st.lists(CELL, min_size=3, max_size=5).map(b",".join), max_size=12), st.integers(1, 3))
def test_any_bytes_are_loaded_held_or_duplicates(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], times: int
) -> None:
    """Whatever a CSV file holds, and however often it comes: read is the sum of what became of it, and no key is doubled."""
    one = World(tmp_path_factory.mktemp("any"))
    total = 0
    for number in range(times):
        one.write("a.csv", HEAD.encode() + b"\n".join(lines) + b"\n9%d,2024-05-01,c,1\n" % number)
        total += one.load().loaded
    events = one.events()
    assert events.height == total == events["id"].n_unique()
