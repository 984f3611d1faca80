"""Compiled kernels are kept where no other sources' can be found."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import dayshift
from dayshift.kernel import jit, numbers

SOURCES = Path(dayshift.__file__).parents[1]
PROGRAM = """
import numba
from dayshift.kernel import jit, numbers
print(numbers.divide(7, 2, 1, 1.0), jit.folder(), repr(numba.config.CACHE_DIR), sum(numbers.divide.stats.cache_hits.values()))
"""


def _run(cache: Path, **more: str) -> list[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA")}
    environment |= {"PYTHONPATH": str(SOURCES), "XDG_CACHE_HOME": str(cache), **more}
    return _output(subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=-1, text=True))


def _output(process: "subprocess.Popen[str]") -> list[str]:
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return out.split()


def test_a_changed_source_has_another_folder(tmp_path: Path) -> None:
    """Any source's change, a new one included: old code is never found again."""
    (tmp_path / "one.py").write_text("A = 1\n")
    (tmp_path / "two.py").write_text("B = 1\n")
    names = [jit.digest([tmp_path])]
    (tmp_path / "two.py").write_text("B = 2\n")
    names.append(jit.digest([tmp_path]))
    (tmp_path / "three.py").write_text("")
    names.append(jit.digest([tmp_path]))
    assert len(set(names)) == 3
    assert jit.digest([tmp_path / "absent"]) is None
    assert jit.digest() in str(jit.folder())


def test_the_users_own_numba_is_left_alone() -> None:
    """Its settings are what they were, and our functions know their folder."""
    assert not str(numba.config.CACHE_DIR).count("kernel-")
    assert Path(numbers.divide._cache.cache_path).parent == jit.folder()


def test_the_cache_folder_follows_the_user(tmp_path: Path) -> None:
    """`XDG_CACHE_HOME`, `NUMBA_CACHE_DIR`, and where neither can be written a private temporary folder.

    The first process compiles, and the next finds what it compiled.
    """
    value, folder, config, hits = _run(tmp_path / "xdg")
    assert (value, Path(folder).parent, config, hits) == ("3.5", tmp_path / "xdg" / "dayshift", "''", "0")
    assert _run(tmp_path / "xdg")[3] == "1"
    numba_dir = str(tmp_path / "numba")
    _, folder, config, _ = _run(tmp_path / "xdg", NUMBA_CACHE_DIR=numba_dir)
    assert (str(Path(folder).parent), config) == (numba_dir, repr(numba_dir))
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "temporary").mkdir()
    _, folder, _, _ = _run(tmp_path / "file", TMPDIR=str(tmp_path / "temporary"))
    assert Path(folder).parent.parent == tmp_path / "temporary"
    assert Path(folder).parent.stat().st_mode & 0o077 == 0


def test_a_temporary_folder_that_others_may_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in the cache is executed."""
    monkeypatch.setattr(jit.tempfile, "gettempdir", lambda: str(tmp_path))
    (found,) = jit._temporary()
    found.chmod(0o777)
    assert jit._temporary() == []


def test_an_installation_that_may_not_be_written_works(tmp_path: Path) -> None:
    """Nothing is written beside the modules."""
    target = tmp_path / "site" / "dayshift"
    for path in (SOURCES / "dayshift").rglob("*"):
        if path.suffix in (".py", ".md") and path.is_file():
            copy = target / path.relative_to(SOURCES / "dayshift")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    before = set(target.rglob("*"))
    for path in [target, *before]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    arguments = {"PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    assert _run(tmp_path / "cache", **arguments)[0] == "3.5"
    assert set(target.rglob("*")) == before


def test_two_processes_compile_at_once(tmp_path: Path) -> None:
    """Both have the right code, though each compiles another type, and so has whoever comes after."""
    program = "import sys; from dayshift.kernel.bounds import bisect; import numpy as np\n"
    program += "print(bisect(np.arange(9, dtype=sys.argv[1]), 0, 9, 4), flush=True)\n"
    environment = {**os.environ, "PYTHONPATH": str(SOURCES), "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)

    def start(kind: str) -> "subprocess.Popen[str]":
        return subprocess.Popen([sys.executable, "-c", program, kind], env=environment, stdout=-1, text=True)

    for _ in range(2):
        together = [start(kind) for kind in ("int64", "float64")]
        assert [_output(process) for process in together] == [["4"], ["4"]]
