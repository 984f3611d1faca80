"""Reading dayshift.toml: all faults at once, each with its line."""

from pathlib import Path

import pytest

from dayshift.definition.loading import read_settings
from dayshift.definition.settings import secret
from dayshift.diagnostics import DefinitionError, NotReady, Place, Problem, render


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    (folder / "dayshift.toml").write_text(text)
    with pytest.raises(DefinitionError) as caught:
        read_settings(folder)
    return caught.value.problems


def lines(found: tuple[Problem, ...]) -> list[tuple[str, int]]:
    return [(problem.code, problem.place.line if problem.place else -1) for problem in found]


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    """Every setting has a default."""
    (tmp_path / "dayshift.toml").write_text("")
    assert read_settings(tmp_path / "dayshift.toml").ingest.max_quarantine == 0.01


def test_all_faults_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    """Unknown names, wrong types and values out of range, in one error, each where it stands."""
    text = """# settings
lakes = "x"

[sources.payments]
files = "a.csv"
on_new_column = "evolv"
formt = "csv"

[ingest]
max_quarantine = 2
chunk_rows = "many"
"""
    found = problems(tmp_path, text)
    assert sorted(lines(found), key=lambda pair: pair[1]) == [
        ("DS111", 2), ("DS112", 6), ("DS111", 7), ("DS112", 10), ("DS112", 11),
    ]  # fmt: skip
    hints = {problem.hint for problem in found if problem.hint}
    assert hints == {
        "write 'lake' in place of 'lakes'",
        'write "evolve"',
        "write 'format' in place of 'formt'",
        "max_quarantine = 0.01",
        "chunk_rows = 250000",
    }


def test_the_rendered_message_of_an_unknown_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line alone is enough; place, what is allowed and an edit follow."""
    monkeypatch.chdir(tmp_path)
    assert render(problems(tmp_path, "[engine]\ntreads = 2\n")) == (
        "error[DS111]: setting 'treads' is unknown in section [engine]\n"
        "  --> dayshift.toml:2\n"
        "   = allowed: name, threads\n\n"
        "hint: write 'threads' in place of 'treads'"
    )


def test_a_value_of_two_possible_types_is_one_problem(tmp_path: Path) -> None:
    """`files` may be text or a list; a number is told once."""
    assert lines(problems(tmp_path, "[sources.a]\n\nfiles = 3\n")) == [("DS112", 3)]


def test_inline_tables_and_dotted_keys_have_their_line(tmp_path: Path) -> None:
    """A fault inside an inline table is told at the table's line."""
    assert lines(problems(tmp_path, 'sources.a = { files = "x", fils = 1 }\n')) == [("DS111", 1)]


def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    """DS110 with the line of the parser's complaint."""
    assert lines(problems(tmp_path, "a = 1\nb = = 2\n")) == [("DS110", 2)]


def test_settings_know_where_they_were_written(tmp_path: Path) -> None:
    """Later checks tell the line of the setting, or of the section around it."""
    (tmp_path / "dayshift.toml").write_text('[sources.a]\nfiles = "x"\n')
    settings = read_settings(tmp_path)
    assert settings.place("sources", "a", "files") == Place(str(tmp_path / "dayshift.toml"), 2)
    assert settings.place("sources", "a", "table") == Place(str(tmp_path / "dayshift.toml"), 1)
    assert settings.place("train") == Place(str(tmp_path / "dayshift.toml"), 0)


def test_an_absent_file_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    """DS101 with `dayshift init`."""
    with pytest.raises(DefinitionError) as caught:
        read_settings(tmp_path)
    assert caught.value.problems[0].code == "DS101"


def test_a_secret_comes_from_the_environment_and_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value "env:NAME" is looked up when asked; an unset variable is the world's fault, exit code 3."""
    monkeypatch.setenv("SHOP_URL", "postgresql://x")
    assert secret("env:SHOP_URL") == "postgresql://x"
    monkeypatch.delenv("SHOP_URL")
    with pytest.raises(NotReady, match="DS113"):
        secret("env:SHOP_URL")


def test_a_project_around_the_folder_is_named(tmp_path: Path) -> None:
    """Asked one folder too deep, or for a file in place of the folder, the way back is the hint."""
    (tmp_path / "dayshift.toml").touch()
    (tmp_path / "data").mkdir()
    for place in (tmp_path / "data" / "dayshift.toml", tmp_path / "dayshift.toml" / "dayshift.toml"):
        with pytest.raises(DefinitionError, match="DS101") as caught:
            read_settings(place)
        assert caught.value.problems[0].hint == f"cd {tmp_path}"


def test_an_absent_setting_is_named_itself_with_an_example(tmp_path: Path) -> None:
    """Not only its section; and what is allowed is said without the parser's own words."""
    found = problems(tmp_path, '[destinations.wh]\ncontent = "features"\n[engine]\nthreads = "a"\n')
    assert [(problem.message, problem.hint) for problem in found[:2]] == [
        ("setting 'destinations.wh.database' is missing", 'database = "duckdb:warehouse.duckdb"'),
        ("setting 'destinations.wh.table' is missing", 'table = "predictions"'),
    ]
    assert found[2].facts == ("allowed: integer",)


@pytest.mark.parametrize("listen", ["localhost", "localhost:http", "::1:80", "a:70000", "127.0.0.1:99999", ""])
def test_where_to_listen_is_host_and_port(tmp_path: Path, listen: str) -> None:
    """It is told whether or not a source comes by HTTP."""
    found = problems(tmp_path, f'[live]\nlisten = "{listen}"\n')
    assert (lines(found), found[0].hint) == ([("DS341", 2)], 'listen = "127.0.0.1:8080"')


def test_a_value_of_the_wrong_type_is_told_with_one_of_the_right_type(tmp_path: Path) -> None:
    """The one that counts when it is left out; a table is called so, and its header is the hint."""
    found = problems(
        tmp_path, "train = 3\n[live]\ncommit = 10\n[live.outputs]\nx = 1\n[registry]\nallow_pickle = 'so'\n"
    )
    assert {(problem.message, problem.facts, problem.hint) for problem in found} == {
        ("setting 'train' cannot be 3", ("allowed: table",), "[train]"),
        ("setting 'registry.allow_pickle' cannot be 'so'", ("allowed: boolean",), "allow_pickle = false"),
        ("setting 'live.commit' cannot be 10", ("allowed: string",), 'commit = "10s"'),
        ("setting 'live.outputs.x' cannot be 1", ("allowed: table",), "[live.outputs.x]"),
    }


def test_at_most_eight_names_are_listed(tmp_path: Path) -> None:
    """Of what is allowed in place of an unknown setting."""
    found = problems(tmp_path, '[sources.a]\nfiles = "x"\nzzz = 1\n')
    assert found[0].facts[0].count(",") == 7
    assert found[0].facts[0].endswith(" more")
