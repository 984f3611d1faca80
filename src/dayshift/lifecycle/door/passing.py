"""One source of a live run through its door: what of a micro-batch is new, in the order of the log.

What is known of earlier events are their keys' hashes, in memory (`known.py`). A row whose hash is new is a new event. The
few others are compared with the rows that have that hash, in this micro-batch, in what is not in the lake yet, and in the lake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
import polars as pl

from dayshift.connectors.live import Arrived
from dayshift.connectors.plain_json import as_text
from dayshift.definition.settings import SourceSettings
from dayshift.definition.source import Source
from dayshift.diagnostics import Refused
from dayshift.engines.contract import POSITION
from dayshift.lifecycle.contract import KEY_HASH, Contract
from dayshift.lifecycle.door.drift import Drift
from dayshift.lifecycle.door.duplicates import Verdict, as_json, judge_keys, judge_unique
from dayshift.lifecycle.door.judging import HELD, NONE, Sorted, judged, torn
from dayshift.lifecycle.door.keys import hash_column, key_hash
from dayshift.lifecycle.door.known import KnownHashes, repeated

_NOTHING = pl.DataFrame(schema=HELD)
_FILE, _ROW, _WHOSE, _NUMBERS = "_file", "_row", "_whose", "_numbers"
Lookup = Callable[[pl.Expr], pl.DataFrame]
"""Gives the events of the source, taken so far, for which an expression is true, in the log's order."""


@dataclass(frozen=True)
class Passed:
    """What of a micro-batch passed: events in the log's order (without places) and their stamps; `whose` says which
    `Arrived` an event came in. By `Arrived`: rows held (`fresh` of them are not in quarantine yet), and the record numbers of
    duplicates and of what does not belong."""

    events: pl.DataFrame
    stamps: np.ndarray
    whose: np.ndarray
    held: list[pl.DataFrame]
    fresh: list[pl.DataFrame]
    duplicates: list[list[int]]
    filtered: list[list[int]]


class LiveSource:
    """The door of one source.

    Args:
        source, settings: whose rows, and how its section of dayshift.toml treats them.
        bits: the measured grids of its float columns.
        lookup: the events taken so far.
    """

    def __init__(self, source: Source, settings: SourceSettings, bits: dict[str, int], lookup: Lookup) -> None:
        self._source, self._settings, self._lookup = source, settings, lookup
        self._contract = Contract(source, settings.timezone, bits)
        self._drift = Drift(source, settings)
        self._keys = KnownHashes()
        alone = source.key_columns if len(source.key_columns) == 1 else ()
        names = [name for name, column in source.columns.items() if column.unique and name not in alone]
        self._unique = {name: KnownHashes() for name in names}
        self._raws: set[bytes] = set()

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """The float columns whose grid nobody has measured or declared."""
        return self._contract.unmeasured

    @property
    def unique_columns(self) -> tuple[str, ...]:
        """The columns, beside the key, whose values must be unique."""
        return tuple(self._unique)

    @property
    def coarse(self) -> dict[str, int]:
        """By float column, how many values the grid moved by more than a millionth of themselves."""
        return dict(self._contract.coarse)

    def learn(self, frame: pl.DataFrame) -> None:
        """Says that these events are known: `_key_hash`, and the unique columns."""
        self._keys.add(frame[KEY_HASH].to_numpy().view(np.uint64))
        for name, known in self._unique.items():
            if name in frame.columns:
                known.add(hash_column(frame[name].drop_nulls()))

    def learn_held(self, raws: Iterable[str | None]) -> None:
        """Says that rows with these raw texts are in quarantine already; 16 bytes of each are remembered."""
        self._raws.update(map(_digest, raws))

    def take(self, mine: Sequence[tuple[int, Arrived]]) -> Passed:
        """What of these passes, numbered as they came."""
        parts = [self._judged(one) for _, one in mine]
        pairs = [(part, one) for part, (_, one) in zip(parts, mine, strict=True)]
        plain = self._plainly(pairs)
        if plain is not None:
            return plain
        good = self._in_order(pairs)
        held = [pl.concat([torn(one.chunk), part.held]) for part, one in pairs]
        duplicates: list[list[int]] = [[] for _ in mine]
        if good.height:
            good, held, duplicates = self._without_repeats(good, held)
        events = good.drop(_WHOSE, _NUMBERS, POSITION)
        if events.height:
            self.learn(events)
        filtered = [part.filtered.to_list() for part in parts]
        fresh = [self._not_held_yet(frame) for frame in held]
        return Passed(events, good[POSITION].to_numpy(), good[_WHOSE].to_numpy(), held, fresh, duplicates, filtered)

    def _plainly(self, parts: Sequence[tuple[Sorted, Arrived]]) -> Passed | None:
        """What passes when there is nothing to tell apart: all rows are good and new, and their stamps order them. Else None."""
        if self._unique or any(
            part.held.height or one.chunk.rejects.height or one.stamps_us is None or not one.ordered
            for part, one in parts
        ):
            return None
        full = [(whose, part, one) for whose, (part, one) in enumerate(parts) if part.good.height]
        if not full or len({tuple(part.good.schema.items()) for _, part, _ in full}) > 1:
            return None
        stamps = _end_to_end([_stamps(part, one) for _, part, one in full])
        good = full[0][1].good if len(full) == 1 else pl.concat([part.good for _, part, _ in full])
        whose = np.repeat([number for number, _, _ in full], [part.good.height for _, part, _ in full])
        if (stamps[1:] < stamps[:-1]).any():
            order = np.argsort(stamps, kind="stable")
            good, stamps, whose = good[order], stamps[order], whose[order]
        keys = key_hash(good, self._source.key_columns)
        hashes = keys.to_numpy().view(np.uint64)
        if repeated(hashes).any() or self._keys.seen(hashes).any():
            return None
        self._keys.add(hashes)
        nothing = [_NOTHING] * len(parts)
        filtered = [part.filtered.to_list() for part, _ in parts]
        return Passed(good.hstack([keys]), stamps, whose, nothing, nothing, [[] for _ in parts], filtered)

    def _judged(self, one: Arrived) -> Sorted:
        if not one.chunk.frame.height:
            nothing = self._contract.judge(pl.DataFrame()).good.clear()
            return Sorted(nothing, NONE, NONE, pl.DataFrame(schema=HELD))
        try:
            return judged(one.chunk, self._contract, self._drift, self._settings)
        except Refused as error:
            return self._held_whole(replace(one, chunk=as_text(one.chunk)), error)

    def _held_whole(self, one: Arrived, error: Refused) -> Sorted:
        """A chunk that a load would stop at: its columns are others. Its rows are held; one by one where they differ."""
        chunk = one.chunk
        problem = error.problems[0]
        raw = [as_json(row) for row in chunk.frame.iter_rows(named=True)]
        reasons = {"code": [problem.code] * len(raw), "reason": [problem.message] * len(raw), "raw": raw}
        held = pl.DataFrame({"row": chunk.rows, **reasons}, schema=HELD)
        strange = self._undeclared(chunk.frame)
        odd = (
            chunk.frame.select(pl.any_horizontal(pl.col(name).is_not_null() for name in strange)).to_series()
            if strange
            else None
        )
        if problem.code != "DS361" or odd is None or odd.all():
            return Sorted(self._contract.judge(pl.DataFrame()).good.clear(), NONE, NONE, held)
        rest = type(chunk)(
            chunk.frame.filter(~odd).drop(strange), chunk.origin, chunk.rows.filter(~odd), sparse=chunk.sparse
        )
        found = judged(rest, self._contract, self._drift, self._settings)
        at = (~odd).arg_true().cast(pl.Int64).gather(found.at)
        return Sorted(found.good, at, found.numbers, pl.concat([held.filter(odd), found.held]), found.filtered)

    def _undeclared(self, frame: pl.DataFrame) -> list[str]:
        declared = {*self._source.columns, *self._drift.read_by_user, *self._settings.rename}
        return [name for name in frame.columns if name not in declared]

    def _in_order(self, parts: Sequence[tuple[Sorted, Arrived]]) -> pl.DataFrame:
        """The good rows of all parts in the log's order, with `_position` (their stamps so far) and `_key_hash`."""
        frames = []
        for whose, (part, one) in enumerate(parts):
            placed = self._contract.place(part.good)
            if one.stamps_us is not None:
                placed = placed.with_columns_seq(pl.Series(POSITION, one.stamps_us[part.at.to_numpy()], dtype=pl.Int64))
            frames.append(placed.with_columns_seq(pl.lit(whose, pl.Int64).alias(_WHOSE), part.numbers.alias(_NUMBERS)))
        rows = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")
        by = (
            [POSITION]
            if all(one.ordered for _, one in parts)
            else [POSITION, self._source.time, *self._source.key_columns]
        )
        if len(by) == 1 and rows[POSITION].is_sorted():
            return rows
        return rows.sort(by, maintain_order=True)

    def _without_repeats(
        self, good: pl.DataFrame, held: list[pl.DataFrame]
    ) -> tuple[pl.DataFrame, list[pl.DataFrame], list[list[int]]]:
        """The rows that are new events; by `Arrived`, what is held, contradictions too, and the numbers of duplicates."""
        gone, verdict = np.zeros(good.height, np.bool_), Verdict()
        hashes = good[KEY_HASH].to_numpy().view(np.uint64)
        self._look(good, self._keys.seen(hashes) | repeated(hashes), (KEY_HASH, None), (gone, verdict))
        for name, known in self._unique.items():
            values = hash_column(good[name])
            doubtful = (known.seen(values) | repeated(values)) & good[name].is_not_null().to_numpy() & ~gone
            self._look(good, doubtful, (name, name), (gone, verdict))
        if not gone.any():
            return good, held, [[] for _ in held]
        same = pl.concat([part["row"] for part in verdict.duplicates] or [pl.Series("row", [], dtype=pl.UInt32)])
        told = good[same].select(_WHOSE, _NUMBERS)
        numbers = [told.filter(pl.col(_WHOSE) == whose)[_NUMBERS].sort().to_list() for whose in range(len(held))]
        return good.filter(pl.Series(~gone)), _with_conflicts(held, verdict.conflicting(), good), numbers

    def _look(
        self, good: pl.DataFrame, doubtful: np.ndarray, by: tuple[str, str | None], into: tuple[np.ndarray, Verdict]
    ) -> None:
        """Compares doubtful rows with the events that have the same in a column; `by`: that column, and whether it is one
        whose values must be unique, else it is the key's hash."""
        (column, unique), (gone, verdict) = by, into
        if not doubtful.any():
            return
        wanted = good[column].filter(pl.Series(doubtful)).unique()
        self._compare(good, doubtful, pl.col(column).is_in(wanted.implode()), verdict, unique)
        gone[verdict.gone()["row"].to_numpy()] = True

    def _compare(
        self, good: pl.DataFrame, doubtful: np.ndarray, wanted: pl.Expr, verdict: Verdict, unique: str | None = None
    ) -> None:
        """Looks at the doubtful rows beside the known ones that they may repeat."""
        minus = pl.lit(-1, pl.Int64)
        known = self._lookup(wanted).with_columns_seq(minus.alias(_FILE), minus.alias(_ROW))
        rows = good.with_columns_seq(
            pl.lit(0, pl.Int64).alias(_FILE), pl.int_range(pl.len(), dtype=pl.Int64).alias(_ROW)
        )
        mine = rows.filter(pl.Series(doubtful)).drop(_WHOSE, _NUMBERS)
        both = pl.concat([known, mine], how="diagonal_relaxed")
        if unique is None:
            judge_keys(self._source, both, verdict)
        else:
            judge_unique(self._source, unique, both, verdict)

    def _not_held_yet(self, frame: pl.DataFrame) -> pl.DataFrame:
        if not frame.height:
            return frame
        kept = []
        for raw in frame["raw"]:
            digest = _digest(raw)
            kept.append(digest not in self._raws)
            self._raws.add(digest)
        return frame.filter(pl.Series(kept))


def _stamps(part: Sorted, one: Arrived) -> np.ndarray:
    assert one.stamps_us is not None
    whole = part.good.height == one.stamps_us.size
    return one.stamps_us if whole else one.stamps_us[part.at.to_numpy()]


def _end_to_end(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _with_conflicts(held: list[pl.DataFrame], conflicts: pl.DataFrame, good: pl.DataFrame) -> list[pl.DataFrame]:
    if not conflicts.height:
        return held
    at = conflicts["row"].cast(pl.Int64)
    told = conflicts.with_columns_seq(good[_NUMBERS].gather(at).alias("row"), good[_WHOSE].gather(at).alias(_WHOSE))
    return [pl.concat([frame, told.filter(pl.col(_WHOSE) == whose).select(*HELD)]) for whose, frame in enumerate(held)]


def _digest(raw: str | None) -> bytes:
    return blake2b((raw or "").encode(), digest_size=16).digest()
