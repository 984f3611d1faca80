"""The same numbers event by event: a state that takes micro-batches of any size and can be saved and continued.

The log's order is the only order: each row is asked first and entered then, so that where a micro-batch ends cannot
change an answer. The state keeps what windows can still see, and no more (`rings.py`); a question that reaches below that
is never given a smaller value but flagged in `unanswerable`, for the caller to answer from the log.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dayshift.diagnostics import Bug, Refused
from dayshift.kernel import asks, folds, numbers, steps
from dayshift.kernel import layout as lay
from dayshift.kernel.ahead import LINE
from dayshift.kernel.arrays import Answer, Events, Questions
from dayshift.kernel.finish import finish
from dayshift.kernel.layout import Tape
from dayshift.kernel.plan import Plan, Slot
from dayshift.kernel.saving import HINT, Copied, Rooms, unseal
from dayshift.kernel.slots import MODES, NULLABLE_NOT, refuse_squares, refuse_sum
from dayshift.kernel.tape import write_tape

_WORDS_AT_FIRST = 4096
HOUR_US = 3_600_000_000


class State:
    """What a plan's windows can still see of the log so far.

    Args:
        plan: from `compile_plan`.
        slack_us: how far a question's as_of may lie before the latest one and still be answered from the state, in
            microseconds; None: an eighth of the plan's longest reach, an hour at least.

    `unanswerable` is a mask over the questions of the last `advance`: their values are not valid, whatever `Answer.valid`
    says, and must come from the log (`history.answer`).
    """

    def __init__(self, plan: Plan, *, slack_us: int | None = None) -> None:
        self._follow(plan)
        self._rooms = Rooms()
        reach = max((max(span.width, 0) + span.delay for span in plan.spans), default=0)
        self._keep(self._tables.words)
        self._memory[lay.SLACK] = max(reach // 8, HOUR_US) if slack_us is None else slack_us
        self.unanswerable: Any = np.zeros(0, np.bool_)
        self._spoiled = False

    def _follow(self, plan: Plan) -> None:
        self.plan = plan
        self._tables = tables = lay.lay_out(plan)
        self._deviations = [number for number, part in enumerate(tables.parts) if part >= 0]
        self._lines = [
            (lines, slot.fractional, slot.aggregate not in NULLABLE_NOT)
            for slot, lines in zip(plan.slots, tables.lines, strict=True)
        ]

    @property
    def held(self) -> int:
        """How many events the rings hold now, each counted once a lane."""
        return int(sum(self._memory[record + lay.HELD] for record in self._tables.records))

    @property
    def bytes_used(self) -> int:
        """The size of the memory in use, in bytes."""
        return int(self._memory[lay.NEXT]) * 8

    @property
    def tape(self) -> Tape:
        """The form of the rows that `run` takes."""
        return self._tables.tape

    @property
    def memory(self) -> tuple[Any, Any]:
        """The state's words, as integers and as doubles: what `steps.run` works on."""
        return self._memory, self._real

    def advance(self, events: Mapping[str, Events], questions: Questions) -> list[Answer]:
        """Take the next stretch of the log; answer its questions as `history.answer` would from the whole log.

        Args:
            events: by source, the next of each, in log order; a source may be absent.
            questions: in log order, with `own` relating to these events.

        Raises:
            Refused: DS501, DS502: a sum of integers is no int64, or a window's squares may pass 128 bits. The state is then of no more use.
        """
        tape = write_tape(self.plan, self._tables.tape, events, questions)
        return self._finish(self.run(tape, questions.time.size))

    def run(self, tape: Any, asked: int) -> Any:
        """Take rows as `tape.write_tape` makes them; the answers as `steps.run` gives them, a row a question."""
        if self._spoiled:
            raise Bug("DS503", "the state was left by an error and cannot go on", hint="restore it from what was saved")
        out = np.empty((asked, int(self._memory[lay.WIDTH])), np.int64)
        done = steps.run(self._memory, self._real, tape, 0, out)
        while done < tape.shape[0]:
            if self._memory[lay.FAULT]:
                self._refuse()
            self._keep(self._memory, int(self._memory[lay.NEED]))
            done = steps.run(self._memory, self._real, tape, done, out)
        return out

    def _keep(self, words: Any, need: int = 0) -> None:
        """Copy the used words into a memory twice as large, with room for `need` more at least, that begins with a cache line."""
        used = int(words[lay.NEXT])
        free = np.zeros(max(2 * used, used + need) + _WORDS_AT_FIRST, np.int64)
        self._memory = free[-(free.ctypes.data // 8) % LINE :]
        self._memory[:used] = words[:used]
        self._real = self._memory.view(np.float64)

    def _refuse(self) -> None:
        self._spoiled = True
        line = int(self._memory[int(self._memory[lay.FAULT]) + lay.K_OUT])
        slot = next(s for s, lines in zip(self.plan.slots, self._tables.lines, strict=True) if line in lines)
        if int(self._memory[lay.NEED]) == asks.PASSED_SUM:
            refuse_sum(slot)
        refuse_squares(slot)

    def _finish(self, out: Any) -> list[Answer]:
        outputs = self._tables.outputs
        whole = np.ascontiguousarray(out.T[:outputs])
        real = whole.view(np.float64)
        valid = np.ascontiguousarray(out.T[outputs : 2 * outputs + 1]) != 0
        self.unanswerable = valid[outputs]
        for number in self._deviations:
            self._settle(self.plan.slots[number], number, real[self._tables.lines[number][0]], out)
        values, there = (list(whole), list(real)), list(valid)
        answers = [
            [Answer(values[fractional][line], there[line] if nullable else None) for line in lines]
            for lines, fractional, nullable in self._lines
        ]
        return finish(self.plan, answers)

    def _settle(self, slot: Slot, number: int, real: Any, out: Any) -> None:
        """Variances that pass 128 bits on the way, in Python's integers."""
        state = self._tables.outputs + self._tables.lines[number][0]
        mode, parts = MODES[slot.aggregate], self._tables.parts[number]
        for q in np.flatnonzero(out[:, state] == 2):
            n, *total, high, low = (int(word) for word in out[q, parts : parts + 5])
            square = ((high % 2**64) << 64) | (low % 2**64)
            value = numbers.exact_variance(n, numbers.signed(*total), square, slot.scale, bool(mode & folds.SAMPLE))
            real[q] = math.sqrt(value) if mode & folds.ROOT else value

    def save(self) -> bytes:
        """Everything, as bytes that only a state of the same plan can be restored from."""
        return b"".join(self.snapshot()())

    def snapshot(self) -> Callable[[], list[bytes]]:
        """The parts of what `save` gives now, to be made later and on any thread: only the words are copied at once."""
        return Copied(self.plan, self._memory[: self._used()], self._rooms, self._used)

    def reserve(self) -> None:
        """Make room for a snapshot beforehand, so that the first one takes no longer than others."""
        self._rooms.reserve(self._used())

    def _used(self) -> int:
        return int(self._memory[lay.NEXT])

    def rescale(self, plan: Plan) -> None:
        """Follow a plan that differs in scales only, of columns of which nothing has been taken yet.

        Raises:
            Bug: DS503, it differs in more.
        """
        words = lay.lay_out(plan).words
        tables = _tables(words)
        if words.size != self._tables.words.size or tables != _tables(self._tables.words):
            raise Bug("DS503", "a state can follow another plan only where nothing but scales differs")
        self._memory[tables] = words[tables]
        self._follow(plan)

    @classmethod
    def restore(cls, plan: Plan, saved: bytes | memoryview) -> "State":
        """The state that was saved.

        Raises:
            Refused: DS510, the bytes are damaged or of another version; DS511, they belong to other features.
        """
        memory = unseal(plan, saved)
        state = cls(plan)
        tables = _tables(state._tables.words)
        if memory.size < tables.stop or not np.array_equal(memory[tables], state._tables.words[tables]):
            raise Refused("DS510", "the saved state is of another layout", hint=HINT)
        state._keep(memory)
        return state


def _tables(words: Any) -> slice:
    """The words that a plan alone decides."""
    return slice(lay.LANES, int(words[lay.ROW]))
