"""The same numbers event by event: a state that takes micro-batches of any size and can be saved and continued.

The log's order is the only order: each row is asked first and entered then, so that where a micro-batch ends cannot
change an answer. The state keeps what windows can still see, and no more (`rings.py`); a question that reaches below that
is never given a smaller value but flagged in `unanswerable`, for the caller to answer from the log.
"""

import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from dayshift.diagnostics import Bug, Refused
from dayshift.kernel import asks, folds, numbers
from dayshift.kernel import layout as lay
from dayshift.kernel.arrays import Answer, Events, Questions
from dayshift.kernel.finish import finish
from dayshift.kernel.lanes import DEVIATING
from dayshift.kernel.plan import Plan
from dayshift.kernel.slots import MODES, NULLABLE_NOT, refuse_squares, refuse_sum
from dayshift.kernel.tape import write_tape

MAGIC = b"DAYSHIFT-STATE"
VERSION = 1
_HEAD = struct.Struct("<14sH32s32sq")
_WORDS_AT_FIRST = 4096


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
        self.plan = plan
        self._tables = lay.lay_out(plan)
        tables = self._tables
        self._args = (tables.lanes, tables.spans, tables.slots, tables.columns, tables.reals)
        self._memory: Any = np.zeros(tables.first_free + _WORDS_AT_FIRST, np.int64)
        self._memory[lay.NEXT] = tables.first_free
        self._memory[lay.CLOCK] = -(2**62)
        reach = int(tables.lanes[:, lay.L_HORIZON].max(initial=0))
        self._memory[lay.SLACK] = max(reach // 8, 3_600_000_000) if slack_us is None else slack_us
        for lane in tables.lanes:
            self._memory[lane[lay.L_RECORD] + lay.FLOOR] = lay.NEVER
        self.unanswerable: Any = np.zeros(0, np.bool_)
        self._spoiled = False

    @property
    def held(self) -> int:
        """How many events the rings hold now, each counted once a lane."""
        return int(sum(self._memory[lane[lay.L_RECORD] + lay.HELD] for lane in self._tables.lanes))

    @property
    def bytes_used(self) -> int:
        """The size of the memory in use, in bytes."""
        return int(self._memory[lay.NEXT]) * 8

    def advance(self, events: Mapping[str, Events], questions: Questions) -> list[Answer]:
        """Take the next stretch of the log; answer its questions as `history.answer` would from the whole log.

        Args:
            events: by source, the next of each, in log order; a source may be absent.
            questions: in log order, with `own` relating to these events.

        Raises:
            Refused: DS501, DS502: a window's sum or sum of squares passes its bits. The state is then of no more use.
        """
        tape = write_tape(self.plan, self._tables.tape, events, questions)
        return self._finish(self._run(tape, questions.time.size))

    def _run(self, tape: Any, asked: int) -> tuple[Any, ...]:
        if self._spoiled:
            raise Bug("DS503", "the state was left by an error and cannot go on", hint="restore it from what was saved")
        whole = np.zeros((self._tables.outputs, asked), np.int64)
        valid = np.zeros((self._tables.outputs, asked), np.uint8)
        parts = np.zeros((self._tables.parts, asked, 5), np.uint64)
        flags = np.zeros(asked, np.bool_)
        out = (whole, whole.view(np.float64), valid, flags, parts)
        done = asks.run(self._memory, self._args, tape, 0, out)
        while done < tape.shape[0]:
            if self._memory[lay.FAULT]:
                self._refuse()
            self._grow()
            done = asks.run(self._memory, self._args, tape, done, out)
        self.unanswerable = flags
        return out

    def _grow(self) -> None:
        memory = self._memory
        size = max(2 * memory.size, int(memory[lay.NEXT] + memory[lay.NEED]) + _WORDS_AT_FIRST)
        self._memory = np.zeros(size, np.int64)
        self._memory[: memory.size] = memory

    def _refuse(self) -> None:
        self._spoiled = True
        number, kind = int(self._memory[lay.FAULT]) - 1, int(self._memory[lay.NEED])
        first = int(self._tables.slots[number, lay.K_OUT])
        slot = next(s for s, lines in zip(self.plan.slots, self._tables.slot_outputs, strict=True) if lines[0] == first)
        if kind == 2:
            refuse_sum(slot)
        refuse_squares(slot)

    def _finish(self, out: tuple[Any, ...]) -> list[Answer]:
        whole, real, valid, _, parts = out
        answers = []
        for slot, lines in zip(self.plan.slots, self._tables.slot_outputs, strict=True):
            if slot.aggregate in DEVIATING:
                self._settle(slot, (real[lines[0]], valid[lines[0]]), parts)
            values = real if slot.fractional else whole
            masks: Any = None if slot.aggregate in NULLABLE_NOT else valid.view(np.bool_)
            answers.append([Answer(values[line], None if masks is None else masks[line]) for line in lines])
        return finish(self.plan, answers)

    def _settle(self, slot: Any, target: tuple[Any, Any], parts: Any) -> None:
        """Variances that pass 128 bits on the way, in Python's integers."""
        real, valid = target
        undone = np.flatnonzero(valid == 2)
        if undone.size == 0:
            return
        number = self._tables.slot_outputs[self.plan.slots.index(slot)][0]
        row = self._tables.slots[self._tables.slots[:, lay.K_OUT] == number][0]
        mode = MODES[slot.aggregate]
        for q in undone:
            n, _, total, high, low = (int(word) for word in parts[row[lay.K_PARTS], q])
            total -= (total >> 63) << 64
            value = numbers.exact_variance(n, total, (high << 64) | low, slot.scale, bool(mode & folds.SAMPLE))
            real[q], valid[q] = (np.sqrt(value) if mode & folds.ROOT else value), 1

    def save(self) -> bytes:
        """Everything, as bytes that only a state of the same plan can be restored from."""
        body: bytes = self._memory[: int(self._memory[lay.NEXT])].astype("<i8", copy=False).tobytes()
        digest = hashlib.blake2b(body, digest_size=32).digest()
        return _HEAD.pack(MAGIC, VERSION, self.plan.fingerprint.encode(), digest, len(body)) + body

    @classmethod
    def restore(cls, plan: Plan, saved: bytes) -> "State":
        """The state that was saved.

        Raises:
            Refused: DS510, the bytes are damaged or of another version; DS511, they belong to other features.
        """
        body = _unseal(plan, saved)
        state = cls(plan)
        memory = np.frombuffer(body, "<i8")
        state._memory = np.zeros(memory.size + _WORDS_AT_FIRST, np.int64)
        state._memory[: memory.size] = memory
        return state


def _unseal(plan: Plan, saved: bytes) -> bytes:
    hint = "rebuild the state from the log"
    if len(saved) < _HEAD.size:
        raise Refused("DS510", f"the saved state is cut short: {len(saved)} bytes", hint=hint)
    magic, version, fingerprint, digest, size = _HEAD.unpack_from(saved)
    body = saved[_HEAD.size :]
    if magic != MAGIC or version != VERSION:
        raise Refused(
            "DS510", "the saved state is of another kind or version", facts=(f"this version is {VERSION}",), hint=hint
        )
    if len(body) != size or hashlib.blake2b(body, digest_size=32).digest() != digest:
        raise Refused("DS510", "the saved state is damaged: its digest is another", hint=hint)
    if fingerprint.decode("ascii", "replace") != plan.fingerprint:
        raise Refused(
            "DS511",
            "the saved state belongs to other features",
            facts=(
                f"it has fingerprint {fingerprint.decode('ascii', 'replace')}",
                f"the features have {plan.fingerprint}",
            ),
            hint=hint,
        )
    return body
