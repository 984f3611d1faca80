"""Values in a canonical form: what means the same looks the same, wherever and however it was written.

The form is made of None, bool, int, float, str, lists and dicts with sorted keys, so that JSON of it can be hashed.
Polars expressions are taken as Polars serialises them; an upgrade of Polars that changes this format changes the form.
A Python function is taken as its compiled code with the values it closes over, never as its file, line or name; another
minor version of Python compiles it to another form. What a function calls in libraries is named, not looked into.
"""

import dis
import functools
import json
import math
import pickle
import re
import types
from collections.abc import Mapping
from typing import Any

from dayshift.definition.column import Column
from dayshift.definition.feature import Sql
from dayshift.diagnostics import DefinitionError

USER_MODULE = "dayshift_pipeline_"
_PYTHON_FUNCTION = b"PLPYFN"
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")""")


def number(value: Any) -> Any:
    """A number without regard to int or float: 1 and 1.0 are one value; everything else as `plain` gives it.

    >>> number(1.0), number(0.5), number(True)
    (1, 0.5, True)
    """
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return plain(value)


def expression(given: Any) -> Any:
    """A Polars expression, `sql(...)` or None; the outermost alias is dropped, as the name is said elsewhere.

    Raises:
        DefinitionError: DS218, it is neither.
    """
    if given is None:
        return None
    if isinstance(given, Sql):
        return {"sql": _sql(given.text)}
    if not hasattr(given, "meta"):
        raise DefinitionError("DS218", f"{given!r} is neither a Polars expression nor sql(...)")
    return {"polars": _node(_unaliased(serialised(given)))}


def opaque(given: Any) -> bool:
    """Whether a Polars expression calls a Python function, which nobody can look into."""
    return hasattr(given, "meta") and '"AnonymousFunction"' in json.dumps(serialised(given))


def serialised(given: Any) -> Any:
    """The tree of a Polars expression as Polars writes it."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return json.loads(given.meta.serialize(format="json"))


def column(given: Column) -> dict[str, Any]:
    """A column: its type and those of its rules that say anything."""
    rules = {name: getattr(given, name) for name in given.__dataclass_fields__}
    said = {name: number(value) for name, value in rules.items() if value is not None and value is not False}
    if given.allowed is not None:
        said["allowed"] = sorted((number(value) for value in given.allowed), key=repr)
    return said


def plain(value: Any, depth: int = 0) -> Any:
    """Any value that may stand in a definition: plain ones, containers, functions, classes, estimators, arrays."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if depth > 20:
        return {"deep": type(value).__name__}
    for kinds, form in _FORMS:
        if isinstance(value, kinds):
            return form(value, depth + 1)
    return _object(value, depth + 1)


def _sequence(value: Any, depth: int) -> Any:
    return [plain(item, depth) for item in value]


def _set(value: Any, depth: int) -> Any:
    return {"set": sorted((plain(item, depth) for item in value), key=repr)}


def _mapping(value: Mapping[Any, Any], depth: int) -> Any:
    if all(isinstance(key, str) for key in value):
        return {key: plain(value[key], depth) for key in sorted(value)}
    return {"items": sorted(([plain(k, depth), plain(v, depth)] for k, v in value.items()), key=repr)}


def _function(value: types.FunctionType, depth: int) -> Any:
    if value.__module__.partition(".")[0] == "polars":
        return {"function": f"{value.__module__}.{value.__qualname__}", "closure": _closure(value, depth)}
    return {
        "code": _code(value.__code__, depth),
        "defaults": plain(value.__defaults__, depth),
        "keyword_defaults": plain(value.__kwdefaults__, depth),
        "closure": _closure(value, depth),
        "globals": _globals(value, depth),
    }


def _closure(function: types.FunctionType, depth: int) -> Any:
    return [plain(cell.cell_contents, depth) for cell in function.__closure__ or ()]


def _globals(function: types.FunctionType, depth: int) -> Any:
    names = sorted(name for name in _names(function.__code__) if name in function.__globals__)
    return {name: plain(function.__globals__[name], depth + 5) for name in names}


def _names(code: types.CodeType) -> set[str]:
    """The names that a function looks up, in the functions inside it too."""
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*inner)


def _code(code: types.CodeType, depth: int) -> Any:
    constants = [_code(c, depth) if isinstance(c, types.CodeType) else plain(c, depth) for c in code.co_consts]
    steps = [[step.opname, step.arg] for step in dis.get_instructions(code) if step.opname != "CACHE"]
    return {"steps": steps, "constants": constants, "names": list(code.co_names), "arguments": code.co_argcount}


def _class(value: type, depth: int) -> Any:
    if value.__module__.startswith(USER_MODULE):
        members = {name: member for name, member in vars(value).items() if _says_something(name, member)}
        bases = [plain(base, depth) for base in value.__bases__]
        return {"class": value.__qualname__, "bases": bases, "members": _mapping(members, depth)}
    return {"class": f"{value.__module__.partition('.')[0]}:{value.__qualname__}"}


def _says_something(name: str, member: Any) -> bool:
    inner = isinstance(member, types.FunctionType | classmethod | staticmethod | property)
    return inner or not (name.startswith(("__", "_abc_")))


def _object(value: Any, depth: int) -> Any:
    kind = plain(type(value), depth)
    if callable(getattr(value, "get_params", None)):
        return {"estimator": kind, "parameters": _mapping(value.get_params(deep=False), depth)}
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return {"array": str(value.dtype), "values": plain(value.tolist(), depth)}
    if hasattr(value, "__dict__") and vars(value):
        return {"object": kind, "fields": _mapping(vars(value), depth)}
    return {"object": kind, "text": _ADDRESS.sub("", repr(value))}


def _wrapped(value: Any, depth: int) -> Any:
    return {"wrapped": plain(value.__func__ if hasattr(value, "__func__") else value.fget, depth)}


def _partial(value: functools.partial[Any], depth: int) -> Any:
    return {
        "partial": plain(value.func, depth),
        "args": plain(value.args, depth),
        "named": plain(value.keywords, depth),
    }


_FORMS: tuple[tuple[Any, Any], ...] = (
    ((list, tuple), _sequence),
    ((set, frozenset), _set),
    (Mapping, _mapping),
    (types.FunctionType, _function),
    (type, _class),
    (types.ModuleType, lambda value, _: {"module": value.__name__}),
    ((classmethod, staticmethod, property), _wrapped),
    (functools.partial, _partial),
    (types.BuiltinFunctionType, lambda value, _: {"builtin": f"{value.__module__}.{value.__qualname__}"}),
    (bytes, lambda value, _: {"bytes": value.hex()}),
)


def _sql(text: str) -> str:
    """One space for any white space outside quotes."""
    parts = _QUOTED.split(text)
    parts[::2] = [re.sub(r"\s+", " ", part) for part in parts[::2]]
    return "".join(parts).strip()


def _unaliased(tree: Any) -> Any:
    return tree["Alias"][0] if isinstance(tree, dict) and list(tree) == ["Alias"] else tree


def _node(tree: Any) -> Any:
    """The tree with each pickled Python function replaced by what it does."""
    if isinstance(tree, dict):
        return {key: _node(value) for key, value in tree.items()}
    if isinstance(tree, list):
        if len(tree) > 8 and tree[: len(_PYTHON_FUNCTION)] == list(_PYTHON_FUNCTION):
            return _pickled(bytes(tree))
        return [_node(item) for item in tree]
    return tree


def _pickled(blob: bytes) -> Any:
    """The function inside the bytes that this process has just pickled; the bytes themselves where it cannot be read."""
    start = blob.find(b"\x80\x05")
    try:
        return plain(pickle.loads(blob[start:]))  # noqa: S301 - our own bytes, made a moment ago from a live function
    except (pickle.UnpicklingError, AttributeError, ImportError, EOFError):
        return {"bytes": blob.hex()}
