"""`dayshift explain`: the page of a code."""

import sys
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated

import typer

from dayshift.cli.options import Json
from dayshift.cli.tables import emit, table
from dayshift.diagnostics import UsageError


def explain(
    code: Annotated[str | None, typer.Argument(help="A code such as DS201; none lists them all.")] = None,
    as_json: Json = False,
) -> None:
    """Explain the code of a message: what it means and how it is repaired."""
    pages = {page.name.removesuffix(".md"): page for page in _folder().iterdir() if page.name.endswith(".md")}
    if code is None:
        titles = {name: _title(pages[name].read_text("utf-8")) for name in sorted(pages)}
        emit(titles, [table("", ("code", "meaning"), titles.items())], as_json=as_json)
        return
    wanted = code.upper().strip("[]")
    if wanted not in pages:
        raise UsageError("DS123", f"no message has the code '{code}'", hint="dayshift explain   # lists all codes")
    text = pages[wanted].read_text("utf-8")
    if as_json or not sys.stdout.isatty():
        emit({"code": wanted, "title": _title(text), "page": text}, [text.rstrip()], as_json=as_json)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


def _folder() -> Traversable:
    return resources.files("dayshift.diagnostics") / "pages"


def _title(text: str) -> str:
    return text.partition("\n")[0].partition(": ")[2]
