"""The frame of the command line: exit codes, talk on stderr, data on stdout, no traceback for a user's mistake."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from dayshift.cli import frame
from dayshift.diagnostics import NotReady, Refused

SOURCE = Path(frame.__file__).parents[2]

COMMANDS = [
    "init",
    "check",
    "run",
    "train",
    "backfill",
    "schedule",
    "status",
    "why",
    "promote",
    "rollback",
    "compact",
    "explain",
    "demo",
    "warmup",
    "version",
]


def asked(*arguments: str) -> int:
    return frame.run(list(arguments))


def broken(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Every command fails with this error."""

    def invoke(arguments: object) -> int:
        raise error

    monkeypatch.setattr(frame, "_invoke", invoke)


@pytest.mark.parametrize(
    ("arguments", "code", "first_line"),
    [
        (["ini"], 2, "error[DS121]: dayshift: no such command 'ini'. Did you mean 'init'?"),
        (["run", "--jsn"], 2, "error[DS121]: dayshift run: no such option: --jsn (Possible options: --json, --now)"),
        (["why"], 2, "error[DS121]: dayshift why: missing argument 'feature'"),
        (["quarantine", "lst"], 2, "error[DS121]: dayshift quarantine: no such command 'lst'"),
        (["backfill", "monday", "tuesday"], 2, "error[DS122]: FROM is 'monday', which is neither a day nor a time"),
        (["explain", "DS000"], 2, "error[DS123]: no message has the code 'DS000'"),
        (["run", "--now", "noon"], 2, "error[DS122]: --now is 'noon', which is neither a day nor a time"),
        (["promote", "x"], 2, "error[DS121]: dayshift promote: invalid value for 'version'"),
    ],
)
def test_a_wrong_question_is_told_on_stderr(
    arguments: list[str], code: int, first_line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one message in our grammar with a hint, nothing on stdout."""
    assert asked(*arguments) == code
    told = capsys.readouterr()
    assert told.err.splitlines()[0].startswith(first_line)
    assert "Traceback" not in told.err
    assert told.out == ""


def test_a_value_that_is_no_number_is_told_in_our_words(capsys: pytest.CaptureFixture[str]) -> None:
    """What is allowed is a fact of its own, as for a setting."""
    assert asked("promote", "x") == 2
    assert capsys.readouterr().err.splitlines()[:2] == [
        "error[DS121]: dayshift promote: invalid value for 'version'",
        "   = allowed: integer",
    ]


@pytest.mark.parametrize(
    ("error", "code", "first_line"),
    [
        (NotReady("DS301", "the shop's database is down"), 3, "error[DS301]: the shop's database is down"),
        (Refused("DS609", "a gate refused"), 1, "error[DS609]: a gate refused"),
        (
            PermissionError(13, "Permission denied", "lake"),
            3,
            "error[DS198]: the operating system refused: 'lake': permission denied",
        ),
        (ModuleNotFoundError("no", name="typer"), 3, "error[DS104]: package 'typer' is not installed"),
        (KeyError("x"), 70, "error[DS199]: Dayshift broke at `dayshift run -C x`: KeyError: 'x'"),
        (
            BrokenPipeError(32, "Broken pipe"),  # of another process: our own stdout is still read
            70,
            "error[DS199]: Dayshift broke at `dayshift run -C x`: BrokenPipeError: [Errno 32] Broken pipe",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(
    error: BaseException,
    code: int,
    first_line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """1 the answer is no, 3 the world is not ready, 70 our bug, 130 interrupted; never a traceback."""
    broken(monkeypatch, error)
    assert asked("run", "-C", "x") == code
    told = capsys.readouterr()
    assert told.err.splitlines()[0] == first_line
    assert "Traceback" not in told.err


def test_a_bug_shows_its_traceback_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DAYSHIFT_TRACEBACK=1 prints it; without, the hint says so."""
    broken(monkeypatch, ValueError("inside"))
    asked("status")
    assert "hint: DAYSHIFT_TRACEBACK=1 dayshift status" in capsys.readouterr().err
    monkeypatch.setenv("DAYSHIFT_TRACEBACK", "1")
    asked("status")
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_with_json_the_problems_stand_on_stdout_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A machine reads code, message, place, facts and hint."""
    assert asked("explain", "DS000", "--json") == 2
    problem = json.loads(capsys.readouterr().out)["problems"][0]
    assert (problem["code"], problem["severity"], problem["place"]) == ("DS123", "error", None)


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`dayshift` alone lists every command."""
    assert asked() == 0
    listed = capsys.readouterr().out
    for command in [*COMMANDS, "quarantine"]:
        assert f"\n  {command} " in listed


def test_every_command_has_help_and_all_of_them_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command explains itself and can print JSON."""
    paths = [[command] for command in COMMANDS]
    paths += [["quarantine", command] for command in ("list", "show", "repair", "readmit", "drop", "export")]
    for path in paths:
        assert asked(*path, "--help") == 0
        assert "--json" in capsys.readouterr().out, path


def test_help_is_quick() -> None:
    """`dayshift --help` takes at most 300 ms of CPU, the interpreter's start included (the best of three)."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "dayshift", "--help"], check=True, capture_output=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(took) <= 0.3


def test_help_imports_nothing_heavy() -> None:
    """No polars, pydantic, numpy, scikit-learn, Delta or Rich before a command needs them."""
    script = (
        "import sys; from dayshift.cli.frame import run; run(['--help']);"
        "print([m for m in ('polars','pydantic','numpy','sklearn','deltalake','rich','mlflow','numba') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment)
    assert found.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """`dayshift explain | head -1` ends quietly."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = f"set -o pipefail; {sys.executable} -m dayshift explain --json | head -1"
    ended = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True, env=environment)
    assert ended.stderr == ""


def test_control_c_inside_a_command_is_no_traceback(tmp_path: Path) -> None:
    """SIGINT during a command: "interrupted", exit code 130."""
    (tmp_path / "pipeline.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-m", "dayshift", "check", str(tmp_path / "pipeline.py")]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert (ended.returncode, ended.stderr, ended.stdout) == (130, "interrupted\n", "")


def test_colour_is_never_forced(capsys: pytest.CaptureFixture[str]) -> None:
    """Away from a terminal no escape sequence is printed."""
    asked("explain", "DS000")
    asked("explain", "DS201")
    told = capsys.readouterr()
    assert "\x1b[" not in told.err + told.out


def test_an_interruption_is_told_once_without_a_traceback() -> None:
    """Exit code 130 and one word, also when a generator that is cleaned up, and the telling, are interrupted again."""
    code = """
import sys
from dayshift.cli import frame

def reading():
    try:
        yield
    finally:
        raise KeyboardInterrupt

def invoke(arguments):
    rows = reading()
    next(rows)
    raise KeyboardInterrupt

frame._invoke = invoke
frame.main(["run"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_full_disk_says_what_helps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3, and the hint is what has to be done first."""
    broken(monkeypatch, OSError(28, "No space left on device"))
    assert asked("run") == 3
    assert "hint: free some space, then run the same command again" in capsys.readouterr().err
