"""What importing costs, and what may import what."""

import ast
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.laws.tree import ROOT, SOURCE, cycles, import_graph, imported, named_imports, parsed, python_files, relative

HEAVY = (
    "adbc_driver_manager", "alembic", "confluent_kafka", "deltalake", "duckdb", "fastavro", "lightgbm", "llvmlite",
    "matplotlib", "mlflow", "numba", "numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn", "skops", "sqlalchemy",
    "xgboost",
)  # fmt: skip
TELL = "import resource; u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"
HELP = """
import sys
sys.argv = ["dayshift", "--help"]
from dayshift.cli import main
try:
    main()
except SystemExit:
    pass
"""


def _python(program: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def _cpu_ms(program: str, times: int = 7) -> float:
    """Median CPU time of the program in a fresh interpreter, over that of an interpreter that does nothing."""
    _python(program)
    bare = statistics.median(float(_python(TELL)) for _ in range(times))
    return 1_000 * (statistics.median(float(_python(f"{program}\n{TELL}").split()[-1]) for _ in range(times)) - bare)


def _loaded(program: str) -> set[str]:
    last = _python(f"{program}\nimport json, sys; print(); print(json.dumps(sorted(sys.modules)))").splitlines()[-1]
    return {name.split(".")[0] for name in json.loads(last)}


def test_importing_dayshift_is_cheap() -> None:
    """`import dayshift` costs at most 100 ms of CPU time (target 60 ms) over a bare interpreter."""
    assert _cpu_ms("import dayshift") <= 100


def test_importing_dayshift_loads_nothing_heavy() -> None:
    """`import dayshift` loads neither NumPy nor Polars nor any other heavy library."""
    assert _loaded("import dayshift") & {*HEAVY, "pydantic", "rich"} == set()


def test_asking_for_help_is_cheap() -> None:
    """`dayshift --help` costs at most 300 ms of CPU time over a bare interpreter."""
    assert _cpu_ms(HELP, times=3) <= 300


def test_asking_for_help_loads_nothing_heavy() -> None:
    """`dayshift --help` loads none of the heavy libraries."""
    assert _loaded(HELP) & set(HEAVY) == set()


def test_no_import_time_cycles() -> None:
    """No module reaches itself through the imports that run at import time."""
    assert cycles(import_graph()) == []


@pytest.mark.parametrize("path", python_files(SOURCE / "semantics"), ids=relative)
def test_semantics_is_plain_python(path: Path) -> None:
    """The meaning of a word needs nothing but the standard library, the definition and the diagnostics."""
    allowed = {"dayshift.semantics", "dayshift.definition", "dayshift.diagnostics"}
    names = {name for node in ast.walk(parsed(path)) for name in named_imports(node)}
    outside = {
        name
        for name in names
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(name == a or name.startswith(f"{a}.") for a in allowed)
    }
    assert outside == set()


def test_the_diagnostics_and_the_definition_load_no_heavy_library_at_import_time() -> None:
    """Whatever a pipeline file imports first is light."""
    found = {
        f"{relative(path)} imports {name}"
        for folder in ("diagnostics", "definition")
        for path in python_files(SOURCE / folder)
        for name in imported(path)
        if name.split(".")[0] in HEAVY
    }
    assert found == set()
