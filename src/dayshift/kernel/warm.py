"""Compile every kernel ahead of time, or load it from the cache on disk."""

import numpy as np

from dayshift.definition import Column, Source, WindowFeature, optional
from dayshift.kernel import forest, hashes, history, json_objects
from dayshift.kernel.arrays import Events, Int64, Questions, Values
from dayshift.kernel.integers import Integers
from dayshift.kernel.plan import Plan, compile_plan
from dayshift.kernel.stream import State


def warmup() -> None:
    """Run every kernel once, on a handful of events: late ones, nulls and ties among them. The first time takes
    some thirty seconds; what was compiled is kept on disk (see `jit.py`).
    """
    _set_of_hashes()
    plan = compile_plan(_features(), {("warm", "x"): 4})
    for time in (np.arange(8), np.array([0, 3, 1, 1, 5, 2, 9, 4])):
        for hindsight in (False, True):
            history.answer(plan, *_log(plan, time.astype(np.int64)), hindsight=hindsight, threads=1)
        state = State(plan)
        state.advance(*_log(plan, time.astype(np.int64)))
        State.restore(plan, state.save())
    _plain_objects()
    _trees()
    known = Integers()
    known.codes(known.learn(np.arange(8)))


def _set_of_hashes() -> None:
    words, some, found = np.full(4, hashes.GAP), np.arange(1), np.empty(1, np.bool_)
    pieces = np.array([[words.ctypes.data, words.size, 2, 0, 1]] * hashes.PIECES)
    hashes.enter(pieces, some, 0)
    hashes.find(pieces, some, found)
    hashes.repeat(some, np.zeros(2, np.int32), found)
    hashes.merge(words, some[:0], 2, np.empty(4, np.int64))


def _plain_objects() -> None:
    text, one = np.frombuffer(b'{"k": 1}', np.uint8), np.array([1])
    names = json_objects.Names(
        np.frombuffer(b"k", np.uint8), one, one, np.zeros(1, np.int64), np.zeros(1, np.int64), True
    )
    out = json_objects.Out(np.empty((1, 1), np.int64), np.empty((1, 1), np.int64), np.zeros((1, 1), np.uint8))
    json_objects.read(text, np.array([0]), np.array([text.size]), names, out)


def _trees() -> None:
    leaf = np.zeros(1, np.int64)
    trees = forest.Trees(leaf, np.array([np.inf]), np.zeros(2, np.int64), leaf, np.ones(1), leaf)
    forest.add(trees, np.zeros((1, 1)), np.zeros(1))


def _features() -> list[WindowFeature]:
    source = Source("warm", time="at", key="id", schema={"k": int, "x": Column(float), "y": optional(int)})
    features: list[WindowFeature] = []
    for windows in (source.by("k").over("4us", including_self=True), source.by("k").over("2us", closed="right")):
        features += [*windows.count(), *windows.time_since_last(), *windows.mean("y"), *windows.last_n("y", 2)]
        features += [*windows.sum("x"), *windows.std("x"), *windows.min("x"), *windows.max("x"), *windows.first("x")]
        features += [*windows.distinct_count("y", exact_up_to=1), *windows.quantile("x", 0.5)]
    return features


def _log(plan: Plan, time: Int64) -> tuple[dict[str, Events], Questions]:
    n = time.size
    position, entity = np.arange(n, dtype=np.int64), np.arange(n, dtype=np.int64) % 2
    columns = {"x": Values(position * 3), "y": Values(position, position % 3 > 0)}
    events = Events(time, position, {("k",): entity}, columns)
    return {"warm": events}, Questions(time, position, [entity for _ in plan.series], position)
