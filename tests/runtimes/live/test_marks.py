"""An output whose topic is made again, or is another one, gets what the run still owed it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dayshift.cli.frame import run
from dayshift.connectors.live import Mark
from dayshift.diagnostics import NotReady
from dayshift.lifecycle.project import Project
from dayshift.runtimes.live import planning, starting
from dayshift.runtimes.live.marks import Marks
from dayshift.runtimes.live.output import Output
from tests.runtimes.conftest import FIRST
from tests.runtimes.live.taps import Feed, Record, Shelf
from tests.runtimes.live.test_run import DAYS, go, project_again


def answers(project: Project) -> list[Any]:
    """The questions that were answered live, in the order of the log."""
    since = FIRST + dt.timedelta(days=DAYS)
    rows = project.predictions.scan().filter(pl.col("as_of") >= since)
    return rows.sort("_load", "_position").collect()["order_id"].to_list()


def ids(*shelves: Shelf) -> list[Any]:
    """The questions on these shelves."""
    return [row["order_id"] for shelf in shelves for row in shelf.rows]


def test_rows_that_were_pending_when_a_topic_was_deleted_arrive_in_the_new_one(
    later: tuple[Project, list[Record]],
) -> None:
    """The run that met no topic ends; the next one finds a topic without a mark, and sends what the other one never got."""
    project, records = later
    old, new = Shelf(), Shelf()
    go(project, Feed(records, limit=40), old)
    had = len(old.rows)
    old.gone = True
    with pytest.raises(NotReady, match="DS331"):
        go(project_again(project), Feed(records, limit=80), old)
    assert len(old.rows) == had > 0
    project = project_again(project)
    go(project, Feed(records), new)
    assert ids(old, new) == answers(project)


def test_an_output_that_could_not_be_reached_at_the_end_is_owed_its_rows_in_another_topic(
    later: tuple[Project, list[Record]],
) -> None:
    """Also when the other topic was out of reach from the beginning: an output begins with the run that first opened it."""
    project, records = later
    first, second = Shelf(refuses_after=0), Shelf()
    go(project, Feed(records, limit=40), first)
    assert first.rows == []
    go(project_again(project), Feed(records), second)
    assert ids(second) == answers(project_again(project))


def test_it_is_told_where_an_output_without_a_mark_begins(later: tuple[Project, list[Record]]) -> None:
    """A new one with what comes now; one that the lake remembers behind that, at most at the lake's end."""
    project, _ = later
    assert project.lake.root.path is not None
    last, said, marks = project.lake.last_load, [], Marks(project.lake.root.path)
    assert last > 0

    def begin(*names: str) -> list[Output]:
        outputs = [Output(name, "features", Shelf()) for name in names]
        starting.catch_up(project, outputs, marks, lambda: False, said.append)
        return outputs

    begin("a")
    assert said == ["output 'a' is new: it begins with what comes now"]
    assert marks.of("a") == Mark(last, starting.LAST)
    marks.keep([Output("a", "predictions", Shelf(), mark=Mark(last - 1, 7))])
    (again,) = begin("a")
    assert said[1:] == [
        f"output 'a' has no mark in its topic: it gets what the lake holds behind position 7 of load {last - 1}"
    ]
    assert again.rows > 0
    marks.keep([Output("a", "predictions", Shelf(), mark=Mark(last + 5, 7))])
    (again,) = begin("a")
    assert (again.rows, again.mark) == (0, Mark(last, starting.LAST))


def test_the_plan_tells_what_each_output_gets_first(
    later: tuple[Project, list[Record]], capsys: pytest.CaptureFixture[str]
) -> None:
    """By the lake's own marks: the rows that an output lacks, or none; of one that it has never seen that it is new."""
    project, records = later
    out, answered = Shelf(refuses_after=0), project.lake.last_load
    go(project, Feed(records, limit=60), out, Shelf())
    sections = (f'[live.outputs.{name}]\ntopic = "t"\nbrokers = "nowhere:1"\n' for name in ("out0", "out1", "out2"))
    settings = project.root / "dayshift.toml"
    settings.write_text(
        settings.read_text() + "\n" + "\n".join(sections).replace("out1]", 'out1]\ncontent = "features"')
    )
    again = project_again(project)
    rows = len(answers(again))
    assert rows > 1
    assert [one.gets_first for one in planning.of_live(again).outputs] == [
        f"at most {rows} rows since load {answered + 1}",
        "nothing: it lacks no rows of the lake",
        "what comes, if it is new; else what lies behind its mark",
    ]
    assert run(["live", "--plan", "-C", str(project.root)]) == 0
    assert f"at most {rows} rows since load {answered + 1}" in capsys.readouterr().out


def test_marks_are_kept_by_name_and_outlive_the_process(tmp_path: Path) -> None:
    """Outputs that are not there now stay remembered; a file that is none remembers nothing."""
    Marks(tmp_path).keep([Output("a", "predictions", Shelf(), mark=Mark(3, 17)), Output("b", "features", Shelf())])
    Marks(tmp_path).keep([Output("b", "features", Shelf(), mark=Mark(4, 1))])
    found = Marks(tmp_path)
    assert (found.of("a"), found.of("b"), found.of("c")) == (Mark(3, 17), Mark(4, 1), None)
    (tmp_path / "live" / "marks.json").write_text("[1")
    assert Marks(tmp_path).of("a") is None
