"""Loading the user's file: one Pipeline, or one problem with the user's file and line."""

from pathlib import Path

import pytest

from dayshift.definition.loading import load_pipeline
from dayshift.diagnostics import DayshiftError, NotReady, render

GOOD = """import dayshift as ds
payments = ds.Source("payments", time="at", key="id", schema={"id": str, "card": str})
pipeline = ds.Pipeline("fraud", predict=payments, features=[payments.by("card").over("1d").count()])
"""


def written(folder: Path, text: str, name: str = "pipeline.py") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def refused(file: Path, name: str | None = None) -> DayshiftError:
    with pytest.raises(DayshiftError) as caught:
        load_pipeline(file, name)
    return caught.value


def test_the_one_pipeline_of_a_file_is_found(tmp_path: Path) -> None:
    """A file with one Pipeline, whatever the variable is called, gives it."""
    assert load_pipeline(written(tmp_path, GOOD.replace("pipeline =", "anything ="))).name == "fraud"


def test_a_file_may_import_its_neighbours_and_two_folders_do_not_mix(tmp_path: Path) -> None:
    """Two projects with a neighbour module of the same name each get their own."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, f'NAME = "{name}"\n', "shared_names.py")
        file = written(tmp_path / name, "from shared_names import NAME\n" + GOOD.replace('"fraud"', "NAME"))
        assert load_pipeline(file).name == name


def test_an_edited_file_is_read_anew(tmp_path: Path) -> None:
    """The second load of an edited file, and of its edited neighbour, gives the new definition."""
    file = written(tmp_path, "from fresh_name import NAME\n" + GOOD.replace('"fraud"', "NAME"))
    written(tmp_path, 'NAME = "first"\n', "fresh_name.py")
    assert load_pipeline(file).name == "first"
    written(tmp_path, 'NAME = "the second"\n', "fresh_name.py")
    assert load_pipeline(file).name == "the second"


def test_several_pipelines_are_chosen_by_name(tmp_path: Path) -> None:
    """Without a name they are told, with a name the one is given, with a wrong name the nearest is offered."""
    file = written(tmp_path, GOOD + GOOD.splitlines()[-1].replace("fraud", "spend").replace("pipeline =", "other ="))
    error = refused(file)
    assert render(error.problems).splitlines()[0] == "error[DS106]: 'pipeline.py' defines 2 pipelines"
    assert error.problems[0].facts == ("pipelines in it: fraud, spend",)
    assert load_pipeline(f"{file}:spend").name == "spend"
    assert refused(file, "spent").problems[0].hint == 'in dayshift.toml: pipeline = "pipeline.py:spend"'


@pytest.mark.parametrize(
    ("text", "code", "line", "message"),
    [
        ("import dayshift as ds\nx = (1,\n", "DS102", 2, "'pipeline.py' is not Python: '(' was never closed"),
        ("x = 1\ny = unknown\n", "DS103", 2, "'pipeline.py' raised NameError: name 'unknown' is not defined"),
        (
            "import no_such_package.part\n",
            "DS104",
            1,
            "'pipeline.py' imports 'no_such_package', which is not installed",
        ),
        ("x = 1\n", "DS105", 0, "'pipeline.py' defines no pipeline"),
        ("def f():\n    raise SystemExit(3)\nf()\n", "DS103", 2, "'pipeline.py' raised SystemExit: 3"),
    ],
)
def test_what_the_file_does_wrong_is_told_with_its_line(
    tmp_path: Path, text: str, code: str, line: int, message: str
) -> None:
    """Each fault of the user's file is one problem with file and line, and no traceback."""
    problem = refused(written(tmp_path, text)).problems[0]
    assert (problem.code, problem.message) == (code, message)
    assert problem.place is not None
    assert (Path(problem.place.file).name, problem.place.line) == ("pipeline.py", line)


@pytest.mark.parametrize(
    ("wrong", "right", "hint"),
    [
        ('key="id"', 'keys="id"', "write 'key' in place of 'keys'"),
        (".count()", ".cuont()", "write 'count' in place of 'cuont'"),
        ("predict=payments", "predict=payment", "write 'payments' in place of 'payment'"),
    ],
)
def test_a_misspelled_name_of_ours_is_told_with_the_nearest(tmp_path: Path, wrong: str, right: str, hint: str) -> None:
    """A wrong parameter, method or variable: the hint names the one that was meant."""
    problem = refused(written(tmp_path, GOOD.replace(wrong, right))).problems[0]
    assert (problem.code, problem.hint) == ("DS103", hint)
    assert problem.place is not None
    assert problem.place.line == (2 if "key" in wrong else 3)


def test_a_fault_in_a_neighbour_is_told_there(tmp_path: Path) -> None:
    """When the file that it imports raises, the place is in the imported file."""
    written(tmp_path, "\n\n1 / 0\n", "broken_neighbour.py")
    problem = refused(written(tmp_path, "import broken_neighbour\n" + GOOD)).problems[0]
    assert problem.place is not None
    assert (Path(problem.place.file).name, problem.place.line) == ("broken_neighbour.py", 3)


def test_an_absent_file_is_a_fault_of_usage(tmp_path: Path) -> None:
    """DS101 and exit code 2; a package that is absent is exit code 3."""
    assert refused(tmp_path / "none.py").exit_code == 2
    assert isinstance(refused(written(tmp_path, "import no_such_package")), NotReady)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("import polrs as pl", "write 'polars' in place of 'polrs'"),
        ("import a_package_that_nobody_wrote", "pip install a_package_that_nobody_wrote"),
        ("from math import sqtr", "write 'sqrt' in place of 'sqtr'"),
        ("pl.col('x')", "import polars as pl"),
        ("payments.by('card').zzz", None),
    ],
)
def test_the_likeliest_repair_of_a_slip_is_offered(tmp_path: Path, line: str, hint: str | None) -> None:
    """A misspelt package is not offered for installation; what is offered can be pasted."""
    file = written(tmp_path, GOOD.replace("pipeline =", f"{line}\npipeline ="))
    said = refused(file).problems[0].hint
    assert said == hint if hint else (said or "").startswith("allowed here: count, distinct_count, ")


def test_what_a_file_prints_is_talk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results alone stand on stdout, so that they can be read by a program."""
    load_pipeline(written(tmp_path, GOOD + "print('hello')\n"))
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "hello\n")


def test_a_missing_file_is_answered_with_its_neighbour(tmp_path: Path) -> None:
    """The nearest Python file, as the setting that names it."""
    written(tmp_path, GOOD)
    assert refused(tmp_path / "pipelin.py").problems[0].hint == "dayshift check pipeline.py"
    (tmp_path / "dayshift.toml").touch()
    assert refused(tmp_path / "pipelin.py").problems[0].hint == 'in dayshift.toml: pipeline = "pipeline.py"'
    assert refused(tmp_path / "train.py").problems[0].hint == "dayshift init my-project"
