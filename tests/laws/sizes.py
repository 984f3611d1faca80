"""Print how large the source is, beside the targets: `python -m tests.laws.sizes`."""

import statistics
from collections.abc import Sequence

from tests.laws.tree import ROOT, SOURCE, line_count, measure, python_files


def _spread(values: Sequence[int]) -> str:
    tenths = statistics.quantiles(values, n=10)
    return f"median {statistics.median(values):g}, p90 {tenths[-1]:g}, most {max(values)}"


def main() -> None:
    """Four lines: functions, files, parameters, and tests beside code."""
    source = python_files(SOURCE)
    measured = [one for path in source for one in measure(path)]
    code, tests = (sum(map(line_count, python_files(folder))) for folder in (SOURCE, ROOT / "tests"))
    print(f"lines of a function (target: median 7, p90 30): {_spread([one.lines for one in measured])}")
    print(f"lines of a file (target: median 150, p90 350): {_spread([line_count(path) for path in source])}")
    print(f"parameters of a function (target: p90 4): {_spread([one.parameters for one in measured])}")
    print(f"test lines per code line (target: 1.0 to 1.5): {tests / code:.2f} of {code:,}")


if __name__ == "__main__":
    main()
