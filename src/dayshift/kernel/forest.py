"""Sums over the trees of a gradient boosting, for rows by the hundred: no call for each tree, and several rows at once.

A node is a feature, a threshold and two children; a row goes left where its value is at most the threshold, or is missing and the
node says left. A leaf is its own two children: a row has arrived when a step leaves it where it was, and no step has to choose.
"""

from typing import Any, NamedTuple

import numpy as np

from dayshift.kernel.jit import bare, inner


class Trees(NamedTuple):
    """By node: its feature, its threshold, its two children, whether a missing value goes left, and a leaf's value. By tree:
    its root."""

    feature: Any
    threshold: Any
    children: Any
    left_missing: Any
    value: Any
    roots: Any


@bare
def add(trees: Any, table: Any, sums: Any) -> Any:
    """Adds to each row's sum what the trees say of it, one tree after the other: `sums[row] += value`."""
    rows = table.shape[0]
    for tree in range(trees.roots.size):
        root, row = trees.roots[tree], 0
        while row + 4 <= rows:
            a, b, c, d = _leaves(trees, table, row, root)
            sums[row] += trees.value[a]
            sums[row + 1] += trees.value[b]
            sums[row + 2] += trees.value[c]
            sums[row + 3] += trees.value[d]
            row += 4
        while row < rows:
            node, before = _step(trees, table, row, root), root
            while node != before:
                node, before = _step(trees, table, row, node), node
            sums[row] += trees.value[node]
            row += 1
    return rows


@inner
def _leaves(trees: Any, table: Any, row: Any, root: Any) -> Any:
    """The leaves in which four rows end: a step of one does not wait for another's, so that they are on their way together."""
    a, b, c, d = root, root, root, root
    while True:
        e = _step(trees, table, row, a)
        f = _step(trees, table, row + 1, b)
        g = _step(trees, table, row + 2, c)
        h = _step(trees, table, row + 3, d)
        if e == a and f == b and g == c and h == d:
            return a, b, c, d
        a, b, c, d = e, f, g, h


@inner
def _step(trees: Any, table: Any, row: Any, node: Any) -> Any:
    x = table[row, trees.feature[node]]
    left = np.int64(x <= trees.threshold[node]) | (np.int64(x != x) & trees.left_missing[node])  # noqa: PLR0124
    return trees.children[2 * node + 1 - left]
