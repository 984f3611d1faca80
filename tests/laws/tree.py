"""The repository as the laws read it: files, syntax trees, functions, imports."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "dayshift"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def python_files(folder: Path) -> tuple[Path, ...]:
    """The Python files under a folder, sorted."""
    return tuple(sorted(path for path in folder.rglob("*.py") if not {"__pycache__", "out"} & set(path.parts)))


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def relative(path: Path) -> str:
    """The path as a reader of the repository says it."""
    return str(path.relative_to(ROOT))


def module_name(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def line_count(path: Path) -> int:
    """The number of lines of a file, blank ones included."""
    return len(path.read_text(encoding="utf-8").splitlines())


@dataclass(frozen=True)
class Measured:
    """One function and its size."""

    place: str
    lines: int
    parameters: int


def functions(path: Path) -> Iterator[tuple[str, Function]]:
    """Every function of a file with its qualified name, nested ones included."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                yield prefix + child.name, child
            inner = f"{prefix}{child.name}." if isinstance(child, Function | ast.ClassDef) else prefix
            yield from walk(child, inner)

    yield from walk(parsed(path), "")


def measure(path: Path) -> Iterator[Measured]:
    """The size of every function: lines without the docstring and the decorators, parameters without self and cls."""
    for name, node in functions(path):
        docstring = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
        hidden = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
        given = node.args
        parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        count = len(parameters) - (bool(parameters) and parameters[0].arg in ("self", "cls", "mcs"))
        count += (given.vararg is not None) + (given.kwarg is not None)
        yield Measured(
            f"{relative(path)}:{node.lineno} {name}", (node.end_lineno or 0) - node.lineno + 1 - hidden, count
        )


def _is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _import_time(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that run when a module is imported: not those inside functions, not those for the type checker."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif _is_type_checking(node):
            assert isinstance(node, ast.If)
            yield from _import_time(node.orelse)
        elif not isinstance(node, Function):
            for inner in ("body", "orelse", "finalbody"):
                yield from _import_time(getattr(node, inner, []))
            for handler in getattr(node, "handlers", []):
                yield from _import_time(handler.body)


def named_imports(node: ast.AST) -> list[str]:
    """The modules that one import statement names; none for any other node."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def imported(path: Path) -> set[str]:
    """The dotted names that a file names in its import-time imports; `from a import b` is `a.b` and `a`."""
    names: set[str] = set()
    for node in _import_time(parsed(path).body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@cache
def import_graph() -> dict[str, set[str]]:
    """Which module of the package imports which, at import time. Importing a submodule's own package by name counts."""
    modules = {module_name(path): path for path in python_files(SOURCE)}
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        edges: set[str] = set()
        for node in _import_time(parsed(path).body):
            if isinstance(node, ast.Import):
                edges |= {alias.name for alias in node.names if alias.name in modules}
            elif node.module in modules:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                edges |= inner & modules.keys()
                edges |= {node.module} if inner - modules.keys() else set()
        graph[name] = edges - {name}
    return graph


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other (Tarjan, Depth-first search and linear graph algorithms, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for following in sorted(graph.get(node, ())):
            if following not in index:
                visit(following)
                low[node] = min(low[node], low[following])
            elif following in stack:
                low[node] = min(low[node], index[following])
        if low[node] == index[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found
