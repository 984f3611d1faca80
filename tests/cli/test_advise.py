"""`dayshift advise`: what is asked, what is said, and what stands on stdout."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from dayshift.adviser.decide import decide
from dayshift.adviser.evidence import Advice
from dayshift.adviser.parts import Terms
from dayshift.adviser.what_if import judge_again, parse
from dayshift.adviser.written import from_json, save
from dayshift.cli import advice as shown
from dayshift.cli.advice import advice_tables
from dayshift.cli.advising import asked_profile
from dayshift.cli.frame import run
from dayshift.cli.tables import Table, plain
from dayshift.definition.settings import Settings
from dayshift.runtimes.project import open_project
from dayshift.testing import worlds
from tests.exports import advice_samples as samples

SOURCE = Path(shown.__file__).parents[2]
SAMPLES = [samples.flights, samples.transactions, samples.losses, samples.short, samples.interrupted]
PIPELINE = '''"""Will this order turn out bad?"""

import dayshift as ds
import polars as pl
from sklearn.linear_model import LogisticRegression

orders = ds.Source(
    "orders",
    time="at",
    key="id",
    schema={"id": int, "card": int, "distance": ds.decimal(3), "basket": ds.decimal(3)},
)
outcomes = ds.Source("outcomes", time="at", key="id", schema={"id": int, "shop": int, "bad": int}, delay="7d")

pipeline = ds.Pipeline(
    "orders",
    predict=orders,
    features=[
        orders.row(distance=pl.col("distance"), basket=pl.col("basket")),
        orders.by("card").over("7d").count(),
    ],
    label=ds.Label(outcomes, pl.col("bad") == 1, within="0s"),
    model=LogisticRegression(),
    metric="roc_auc",
)
'''
SETTINGS = """pipeline = "pipeline.py"
lake = "lake"

[sources.orders]
files = "orders.parquet"

[sources.outcomes]
files = "outcomes.parquet"

[advise]
workers = 0
"""


def project_in(folder: Path, weeks: int = 15, a_day: int = 60, pipeline: str = PIPELINE, settings: str = "") -> Path:
    """A project of orders, from a calm world."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = worlds.calm(0, weeks=weeks, a_day=a_day).log.frames
    for name, columns in (
        ("orders", ["id", "card", "distance", "basket", "at"]),
        ("outcomes", ["id", "shop", "bad", "at"]),
    ):
        frames[name].select(columns).write_parquet(folder / f"{name}.parquet")
    (folder / "pipeline.py").write_text(pipeline)
    (folder / "dayshift.toml").write_text(SETTINGS + settings)
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with files and no lake yet, and we stand in it."""
    folder = project_in(tmp_path / "project", weeks=2)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def advised(project: Path) -> Path:
    """A project with an advice on its history."""
    save(samples.transactions(), project / "advice" / "advice.json")
    return project


def said(advice: Advice) -> str:
    """The screen."""
    parts = advice_tables(advice, Path("advice/advice.html"))
    return "\n\n".join(plain(part) if isinstance(part, Table) else part for part in parts)


def flat(text: str) -> str:
    """The text without its line ends."""
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_advice_fits_on_one_screen(sample: object) -> None:
    """At most 45 lines of at most 110 columns; the verdict stands first, and five numbered factors follow the table."""
    advice = decide(sample(), Terms())  # type: ignore[operator]
    lines = said(advice).splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= shown.WIDTH
    assert advice.headline[:40] in flat("\n".join(lines[:4]))
    assert [line[:2] for line in lines if re.match(r"\d\. ", line)] == ["1.", "2.", "3.", "4.", "5."]


@pytest.mark.parametrize("sample", SAMPLES)
def test_nothing_is_said_twice(sample: object) -> None:
    """A reason why the evidence is not enough stands once on the screen, and the path names steps without their evidence."""
    advice = decide(sample(), Terms())  # type: ignore[operator]
    text = flat(said(advice))
    for part in advice.parts:
        _, mark, why = part.evidence.partition("not enough evidence: ")
        for reason in why.removesuffix(")").split("; ") if mark else ():
            assert text.count(flat(reason)) <= 1 or any(reason in note for note in (*advice.notes, advice.headline))
        assert not any(part.evidence in step for step in advice.path)


@pytest.mark.parametrize("sample", SAMPLES)
def test_sentences_read_well(sample: object) -> None:
    """No plural of one, no doubled full stop, no line that ends within an interval."""
    text = said(decide(sample(), Terms()))  # type: ignore[operator]
    assert not re.search(r"\b1 (weeks|days|hours|loads|fits)\b", text)
    assert ".." not in text
    assert not re.search(r",\n\s*[+-]?[\d.,]+\]", text)
    assert "None" not in text
    assert "nan" not in text


def test_a_suspected_leak_names_the_column_and_the_way_on() -> None:
    """The column, what was seen, a hint, and what to declare if it is as it should be; nothing else."""
    text = said(decide(samples.stopped(), Terms()))
    column = samples.stopped().stopped_by[0].column
    assert f"'{column}'" in text.splitlines()[0]
    assert f'  [advise]\n  trusted = ["{column}"' in text
    assert "capability" not in text
    assert max(map(len, text.splitlines())) <= shown.WIDTH


def test_an_advice_that_was_stopped_says_so_first() -> None:
    """What is missing stands in the first line."""
    assert said(decide(samples.interrupted(), Terms())).startswith("Stopped before its end; missing: ")


def test_a_naive_prediction_that_wins_is_told_with_the_headline() -> None:
    """Before any verdict: what costs nothing and is better than the model."""
    advice = decide(samples.transactions(), Terms())
    assert advice.skill is not None
    better = replace(advice.skill, naive={"last label": advice.skill.value + 0.1}, beats={})
    first = flat(said(replace(advice, skill=better)).split("\n\n")[0])
    assert "Beware: 'last label', which costs nothing, reaches" in first


def test_what_is_open_says_what_would_settle_it() -> None:
    """Undecided capabilities are named with the weeks, or the declaration, that would settle them."""
    advice = judge_again(samples.transactions(), parse("smallest_gain=0.001"), Settings())
    undecided = [part for part in advice.parts if part.verdict == "undecided" and "not enough" not in part.evidence]
    text = flat(said(advice))
    for part in undecided:
        assert part.changes in text


def test_verdicts_differ_where_only_ascii_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal without UTF-8 shows +, - and ? for needed, not needed and undecided, and no other letter."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    table = advice_tables(decide(samples.transactions(), Terms()))[1]
    assert isinstance(table, Table)
    marks = {row[2].split(" (")[0]: row[0] for row in table.rows}
    assert all(marks[verdict] == {"needed": "+", "not needed": "-", "undecided": "?"}[verdict] for verdict in marks)
    assert len(marks) > 1


def test_the_schema_describes_what_json_prints(advised: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--schema names every field of --json, each defined; the JSON is read back whole."""
    assert run(["advise", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert run(["advise", "--what-if", "volume=2x", "--json"]) == 0
    told = capsys.readouterr()
    value = json.loads(told.out)
    assert told.err == ""
    assert set(value) == set(schema["properties"])
    assert from_json(value).pipeline == value["pipeline"]


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("nonsense", "error[DS843]: --what-if knows no 'nonsense'"),
        ("volume=-3", "error[DS843]: --what-if volume is '-3', which cannot be read"),
        ("deadline=soon", "error[DS843]: --what-if deadline is 'soon', which cannot be read"),
        ("", "error[DS843]: --what-if knows no ''"),
        ("label_delay=11d", "error[DS844]: a label delay of 11 days was not replayed"),
    ],
)
def test_nonsense_is_asked_wrongly(advised: Path, capsys: pytest.CaptureFixture[str], asked: str, first: str) -> None:
    """Exit code 2, the fault in the first line, what is allowed or a way on below it, nothing on stdout."""
    assert run(["advise", "--what-if", asked]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(first)
    assert "\n   = " in told.err
    assert "hint: " in told.err


def test_what_if_reads_neither_the_pipeline_nor_what_it_imports(advised: Path) -> None:
    """The advice and the settings are enough: a pipeline file that cannot be read is not missed, and nothing of Polars,
    scikit-learn or Numba is loaded, so the answer comes at once."""
    (advised / "pipeline.py").write_text("this is no Python")
    program = (
        "import sys\nfrom dayshift.cli.frame import run\ncode = run(['advise', '--what-if', 'volume=2x'])\n"
        "print('loaded', code, sorted({'polars', 'sklearn', 'numba', 'lightgbm'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, "-c", program], cwd=advised, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded 0 []", done.stderr


def test_without_an_advice_there_is_nothing_to_judge_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--what-if before the first advice: the world is not ready, and the command that makes it so."""
    assert run(["advise", "--what-if", "volume=2x"]) == 3
    assert "hint: dayshift advise" in capsys.readouterr().err


def test_a_damaged_advice_is_made_anew(advised: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read is told with exit code 3."""
    (advised / "advice" / "advice.json").write_text('{"format": 1, "pipel')
    assert run(["advise", "--what-if", "volume=2x"]) == 3
    assert "DS841" in capsys.readouterr().err


def test_a_plan_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--plan tells what would be done, written and how long it may take, and leaves the folder as it is."""
    before = sorted(project.rglob("*"))
    assert run(["advise", "--plan", "--seconds", "30", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["take"] == "about 30 s"
    assert planned["do"].startswith("load the sources into the lake")
    assert [path for path in sorted(project.rglob("*")) if path.suffix != ".pyc"] >= before
    assert not (project / "advice").exists()


@pytest.mark.parametrize(("part", "code"), [("label", "DS802"), ("model", "DS803")])
def test_what_cannot_be_advised_on_is_told_before_anything_is_loaded(
    project: Path, capsys: pytest.CaptureFixture[str], part: str, code: str
) -> None:
    """Without a label or a model: exit code 2, and the lake stays empty."""
    lines = PIPELINE.splitlines(keepends=True)
    gone = ("    label=", "    model=", "    metric=") if part == "label" else ("    model=", "    metric=")
    (project / "pipeline.py").write_text("".join(line for line in lines if not line.startswith(gone)))
    assert run(["advise"]) == 2
    told = capsys.readouterr()
    assert f"error[{code}]: pipeline 'orders' has no {part}" in told.err
    assert "pipeline.py:" in told.err
    assert "loading" not in told.err


def test_faults_of_the_settings_come_together(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown names and values of [advise], [team] and [value], each with its line; no traceback."""
    faulty = 'smallest_gian = 1\n\n[team]\npython = "perhaps"\n\n[value]\npoint = -1\n'
    (project / "dayshift.toml").write_text(SETTINGS + faulty)
    assert run(["advise"]) == 2
    told = capsys.readouterr().err
    assert "setting 'smallest_gian' is unknown in section [advise]" in told
    assert "setting 'team.python' cannot be 'perhaps'" in told
    assert "setting 'value.point' cannot be -1" in told
    assert told.splitlines()[-1] == "3 errors"


def test_a_terminal_is_asked_for_the_team(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The section that is missing is named, brackets and all; "no" leaves the project as it is."""
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    opened = open_project(project, lambda _: None)
    assert asked_profile(opened) is opened
    assert "Nobody declared [team]." in capsys.readouterr().err


@pytest.mark.slow
def test_a_whole_advice_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From files to an advice: JSON alone on stdout, page and values written; the second run fits nothing anew."""
    folder = project_in(tmp_path / "whole")
    monkeypatch.chdir(folder)
    assert run(["advise", "--json", "--seconds", "30"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert run(["advise", "--json", "--seconds", "30"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert first["complete"]
    assert (folder / "advice" / "advice.html").exists()
    assert first["how"]["fits"]["done"] > 0
    assert second["how"]["fits"]["done"] == 0
    assert {part["name"]: part["verdict"] for part in first["parts"]} == {
        part["name"]: part["verdict"] for part in second["parts"]
    }


@pytest.mark.slow
def test_an_advice_that_cannot_be_kept_is_told_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the folder cannot be written the advice stands on stdout, and stderr says that it is not kept."""
    folder = project_in(tmp_path / "closed", weeks=4)
    (folder / "advice").write_text("a file where the folder would be")
    monkeypatch.chdir(folder)
    assert run(["advise", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["pipeline"] == "orders"
    assert "warning: the advice cannot be kept: " in told.err


@pytest.mark.slow
@pytest.mark.parametrize("first", ["advice.json.partial", "advice.html.partial"])
def test_a_full_disk_loses_neither_the_new_advice_nor_the_old(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """The disk is full when the values, or the page, are written: the advice is told with exit code 0, stderr says what is
    not kept, what stood there can still be judged again, and nothing half-written stays."""
    folder = project_in(tmp_path / "full", weeks=4)
    save(samples.transactions(), folder / "advice" / "advice.json")
    (folder / "advice" / "advice.html").write_text("the old page")
    write = Path.write_text

    def full(self: Path, text: str, *args: object, **named: object) -> int:
        if self.name == first:
            write(self, text[:100], *args, **named)  # type: ignore[arg-type]
            raise OSError(28, "No space left on device")
        return write(self, text, *args, **named)  # type: ignore[arg-type]

    monkeypatch.chdir(folder)
    monkeypatch.setattr(Path, "write_text", full)
    assert run(["advise", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["pipeline"] == "orders"
    assert (
        "warning: the advice cannot be kept: [Errno 28] No space left on device; what stood in advice/ before stays"
        in told.err
    )
    assert (folder / "advice" / "advice.html").read_text() == "the old page"
    assert not list((folder / "advice").glob("*.partial"))
    assert run(["advise", "--what-if", "volume=2x"]) == 0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """An advice that is being computed by two workers for a quarter of a minute, with its lake loaded."""
    folder = project_in(tmp_path / "running", weeks=40, a_day=1500)
    (folder / "dayshift.toml").write_text(SETTINGS.replace("workers = 0", "workers = 2"))
    command = [sys.executable, "-c", "from dayshift.cli import main; main()", "advise", "--seconds", "60"]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    base = folder / "advice" / "cache" / "replay.sqlite"
    until = time.monotonic() + 90
    while not base.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_one_interruption_gives_the_advice_so_far(running: subprocess.Popen[str]) -> None:
    """Exit code 0, the advice marked as stopped; nothing like a traceback."""
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    assert out.startswith("Stopped before its end; missing: ")
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_second_interruption_leaves_at_once(running: subprocess.Popen[str]) -> None:
    """Exit code 130."""
    running.send_signal(signal.SIGINT)
    time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_worker_that_is_killed_is_told(running: subprocess.Popen[str]) -> None:
    """Exit code 3, and what it means. All of them: one that was just idle would not be missed."""
    for worker in psutil.Process(running.pid).children():
        worker.kill()
    out, err = running.communicate(timeout=120)
    assert running.returncode == 3, out + err
    assert "error[DS810]: a worker of the replay was killed by signal 9" in err
