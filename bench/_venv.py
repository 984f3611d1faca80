"""An environment of the benchmarks' own, for libraries whose pins contradict the project's: dependency group `bench`."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "bench" / "out" / "venv"
GROUP = "bench"


def python() -> Path:
    """Its interpreter; the environment is made when it is not there, or not as pyproject.toml wants it."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"][GROUP]
    stamp, interpreter = FOLDER / "installed.json", FOLDER / "bin" / "python"
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return interpreter
    print(f"making {FOLDER.relative_to(ROOT)} with {', '.join(wanted)} (once)", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *wanted], check=True)
    stamp.write_text(json.dumps(wanted))
    return interpreter


def borrow() -> None:
    """Lets this process import, after everything of its own, what the environment has."""
    python()
    (packages,) = FOLDER.glob("lib/python3*/site-packages")
    if str(packages) not in sys.path:
        sys.path.append(str(packages))


def version(package: str) -> str:
    """Of a package there."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([str(python()), "-c", code], check=True, capture_output=True, text=True).stdout.strip()
