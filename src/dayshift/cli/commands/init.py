"""`dayshift init`: a project that runs at once."""

from pathlib import Path
from typing import Annotated

import typer

from dayshift.cli.options import Json
from dayshift.cli.tables import emit


def init(
    folder: Annotated[Path, typer.Argument(help="The new project's folder.")] = Path("my-project"),
    template: Annotated[str, typer.Option("--template", "-t", help="payments or minimal.")] = "payments",
    as_json: Json = False,
) -> None:
    """Make a project from a template, with data of its own; `dayshift run` works in it at once."""
    from dayshift.cli.project_files import make_project

    files = make_project(folder, template)
    said = [f"{folder}: {len(files)} files from template '{template}'", f"next: cd {folder} && dayshift run"]
    emit({"folder": str(folder.resolve()), "template": template, "files": files}, ["\n".join(said)], as_json=as_json)
