"""Reading dayshift.toml: all its faults at once, each with its line."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from dayshift.definition.settings import Settings
from dayshift.diagnostics import DefinitionError, Place, Problem, nearest, shorten

Path_ = tuple[str, ...]
_HEADER = re.compile(r"^\s*\[\[?\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_EXAMPLES = {"database": 'database = "duckdb:warehouse.duckdb"', "table": 'table = "predictions"'}
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def read_settings(path: Path | str) -> Settings:
    """The settings in a TOML file, or in the `dayshift.toml` of a folder.

    The result knows the line of each of its values (`settings.place("sources", "payments")`).

    Raises:
        DefinitionError: with all faults at once. DS101 no such file, DS110 not TOML, DS111 an unknown name,
            DS112 a value that cannot be.
    """
    file = Path(path)
    file = file / "dayshift.toml" if file.is_dir() else file
    try:
        text = file.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise DefinitionError("DS101", f"file '{file}' is not there", hint=_elsewhere(file)) from None
    except UnicodeDecodeError as error:
        raise DefinitionError("DS110", f"'{file.name}' is not UTF-8: {error.reason}", place=Place(str(file))) from None
    return _validate(_parse(text, file), _lines(text), file)


def _elsewhere(file: Path) -> str:
    """Where a project is: in a folder around the place that was named, or still to be made."""
    folder = file.resolve().parent
    around = next((one for one in folder.parents if (one / "dayshift.toml").is_file()), None)
    return f"cd {shlex.quote(str(around))}" if around else "dayshift init my-project && cd my-project"


def _parse(text: str, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else len(text.splitlines())
        said = re.sub(r"\s*\(at .*\)$", "", str(error))
        raise DefinitionError("DS110", f"'{file.name}' is not TOML: {said}", place=Place(str(file), line)) from None


def _validate(values: Mapping[str, Any], lines: Mapping[Path_, int], file: Path) -> Settings:
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise DefinitionError(list(_problems(error, lines, file))) from None
    settings.remember({path: Place(str(file), line) for path, line in lines.items()} | {(): Place(str(file))})
    return settings


def _problems(error: ValidationError, lines: Mapping[Path_, int], file: Path) -> Iterator[Problem]:
    """One problem a setting; a union's several complaints about one value are one problem."""
    seen: dict[Path_, list[str]] = {}
    for fault in error.errors(include_url=False):
        path = tuple(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            yield _unknown(path, Place(str(file), line_of(path, lines)))
            continue
        path = path if fault["type"] == "missing" else _known(path, lines)
        seen.setdefault(path, []).append(allowed(fault["msg"]))
        if len(seen[path]) == 1:
            yield _wrong(path, fault, Place(str(file), line_of(path, lines)))


def _known(path: Path_, lines: Mapping[Path_, int]) -> Path_:
    """The path without the parts that pydantic adds for the members of a union."""
    while len(path) > 1 and path not in lines and path[:-1] in lines:
        path = path[:-1]
    return path


def _unknown(path: Path_, place: Place) -> Problem:
    *section, name = path
    allowed = _names(tuple(section))
    where = f"section [{'.'.join(section)}]" if section else "dayshift.toml"
    near = nearest(name, allowed)
    return Problem(
        "DS111",
        f"setting '{name}' is unknown in {where}",
        place,
        (f"allowed: {shorten(allowed)}",),
        f"write '{near}' in place of '{name}'" if near else f"remove '{name}'",
    )


def _wrong(path: Path_, fault: Any, place: Place) -> Problem:
    given = fault.get("input")
    name = ".".join(path) or "dayshift.toml"
    if fault["type"].startswith("DS"):
        return Problem(fault["type"], f"setting '{name}': {fault['msg']}", place, hint=fault["ctx"]["hint"] or None)
    if fault["type"] == "missing":
        return Problem("DS112", f"setting '{name}' is missing", place, hint=_EXAMPLES.get(path[-1]))
    near = nearest(str(given), re.findall(r"'([^']*)'", fault["msg"])) if fault["type"] == "literal_error" else None
    hint = f'write "{near}"' if near else _example(path, fault["type"])
    return Problem("DS112", f"setting '{name}' cannot be {_show(given)}", place, (allowed(fault["msg"]),), hint)


def _example(path: Path_, kind: str) -> str | None:
    """The setting as it is when it is left out: a value of the right type; of a table, its header."""
    if kind in ("dict_type", "model_type"):
        return f"[{'.'.join(path)}]" if path else None
    model = _model(path[:-1])
    field = model.model_fields.get(path[-1]) if model and path else None
    default = field.default if field else None
    return f"{path[-1]} = {json.dumps(default)}" if isinstance(default, str | int | float) else None


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def allowed(message: str) -> str:
    """What a value may be, from what pydantic says.

    >>> allowed("Input should be a valid integer, unable to parse string as an integer")
    'allowed: integer'
    >>> allowed("Input should be a valid dictionary or instance of TrainSettings")
    'allowed: table'
    """
    said = re.sub(r"^(Input|Value) should be (a valid )?", "", message)
    said = re.sub(r"\bdictionary( or instance of \w+)?", "table", said)
    return "allowed: " + re.sub(r", (unable to|got a) .*", "", said)


def _names(section: Path_) -> list[str]:
    """The settings that a section may hold."""
    model = _model(section)
    return sorted(model.model_fields) if model else []


def _model(section: Path_) -> type[BaseModel] | None:
    """What a section is read into; None when it is none of ours."""
    model: Any = Settings
    for part in section:
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(part)
            model = field.annotation if field else None
        else:
            model = (get_args(model) or (None, None))[-1]
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def line_of(path: Path_, lines: Mapping[Path_, int]) -> int:
    """The line of a setting, or of the nearest section around it; 0 when there is none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 0


def _lines(text: str) -> dict[Path_, int]:
    """The line of every section and every key; the first of each name."""
    lines: dict[Path_, int] = {}
    section: Path_ = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if key:
            path = section + _split(key[1])
        elif header:
            path = section = _split(header[1])
        else:
            continue
        for end in range(len(path), 0, -1):
            lines.setdefault(path[:end], number)
    return lines


def _split(dotted: str) -> Path_:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
