"""Arrays as the kernels want them: contiguous, of one type, not read-only; without a copy where that can be had."""

from typing import Any

import numpy as np

NO_INT = np.zeros(0, np.int64)
NO_WORDS = np.zeros(0, np.uint64)
NO_REAL = np.zeros(0, np.float64)
NO_MASK = np.zeros(0, np.bool_)


class _Lent:
    """Memory of an array that calls itself read-only, offered without saying so; keeps the array alive."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def flat(given: Any, dtype: Any = np.int64) -> Any:
    """A contiguous view, or a copy, of this type.

    Numba compiles a kernel anew for read-only arrays, such as those that Arrow lends; they get a second view that does
    not say so. No kernel writes to its inputs.

    >>> flat(np.arange(6, dtype=np.int32)[::2])
    array([0, 2, 4])
    """
    array = np.ascontiguousarray(given, dtype)
    if array.flags.writeable:
        return array
    return np.asarray(_Lent(array)) if array.size else np.zeros(0, dtype)
