"""The table of commands. Each stands in its own file and imports what it needs when it is called.

Typer rather than Cyclopts: both were measured at the same time for `--help` (about 0.1 s; the interpreter alone takes
0.01 s), Typer's usage errors come with the exit code 2 that we promise, and it is the one that more people know. Its
plain help is used: it reads well without a terminal and does not import Rich.
"""

from typing import Any

import typer

from dayshift.cli.commands import (
    advise,
    backfill,
    check,
    compact,
    demo,
    explain,
    init,
    live,
    promote,
    quarantine,
    replay,
    rollback,
    run,
    schedule,
    status,
    train,
    verify,
    version,
    warmup,
    why,
)

_COMMANDS = (
    ("init", init.init, "Make a project that runs at once."),
    ("check", check.check, "Report all faults of a definition at once."),
    ("run", run.run, "Run the whole night once."),
    ("live", live.live, "Keep the pipeline up, event by event."),
    ("train", train.train, "Train a model by hand."),
    ("backfill", backfill.backfill, "Answer questions of the past again."),
    ("schedule", schedule.schedule, "Run in the foreground when runs are due."),
    ("status", status.status, "Say how the project stands."),
    ("why", why.why, "Explain one value of a feature."),
    ("verify", verify.verify, "Compute again what was served, and compare."),
    ("advise", advise.advise, "Measure which pipeline this history needs."),
    ("replay", replay.replay, "Send history to a topic of Kafka."),
    ("promote", promote.promote, "Let another version of the model serve."),
    ("rollback", rollback.rollback, "Let the version before serve again."),
    ("compact", compact.compact, "Merge the lake's small files."),
    ("explain", explain.explain, "Explain the code of a message."),
    ("demo", demo.demo, "Run weeks of real flights, night by night."),
    ("warmup", warmup.warmup, "Compile the kernels ahead of the first run."),
    ("version", version.version, "Print the version."),
)
_PLAIN: dict[str, Any] = {"rich_markup_mode": None, "add_completion": False, "no_args_is_help": False}


def command() -> Any:
    """The whole command line, ready to parse."""
    app = typer.Typer(
        help="One prediction pipeline, defined once in Python, run every night or live, on one machine.", **_PLAIN
    )
    for name, function, summary in _COMMANDS:
        app.command(name, short_help=summary)(function)
        if name == "status":
            app.add_typer(
                quarantine.group(_PLAIN),
                name="quarantine",
                short_help="Show and settle rows that broke their contract.",
            )
    app.callback(invoke_without_command=True)(_bare)
    return typer.main.get_command(app)


def _bare(
    context: typer.Context,
    show_version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    """One prediction pipeline, defined once in Python, run every night or live, on one machine."""
    if show_version:
        version.version()
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit
