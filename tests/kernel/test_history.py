"""A history's answers depend on the log alone. (That they are right: tests/laws, against the reference.)"""

from dataclasses import replace

import numpy as np
import pytest

from dayshift.diagnostics import Refused
from dayshift.kernel import history, lanes
from dayshift.kernel.arrays import Events, Questions, Values
from dayshift.kernel.plan import compile_plan
from tests.kernel.drawn import SCALES, TAPS, differing, log, plan


@pytest.mark.parametrize("late", [0.0, 0.3])
def test_threads_and_chunks_change_no_bit(late: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread and one chunk, or three threads and chunks of 7 questions: the same bits."""
    made = plan("20us", None)
    drawn = log(made, 300, seed=1, late=late)
    whole = history.answer(made, *drawn, threads=1)
    monkeypatch.setattr(history, "CHUNK", 7)
    monkeypatch.setattr(lanes, "BLOCK", 20)
    assert differing(whole, history.answer(made, *drawn, threads=3)) == 0


def test_gaps_between_entities_change_nothing() -> None:
    """Entities are numbers of any size that fits; most may be absent."""
    made = plan("20us")
    events, questions = log(made, 200, seed=2)
    taps = events["taps"]
    wide = {key: np.where(entity >= 0, entity * 1000 + 7, -1) for key, entity in taps.entities.items()}
    asked = [np.where(entity >= 0, entity * 1000 + 7, -1) for entity in questions.entities]
    other = history.answer(made, {"taps": replace(taps, entities=wide)}, replace(questions, entities=asked))
    assert differing(history.answer(made, events, questions), other) == 0


def test_in_hindsight_the_order_of_arrival_is_nothing() -> None:
    """Where no two events share a time, shuffling arrivals changes no sum, extreme or pick."""
    made = compile_plan(
        [*TAPS.by("card").over("50us").sum("cents"), *TAPS.by("card").over("50us").last("cents")], SCALES
    )
    n, rng = 200, np.random.default_rng(3)
    time, entity, cents = np.arange(n) * 3, rng.integers(0, 4, n), rng.integers(-99, 99, n)
    asked = Questions(np.arange(50) * 12 + 1, np.arange(50) * 4, [rng.integers(0, 4, 50)] * len(made.series))

    def answers(order: np.ndarray) -> list[history.Answer]:
        events = Events(time[order], np.arange(n), {("card",): entity[order]}, {"cents": Values(cents[order])})
        return history.answer(made, {"taps": events}, asked, hindsight=True)

    assert differing(answers(np.arange(n)), answers(rng.permutation(n))) == 0


@pytest.mark.parametrize("times", [[0, 1, 2, 3], [0, 2, 1, 3]])
def test_a_sum_that_passes_64_bits_is_refused(times: list[int]) -> None:
    """Never wrapped, whether events came late or not; one below the limit is exact."""
    made = compile_plan(TAPS.by("card").over("9us").sum("n"), {})
    big = np.full(4, 2**62, np.int64)

    def ask(values: np.ndarray) -> int:
        columns = {"n": Values(values, np.ones(4, np.bool_))}
        events = Events(np.array(times), np.arange(4), {("card",): np.zeros(4, np.int64)}, columns)
        asked = Questions(np.array([5]), np.array([9]), [np.zeros(1, np.int64)])
        return int(history.answer(made, {"taps": events}, asked)[0].values[0])

    with pytest.raises(Refused, match="DS501"):
        ask(big)
    assert ask(np.array([2**62, 2**62, -(2**62), 2**62 - 1])) == 2**63 - 1


def test_no_events_and_no_questions_are_answered() -> None:
    """Empty sources give nulls and zeros; no questions give no rows."""
    made = plan("20us", None)
    events, questions = log(made, 0, seed=1)
    assert all(answer.values.size == 0 for answer in history.answer(made, events, questions))
    asked = Questions(np.array([5]), np.array([0]), [np.array([3])] * len(made.series))
    first, second, *_ = history.answer(made, events, asked)
    assert first.values.tolist() == [0]
    assert second.valid is not None
    assert second.valid.tolist() == [False]


def test_read_only_arrays_are_taken_as_they_are() -> None:
    """Arrow lends memory that may not be written; no kernel does, and none is compiled again."""
    made = plan("20us")
    events, questions = log(made, 50, seed=4)
    whole = history.answer(made, events, questions)
    for array in (events["taps"].time, events["taps"].position, questions.time):
        array.flags.writeable = False
    assert differing(whole, history.answer(made, events, questions)) == 0
