"""Making a project's files from a template of this package."""

import shutil
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from dayshift.cli.templates.payments_data import write_payments
from dayshift.diagnostics import UsageError, nearest

TEMPLATES = ("minimal", "payments")
DEMO = "late-flights"
_DEMO_MARK = ".dayshift-demo"


def make_project(folder: Path, template: str) -> list[str]:
    """Writes a template into a folder that is absent or empty, with its data; gives the files' names.

    Raises:
        UsageError: DS127 unknown template, DS128 the folder holds something.
    """
    if template not in TEMPLATES:
        near = nearest(template, TEMPLATES)
        facts = (f"templates: {', '.join(TEMPLATES)}",)
        hint = f"dayshift init {folder} --template {near or TEMPLATES[-1]}"
        raise UsageError("DS127", f"no template is called '{template}'", facts=facts, hint=hint)
    _refuse_full(folder, f"dayshift init {folder}-2 --template {template}")
    copy_template(template, folder)
    write_payments(folder / "data")
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def replace_demo(folder: Path) -> None:
    """Writes the demo's project into a folder that is absent, empty, or an earlier demo's.

    Raises:
        UsageError: DS128, the folder holds something else.
    """
    if (folder / _DEMO_MARK).is_file():
        shutil.rmtree(folder)
    _refuse_full(folder, f"dayshift demo {folder}-2")
    copy_template(DEMO, folder)
    (folder / _DEMO_MARK).write_text("made by `dayshift demo`, which may delete this folder\n")


def copy_template(name: str, folder: Path) -> None:
    """The files of a template, as they stand; `NAME.template` loses its ending."""
    _copy(resources.files("dayshift.cli.templates") / name, folder)


def _copy(source: Traversable, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for item in sorted(source.iterdir(), key=lambda item: item.name):
        if item.is_dir() and item.name != "__pycache__":
            _copy(item, folder / item.name)
        elif item.is_file():
            (folder / item.name.removesuffix(".template")).write_bytes(item.read_bytes())


def _refuse_full(folder: Path, hint: str) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UsageError(
            "DS128", f"'{folder}' is not empty", facts=("a project is made in a folder of its own",), hint=hint
        )
