"""The fast meaning: every window of every question, from flat arrays, exactly.

    plan.py       features become tables of integers that fixed kernels follow
    history.py    all questions at once: sort by entity, then two pointers over prefix sums
    stream.py     the same numbers event by event, from a state that can be saved and restored
    finish.py     relations between windows, and fills
    integers.py   integers to dense numbers, some at a time
    hashes.py     a set of hashes that grows piece by piece
    json_objects.py  JSON objects of plain values into columns
    forest.py     the trees of a gradient boosting, for rows by the hundred

Nothing here knows of tables, texts or sources' files (`arrays.py`). The kernels are compiled by Numba once and cached
on disk; `warm.warmup()` does that ahead of time. Importing this package imports nothing heavy; its modules do.
"""
