"""`dayshift warmup`: the kernels compiled ahead of the first run."""

import time

from dayshift.cli.options import Json
from dayshift.cli.tables import emit


def warmup(as_json: Json = False) -> None:
    """Compile what the first run would have to compile; later runs, of any project, load it from the disk."""
    from dayshift.kernel.warm import warmup as compile_all

    started = time.perf_counter()
    compile_all()
    seconds = round(time.perf_counter() - started, 1)
    emit({"seconds": seconds}, [f"the kernels are compiled ({seconds} s)"], as_json=as_json)
