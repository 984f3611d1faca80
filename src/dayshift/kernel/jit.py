"""How kernels are compiled: once, kept on disk, and without the interpreter's lock.

Numba keeps what it compiled by the source of the function itself. A change in a function that it calls, or in a constant
from another module, would go unnoticed, and old code would go on giving old numbers. So everything compiled is kept in a
folder named by a hash of all the sources that can end up in it, of Numba's version and of Python's: `kernel-<hash>` in
`NUMBA_CACHE_DIR` if that is set, else in the user's cache folder, else, when that cannot be written, in a folder of the
temporary ones that is the user's alone (what lies there is executed).

Two processes may compile at once. Each writes files of its own, whole or not at all, and the last one to write the index
is right as well: what the other compiled is compiled again, once, by whoever misses it.
"""

import functools
import hashlib
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numba
from numba import njit, types
from numba.core import cgutils
from numba.core import config as numba_config
from numba.core.caching import FunctionCache
from numba.extending import intrinsic
from numba.misc.appdirs import AppDirs
from numba.np import arrayobj

HERE = Path(__file__).parent
SOURCES = (HERE, HERE.parent / "semantics" / "aggregates")
_RUN = uuid.uuid4().hex[:12]
_njit: Any = njit
config: Any = numba_config


def digest(folders: Iterable[Path] = SOURCES) -> str | None:
    """What names the code that compiled kernels hold; None where there are no sources to see, as in an archive."""
    found = hashlib.blake2b(f"{numba.__version__} {sys.version}".encode(), digest_size=10)
    seen = False
    for path in sorted(path for folder in folders for path in folder.glob("*.py")):
        body = path.read_bytes()
        found.update(f"{path.name} {len(body)}\n".encode() + body)
        seen = True
    return found.hexdigest() if seen else None


def parents() -> list[Path]:
    """Where compiled kernels may be kept, best first."""
    if config.CACHE_DIR:
        return [Path(config.CACHE_DIR), *_temporary()]
    xdg = os.environ.get("XDG_CACHE_HOME")
    usual = Path(xdg) / "dayshift" if xdg else Path(AppDirs("dayshift", appauthor=False).user_cache_dir)
    return [usual, *_temporary()]


def _temporary() -> list[Path]:
    """A temporary folder that nobody else may write to; none where there cannot be one."""
    user = getattr(os, "getuid", lambda: "user")()
    path = Path(tempfile.gettempdir()) / f"dayshift-{user}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        known = path.lstat()
    except OSError:
        return []
    alone = not path.is_symlink() and (os.name == "nt" or (known.st_uid == user and not known.st_mode & 0o077))
    return [path] if alone else []


@functools.lru_cache(maxsize=1)
def folder() -> Path | None:
    """Where this process keeps compiled kernels; None: nowhere, they are compiled in every process."""
    name = digest()
    for parent in parents() if name else []:
        path = parent / f"kernel-{name}"
        try:
            path.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
        except OSError:
            continue
        return path
    return None


class _Kept(FunctionCache):
    """Numba's cache of one function, whose files no other process writes to, and without which work goes on."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._cache_file._data_name_pattern = f"{self._impl.filename_base}.{{number:d}}-{_RUN}.nbc"

    def _save_overload(self, sig: Any, data: Any) -> None:
        try:
            super()._save_overload(sig, data)
        except OSError:  # a full disk or a folder taken away: the code is in memory, and that is enough
            return


def _kept(made: Any) -> Any:
    """A compiled function with its cache; `numba.config` is as the user left it before and after."""
    path = folder()
    if path is None or not hasattr(made, "enable_caching"):
        return made
    before = config.CACHE_DIR, getattr(config, "CACHE_LOCATOR_CLASSES", "")
    config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = str(path), ""
    try:
        made._cache = _Kept(made.py_func)
    except RuntimeError:  # no place for this function's file
        return made
    finally:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = before
    return made


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that may make arrays."""
    return _kept(_njit(nogil=True)(function))


def bare(function: Callable[..., Any]) -> Any:
    """Compile a function that owns no memory: its arrays are not reference-counted, which can take longer than the work."""
    return _kept(_njit(nogil=True, _nrt=False)(function))


def inner(function: Callable[..., Any]) -> Any:
    """Compile a bare function into its callers: for what is done for every row, where a call would cost more than the work."""
    return _kept(_njit(nogil=True, _nrt=False, forceinline=True)(function))


def _prefetch(context: Any, array: Any, at: Any) -> Any:
    """Tell the processor that the word at `at` of an array will soon be read. It changes nothing, and any place will do."""
    del context
    make: Any = cgutils
    ir, word, byte = make.ir, make.int32_t, make.voidptr_t

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(words.data, [arguments[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = make.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(function, [place, word(0), word(3), word(1)])  # to read, to be kept near, memory not code
        return context.get_dummy_value()

    return types.void(array, at), generate


prefetch: Any = intrinsic(_prefetch)


def _peek(context: Any, array: Any, at: Any) -> Any:
    """`array[at]` for a place that is not negative: what Python means by negative ones is not looked at, which counts
    where a row reads hundreds of words.
    """
    del context, at

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load(builder.gep(words.data, [arguments[1]]))

    return array.dtype(array, types.int64), generate


peek: Any = intrinsic(_peek)


def _words_at(context: Any, address: Any, size: Any) -> Any:
    """An array of int64 over memory that somebody else keeps, from its address and its number of words."""
    del context
    words, fill = types.Array(types.int64, 1, "C"), arrayobj.populate_array

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del signature
        made = context.make_array(words)(context, builder)
        data = builder.inttoptr(arguments[0], made.data.type)
        width = context.get_constant(types.intp, 8)
        fill(made, data=data, shape=[arguments[1]], strides=[width], itemsize=width, meminfo=None)
        return made._getvalue()

    return words(address, size), generate


words_at: Any = intrinsic(_words_at)
