"""From arguments to an exit code.

| code | meaning |
|---|---|
| 0 | done |
| 1 | it ran, and the answer is no |
| 2 | asked wrongly |
| 3 | the world is not ready |
| 70 | our bug |
| 130 | interrupted |

Whatever goes wrong is told on stderr in the grammar of `diagnostics`, never as a traceback; with `--json` the problems
stand on stdout too. DAYSHIFT_TRACEBACK=1 shows the traceback of a bug.
"""

import errno
import os
import select
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from dayshift.diagnostics import Bug, DayshiftError, NotReady, Problem, UsageError, nearest, render, to_json

INTERRUPTED = 130
_WORLD = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EMFILE, errno.EIO)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command line and leaves the process with its exit code."""
    sys.unraisablehook = _unraisable
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # a second one, while the first was told; Polars makes two of one Ctrl-C
        code = INTERRUPTED
    sys.exit(code)


def _unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    """Tells what a finaliser raised, but for an interruption, which is told already."""
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)


def run(arguments: Sequence[str]) -> int:
    """Runs a command line and gives its exit code.

    >>> run(["version"])
    0.1.0
    0
    """
    try:
        return _invoke(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError as error:
        if not _is_unread():  # another pipe than ours broke, and nobody foresaw it
            return _tell(_bug(error, arguments), arguments)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has seen enough
        return 0
    except DayshiftError as error:
        return _tell(error, arguments)
    except ModuleNotFoundError as error:
        ours = (error.name or "dayshift").partition(".")[0] == "dayshift"
        return _tell(_bug(error, arguments) if ours else _incomplete(error), arguments)
    except OSError as error:
        return _tell(_world(error) if error.errno in _WORLD else _bug(error, arguments), arguments)
    except Exception as error:  # noqa: BLE001 - the last resort: told as our fault, with exit code 70
        return _tell(_bug(error, arguments), arguments)


def _is_unread() -> bool:
    """Whether whoever read stdout or stderr has closed it."""
    watch = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # one in memory has no descriptor
            watch.register(stream.fileno(), 0)
    return bool(watch.poll(0))


def _invoke(arguments: Sequence[str]) -> int:
    from typer import Exit

    from dayshift.cli.app import command

    parsed = command()
    try:
        with parsed.make_context(
            "dayshift", list(arguments)
        ) as context:  # `main` would turn Ctrl-C and closed pipes into codes
            code = parsed.invoke(context)
    except Exit as left:
        code = left.exit_code
    except Exception as error:
        if hasattr(error, "format_message"):  # whatever the parser says of the arguments
            raise _usage(error, arguments, parsed) from None
        raise
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _tell(error: DayshiftError, arguments: Sequence[str]) -> int:
    if "--json" in arguments:
        import json

        print(json.dumps({"problems": [to_json(problem) for problem in error.problems]}, indent=2))
    print(render(error.problems, colour=sys.stderr.isatty()), file=sys.stderr)
    return error.exit_code


def _usage(error: Exception, arguments: Sequence[str], parsed: object) -> UsageError:
    said = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "dayshift")
    if not arguments or not said:
        return UsageError("DS121", "a command is missing", hint="dayshift --help")
    first, _, rest = said.partition("\n")
    facts = tuple(line.strip() for line in rest.splitlines() if line.strip())
    first, should, kind = first.partition(": Input should be ")
    if should:
        from dayshift.definition.settings_file import allowed

        facts = (allowed(kind.removeprefix("a valid ")), *facts)
    message = f"{path}: {first[:1].lower()}{first[1:].rstrip('.')}"
    commands = getattr(getattr(context, "command", parsed), "commands", None) or {}
    near = nearest(next((word for word in arguments if word not in path and not word.startswith("-")), ""), commands)
    return UsageError("DS121", message, facts=facts, hint=f"{path} {near}" if near else f"{path} --help")


def _incomplete(error: ModuleNotFoundError) -> NotReady:
    """A package that Dayshift stands on is not there: another Python was meant, or the installation broke off."""
    facts = (f"this Python is {sys.executable}",)
    hint = f"{sys.executable} -m pip install dayshift"
    return NotReady("DS104", f"package '{error.name}' is not installed", facts=facts, hint=hint)


def _world(error: OSError) -> NotReady:
    where = f": '{error.filename}'" if error.filename else ""
    said = (error.strerror or str(error)).lower()
    hint = "free some space, then run the same command again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    return NotReady("DS198", f"the operating system refused{where}: {said}", hint=hint)


def _bug(error: BaseException, arguments: Sequence[str]) -> Bug:
    import platform

    from dayshift import __version__

    if os.environ.get("DAYSHIFT_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    said = str(error).strip().split("\n", maxsplit=1)[0]
    command = " ".join(["dayshift", *arguments])
    problem = Problem(
        "DS199",
        f"Dayshift broke at `{command}`: {type(error).__name__}{f': {said}' if said else ''}",
        facts=(
            "this is a fault of Dayshift, not of your files; what was committed before is safe",
            f"Dayshift {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        ),
        hint=f"DAYSHIFT_TRACEBACK=1 {command}   # and report what it prints",
    )
    return Bug([problem])
