"""How kernels are compiled: once, kept on disk, and without the interpreter's lock.

Numba keeps compiled code beside the module, or in the user's cache folder where that cannot be written.
"""

from typing import Any

from numba import njit

_njit: Any = njit

kernel = _njit(cache=True, nogil=True)
"""For functions that may make arrays."""

bare = _njit(cache=True, nogil=True, _nrt=False)
"""For functions that own no memory: their arrays are not reference-counted, which can take longer than the work."""
