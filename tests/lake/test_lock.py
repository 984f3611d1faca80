"""One writer at a time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dayshift.diagnostics import NotReady
from dayshift.lake import Lake
from tests.lake.parts import NOW, code_of, events, load_of

REPO = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from dayshift.lake import Lake
with Lake(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    """The message names the process; killing that process frees the lock at once."""
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src")}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, env=environment, cwd=REPO
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    lake = Lake(tmp_path)
    for verb in (lambda: lake.begin_load(NOW), lake.compact, lambda: lake.retain(1, None, NOW)):
        with pytest.raises(NotReady) as caught:
            verb()
        assert code_of(caught.value) == "DS401"
        assert f"process {holder.pid}" in str(caught.value)
    assert lake.last_load == 0
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert load_of(lake, {"payments": events(1)}) == 1


def test_the_owner_may_nest(tmp_path: Path) -> None:
    """A run holds the lake, and its loads and upkeep go on inside; another object of the process is refused."""
    lake, other = Lake(tmp_path), Lake(tmp_path)
    with lake.lock():
        load_of(lake, {"payments": events(1)})
        lake.compact()
        with pytest.raises(NotReady), other.lock():
            pass
    with other.lock():
        pass


def test_a_child_of_the_owner_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A forked worker that outlives its parent must not keep the next run out."""
    lake = Lake(tmp_path)
    ready, done = os.pipe()
    with lake.lock():
        child = os.fork()
        if child == 0:
            os.close(done)
            os.read(ready, 1)
            os._exit(0)
    try:
        with Lake(tmp_path).lock():
            pass
    finally:
        os.close(done)
        os.waitpid(child, 0)
        os.close(ready)


def test_a_lock_file_with_anything_in_it_is_no_lock(tmp_path: Path) -> None:
    """The operating system keeps the lock, the file's text is only for the message."""
    (tmp_path / "lake.lock").write_text("nonsense")
    load_of(Lake(tmp_path), {"payments": events(1)})


@pytest.mark.parametrize(
    ("program", "arguments", "command", "hint"),
    [
        ("dayshift", ["live", "-C", "shop"], " (dayshift live)", "kill -TERM {pid}    # it ends in order"),
        ("dayshift", ["run"], " (dayshift run)", "wait for it, or look what it is: ps -p {pid}"),
        ("dayshift", [], "", "wait for it, or look what it is: ps -p {pid}"),
        ("nightly.py", ["live"], "", "wait for it, or look what it is: ps -p {pid}"),
    ],
)
def test_the_message_says_which_command_holds_the_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, arguments: list[str], command: str, hint: str
) -> None:
    """A live run holds it for days: whoever is refused learns how to end it; another program has no command of ours."""
    monkeypatch.setattr(sys, "argv", [f"/srv/bin/{program}", *arguments])
    with Lake(tmp_path).lock(), pytest.raises(NotReady) as caught, Lake(tmp_path).lock():
        pass
    (problem,) = caught.value.problems
    assert problem.message == f"process {os.getpid()} on {socket.gethostname()}{command} is writing to the lake"
    assert problem.hint == hint.format(pid=os.getpid())


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"pid": 1}', '{"pid": "x", "host": "h"}', ""])
def test_a_holder_that_left_no_words_is_another_process(tmp_path: Path, text: str) -> None:
    """Whatever stands in the file, the refusal is DS401."""
    with Lake(tmp_path).lock():
        (tmp_path / "lake.lock").write_text(text)
        with pytest.raises(NotReady, match="DS401: another process is writing"), Lake(tmp_path).lock():
            pass
