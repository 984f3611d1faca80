"""From a path to a definition: the user's Python file.

The file is run as a module of its own name, with its folder on the path, so that it may import its neighbours. What it
raises becomes one problem with the user's file and line. `read_settings` reads what stands beside it.
"""

import builtins
import difflib
import inspect
import linecache
import re
import sys
import traceback
import types
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from hashlib import blake2b
from importlib.metadata import packages_distributions
from pathlib import Path

from dayshift.definition.canonical import USER_MODULE
from dayshift.definition.pipeline import Pipeline
from dayshift.definition.settings_file import read_settings
from dayshift.diagnostics import DayshiftError, DefinitionError, NotReady, Place, Problem, nearest, shorten

_borrowed: dict[str, set[str]] = {}
_IMPORTS = {
    "ds": "import dayshift as ds",
    "dayshift": "import dayshift",
    "pl": "import polars as pl",
    "np": "import numpy as np",
    "pd": "import pandas as pd",
}
"""What a name usually stands for when nothing imported it."""


def load_pipeline(path: Path | str, name: str | None = None) -> Pipeline:
    """The pipeline that a Python file defines.

    Args:
        path: the file; "file.py:NAME" chooses among several pipelines in it.
        name: the same choice.

    Raises:
        DefinitionError: DS101 no such file, DS102 not Python, DS103 it raised, DS105 no pipeline in it, DS106 several.
        NotReady: DS104, it imports a package that is not installed.
    """
    text = str(path)
    if name is None and not Path(text).exists() and ":" in Path(text).name:
        text, _, name = text.rpartition(":")
    file = Path(text).resolve()
    if not file.is_file():
        raise DefinitionError("DS101", f"file '{text}' is not there", hint=_instead(file))
    return _choose(_run(file), file, name)


def _instead(file: Path) -> str:
    """What to do about a file that is not there: its nearest neighbour, or a project of one's own."""
    neighbours = sorted(path.name for path in file.parent.glob("*.py")) if file.parent.is_dir() else []
    near = nearest(file.name, neighbours)
    if near and (file.parent / "dayshift.toml").is_file():
        return f'in dayshift.toml: pipeline = "{near}"'
    return f"dayshift check {near}" if near else "dayshift init my-project"


def _run(file: Path) -> types.ModuleType:
    name = USER_MODULE + blake2b(str(file).encode(), digest_size=6).hexdigest()
    module = types.ModuleType(name)
    module.__file__ = str(file)
    linecache.checkcache(str(file))
    sys.modules[name] = module  # whoever pickles a function or a class of the file looks the module up here
    with _imports_from(file.parent), _told(file, module), redirect_stdout(sys.stderr):  # stdout is for results alone
        exec(compile(file.read_bytes(), str(file), "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    return module


@contextmanager
def _imports_from(folder: Path) -> Iterator[None]:
    """The folder first on the path; modules that earlier pipelines borrowed from theirs are forgotten before."""
    for earlier, names in _borrowed.items():
        for name in names:
            sys.modules.pop(name, None)
        if earlier in sys.path:
            sys.path.remove(earlier)
    _borrowed.clear()
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        _borrowed[str(folder)] = {name for name in set(sys.modules) - before if _inside(sys.modules[name], folder)}


def _inside(module: object, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).is_relative_to(folder) and "site-packages" not in file


@contextmanager
def _told(file: Path, module: types.ModuleType) -> Iterator[None]:
    """Whatever the file raises, told as one problem of the user's file."""
    try:
        yield
    except DayshiftError as error:
        place = _place(error, file)
        problems = [_placed(problem, place) for problem in error.problems]
        raise type(error)(problems) from error
    except SyntaxError as error:
        raise _syntax(error, file) from error
    except ModuleNotFoundError as error:
        raise _missing(error, file) from error
    except (Exception, SystemExit) as error:
        raise _raised(error, file, module) from error


def _placed(problem: Problem, place: Place) -> Problem:
    return Problem(problem.code, problem.message, problem.place or place, problem.facts, problem.hint, problem.severity)


def _place(error: BaseException, file: Path) -> Place:
    """The innermost line of the user's folder on the way to the fault."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename == str(file)]
    near = [frame for frame in frames if Path(frame.filename).parent == file.parent]
    for frame in [*near[::-1], *ours[::-1]]:
        return Place(frame.filename, frame.lineno or 0)
    return Place(str(file))


def _syntax(error: SyntaxError, file: Path) -> DefinitionError:
    line = (error.text or "").strip()
    facts = (f"the line reads: {line}",) if line else ()
    place = Place(error.filename or str(file), error.lineno or 0)
    return DefinitionError("DS102", f"'{Path(place.file).name}' is not Python: {error.msg}", place=place, facts=facts)


def _missing(error: ModuleNotFoundError, file: Path) -> NotReady:
    package = (error.name or "").partition(".")[0]
    known = [*sys.stdlib_module_names, *packages_distributions()]
    near = next(iter(difflib.get_close_matches(package, known, 1, 0.8)), None)  # nobody should install a typo
    return NotReady(
        "DS104",
        f"'{file.name}' imports '{error.name}', which is not installed",
        place=_place(error, file),
        hint=f"write '{near}' in place of '{package}'" if near else f"pip install {package}",
    )


def _raised(error: BaseException, file: Path, module: types.ModuleType) -> DefinitionError:
    said = str(error).strip() or "without a message"
    place = _place(error, file)
    line = linecache.getline(place.file, place.line).strip()
    facts = (f"the line reads: {line}",) if line else ()
    return DefinitionError(
        "DS103",
        f"'{file.name}' raised {type(error).__name__}: {said}",
        place=place,
        facts=facts,
        hint=_suggestion(error, module),
    )


def _suggestion(error: BaseException, module: types.ModuleType) -> str | None:
    """The name that the user most likely meant."""
    given, allowed = _meant(error, module)
    if isinstance(error, NameError) and given in _IMPORTS:
        return _IMPORTS[given]
    near = nearest(given, allowed) if given else None
    if near:
        return f"write '{near}' in place of '{given}'"
    ours = isinstance(error, TypeError) or type(getattr(error, "obj", None)).__module__.startswith("dayshift.")
    return f"allowed here: {shorten(allowed, 16)}" if given and allowed and ours else None


def _meant(error: BaseException, module: types.ModuleType) -> tuple[str, list[str]]:
    if isinstance(error, NameError):
        return error.name or "", [*vars(module), *vars(builtins)]
    if isinstance(error, AttributeError):
        return error.name or "", [name for name in dir(error.obj) if not name.startswith("_")]
    if isinstance(error, ImportError):
        wanted = re.match(r"cannot import name '(\w+)'", str(error))
        return wanted[1] if wanted else "", dir(sys.modules.get(error.name or ""))
    found = re.match(r"(?:(\w+)\.)?(\w+)\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if isinstance(error, TypeError) and found:
        return found[3], _parameters(found[1], found[2], module)
    return "", []


def _parameters(owner: str | None, method: str, module: types.ModuleType) -> list[str]:
    """The parameters of one of our own constructors or methods."""
    import dayshift
    from dayshift import definition

    for place in (module, dayshift, definition):
        holder = getattr(place, owner, None) if owner else place
        function = holder if method == "__init__" else getattr(holder, method, None)
        if callable(function):
            return [name for name in inspect.signature(function).parameters if name != "self"]
    return []


def _choose(module: types.ModuleType, file: Path, name: str | None) -> Pipeline:
    found = list({id(value): value for value in vars(module).values() if isinstance(value, Pipeline)}.values())
    if name is not None:
        named = [pipeline for pipeline in found if pipeline.name == name]
        named += [value for key, value in vars(module).items() if key == name and isinstance(value, Pipeline)]
        if named:
            return named[0]
    if not found:
        hint = 'pipeline = ds.Pipeline("my-pipeline", predict=..., features=[...])'
        raise DefinitionError("DS105", f"'{file.name}' defines no pipeline", place=Place(str(file)), hint=hint)
    if name is None and len(found) == 1:
        return found[0]
    names = [pipeline.name for pipeline in found]
    message = (
        f"'{file.name}' defines {len(found)} pipelines" if name is None else f"'{file.name}' has no pipeline '{name}'"
    )
    choice = nearest(name or "", names) or min(names)
    raise DefinitionError(
        "DS106",
        message,
        place=Place(str(file)),
        facts=(f"pipelines in it: {shorten(names)}",),
        hint=f'in dayshift.toml: pipeline = "{file.name}:{choice}"',
    )


__all__ = ["load_pipeline", "read_settings"]
