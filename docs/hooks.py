"""What the documentation takes from the code at build time: the reference's pages, and folders in the navigation.

Nothing that is written here is committed: names, types and first sentences come from the code itself, so a page cannot
say something else than the program does.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGES = DOCS.parent / "src" / "dayshift" / "diagnostics" / "pages"


# ------------------------------------------------------------------ mkdocs calls these


def on_config(config: Any) -> Any:
    """Replaces `folder/` in the navigation by the folder's pages."""
    generated = pages()
    config["nav"] = [_expanded(entry, generated) for entry in config["nav"]]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the generated pages to the files."""
    from mkdocs.structure.files import File

    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def _expanded(entry: Any, generated: dict[str, str]) -> Any:
    if isinstance(entry, dict):
        ((title, where),) = entry.items()
        if isinstance(where, str) and where.endswith("/"):
            written = {str(path.relative_to(DOCS)) for path in (DOCS / where).glob("*.md")}
            made = {name for name in generated if name.startswith(where) and "/codes/" not in name}
            return {title: sorted(written | made)}
    return entry


# ------------------------------------------------------------------ the pages


def pages() -> dict[str, str]:
    """Every generated page: its path under docs/, and its text."""
    return {
        "reference/api.md": api_page(),
        "reference/cli.md": cli_page(),
        "reference/settings.md": settings_page(),
        "reference/run-report.md": report_page(),
        "reference/codes.md": codes_page(),
    }


def _paragraphs(value: Any) -> str:
    """A docstring as Markdown: sections and examples become code, the prose stays."""
    out: list[str] = []
    code = False
    for line in (inspect.getdoc(value) or "").splitlines():
        starts = line.startswith(">>> ") and not code
        ends = code and not line.strip()
        if starts or ends:
            out.append("```" if ends else "```pycon")
            code = starts
        if line in ("Args:", "Returns:", "Raises:", "Yields:"):
            out += [f"**{line[:-1]}**", ""]
        elif line.startswith("    ") and not code and ":" in line and not line.startswith("     "):
            name, _, rest = line.strip().partition(":")
            out.append(f"- `{name}`:{rest}")
        else:
            out.append(line)
    return "\n".join([*out, *(["```"] if code else [])])


def _signature(name: str, value: Any) -> str:
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return name
    return f"{name}{text}".replace("'", "")


def _public_methods(value: type) -> Iterator[tuple[str, Any]]:
    for name, member in inspect.getmembers(value):
        own = inspect.isfunction(member) and member.__qualname__.startswith(f"{value.__name__}.")
        if own and not name.startswith("_"):
            yield name, member


def api_page() -> str:
    """Every public name with its signature, its docstring and its methods; then what the grammar returns."""
    import dayshift
    from dayshift.definition.feature import Features
    from dayshift.definition.window import Windows

    shown = [(name, getattr(dayshift, name)) for name in dayshift.__all__]
    shown += [("Windows", Windows), ("Features", Features)]
    out = [
        "# Python API",
        "",
        "Everything stands in `import dayshift as ds`; `Windows` and `Features` are what its methods return.",
    ]
    for name, value in shown:
        out += ["", f"## {name}", "", "```text", _signature(name, value), "```", "", _paragraphs(value)]
        for method, member in _public_methods(value) if inspect.isclass(value) else ():
            out += [
                "",
                f"### {name}.{method}",
                "",
                "```text",
                _signature(method, member),
                "```",
                "",
                _paragraphs(member),
            ]
    return "\n".join(out) + "\n"


def commands() -> dict[str, Any]:
    """Every command of the command line by its full name, groups opened."""
    from dayshift.cli.app import command as whole

    found: dict[str, Any] = {}

    def walk(command: Any, name: str) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found[name] = command
        for one in sorted(inner or ()):
            walk(inner[one], f"{name} {one}")

    walk(whole(), "dayshift")
    return found


def cli_page() -> str:
    """Every command with its arguments and options."""
    out = [
        "# Command line",
        "",
        "Exit codes: 0 done, 1 it ran and the answer is no, 2 asked wrongly, 3 the world is not ready, 70 our bug.",
    ]
    for name, command in commands().items():
        out += ["", f"## {name}", "", inspect.cleandoc(command.help or ""), ""]
        rows = [_parameter(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
        out += ["| argument or option | meaning | default |", "|---|---|---|", *rows] if rows else []
    return "\n".join(out) + "\n"


def _parameter(parameter: Any) -> str:
    names = ", ".join(parameter.opts) if parameter.param_type_name == "option" else parameter.name.upper()
    default = "" if parameter.default in (None, False, ()) or callable(parameter.default) else f"`{parameter.default}`"
    return f"| `{names}` | {getattr(parameter, 'help', None) or ''} | {default} |"


def sections() -> Iterator[tuple[str, Any]]:
    """Every section of dayshift.toml with its model; the top of the file first."""
    from dayshift.definition.settings import Settings

    yield "the top of the file", Settings
    for name, field in Settings.model_fields.items():
        for model in (field.annotation, *typing.get_args(field.annotation)):
            if inspect.isclass(model) and hasattr(model, "model_fields"):
                repeated = typing.get_origin(field.annotation) is dict
                yield f"[{name}.NAME]" if repeated else f"[{name}]", model


def settings_page() -> str:
    """Every section and every field of dayshift.toml."""
    out = [
        "# dayshift.toml",
        "",
        "Where the rows come from and how each part is operated; never what is computed. Unknown names are refused.",
    ]
    for title, model in sections():
        out += [
            "",
            f"## {title}",
            "",
            inspect.getdoc(model) or "",
            "",
            "| setting | type | default | meaning |",
            "|---|---|---|---|",
        ]
        told = meanings(model)
        for name, field in model.model_fields.items():
            if f"[{name}" in " ".join(other for other, _ in sections()):
                continue
            default = "required" if field.is_required() else f"`{field.default!r}`"
            out.append(f"| `{name}` | `{_type(field.annotation)}` | {default} | {told.get(name, '')} |")
    return "\n".join(out) + "\n"


def meanings(model: type) -> dict[str, str]:
    """What the text below each field of a class says: field name to sentence."""
    body = ast.parse(inspect.getsource(model)).body[0].body  # type: ignore[attr-defined]
    return {
        field.target.id: text.value.value
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _type(annotation: Any) -> str:
    text = annotation.__name__ if inspect.isclass(annotation) and not typing.get_args(annotation) else str(annotation)
    return text.replace("typing.", "").replace("|", "or")


def report_page() -> str:
    """Every number of the run report, from the dataclasses that hold it."""
    from dayshift.runtimes.report import RunReport

    out = ["# Run report", "", "What a run tells: on the terminal, in the HTML file, with `--json`, and in the ledger."]
    seen: set[Any] = set()
    waiting: list[tuple[str, Any]] = [("run", RunReport)]
    while waiting:
        title, model = waiting.pop(0)
        if model in seen:
            continue
        seen.add(model)
        out += ["", f"## {title}", "", inspect.getdoc(model) or "", "", "| field | type |", "|---|---|"]
        hints = typing.get_type_hints(model)
        for field in dataclasses.fields(model):
            hint = hints[field.name]
            out.append(f"| `{field.name}` | `{_type(hint)}` |")
            waiting += [(field.name, one) for one in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(one)]
    return "\n".join(out) + "\n"


def codes_page() -> str:
    """Every code's page, one after the other."""
    out = ["# Codes", "", "Every message has a code; `dayshift explain CODE` prints its section of this page."]
    for path in sorted(PAGES.glob("DS*.md")):
        body = path.read_text(encoding="utf-8")
        fenced = False
        for line in body.splitlines():
            fenced ^= line.startswith("```")
            out.append(f"#{line}" if line.startswith("#") and not fenced else line)
        out.append("")
    return "\n".join(out) + "\n"
