"""An advice on one screen: the verdict first, then one line of evidence for each factor."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from dayshift.adviser import say
from dayshift.adviser.evidence import UNDECIDED, Advice, Part, Suspicion
from dayshift.cli.tables import Table, table

WIDTH = 110
NOTES = 5
_TOGETHER = re.compile(r"(?<=\d) (?=%)|(?<=,) (?=[+\-\d.,]+\])")
"""Where no line ends: a number and its unit, the ends of an interval."""
_REASONS = re.compile(rf"{say.NOT_ENOUGH}: ([^()]*(?:\([^()]*\)[^()]*)*)")
_MARKS = {"needed": "●", "not needed": "○", "undecided": "?"}
_PLAIN_MARKS = {"needed": "+", "not needed": "-", "undecided": "?"}


def advice_tables(advice: Advice, page: Path | None = None) -> list[Table | str]:
    """What a person reads first; the rest stands in the page.

    >>> print(advice_tables(Advice(pipeline="fraud", at=0, headline="Wait"))[0])
    fraud: Wait
    """
    made: list[Table | str] = []
    told = set() if advice.come_back else set(advice.reasons)  # these stand in the headline
    if not advice.complete:
        made.append(_wrapped(f"Stopped before its end; missing: {', '.join(advice.unfinished) or 'the last replays'}."))
    beware = _skill(advice) if advice.skill is not None else ()
    made.append("\n".join([_wrapped(f"{advice.pipeline}: {advice.headline}"), *beware]))
    if advice.stopped_by:
        return [*made, "\n".join(_leaks(advice.stopped_by))]
    if advice.parts:
        priced = any(part.price for part in advice.parts)
        unit = f" in {advice.skill.metric}" if advice.skill else ""
        net = f"net {advice.how.get('currency', '')} a month".replace("  ", " ")
        head = ("", "capability", "verdict", f"gain{unit}", "95 % interval", *((net,) if priced else ()))
        made.append(table("", head, [_part(part, priced) for part in advice.parts]))
    if advice.factors:
        made.append("\n".join(_factors(advice, told)))
    made += _closing(advice, told)
    return made + ([f"report: {page}"] if page else [])


def _leaks(found: Sequence[Suspicion]) -> Iterable[str]:
    for each in found:
        yield _wrapped(f"'{each.column}' ({each.kind}): {each.says}.")
        yield _wrapped(f"hint: {each.hint}")
    names = ", ".join(f'"{name}"' for name in dict.fromkeys(each.column for each in found))
    yield f"If it is as it should be, say so in dayshift.toml:\n\n  [advise]\n  trusted = [{names}]"


def _factors(advice: Advice, told: set[str]) -> Iterable[str]:
    """A line for each; why the evidence is not enough is said once, whatever was `told` before."""
    for number, each in enumerate(advice.factors, 1):
        said = _once(each.evidence, told)
        yield _wrapped(f"{number}. {each.title}: {each.verdict}. {said[:1].upper()}{said[1:]}.", "   ")


def _once(evidence: str, told: set[str]) -> str:
    """The evidence without reasons that were told before; those it tells are told from now on."""

    def left(found: re.Match[str]) -> str:
        reasons = found[1].split("; ")
        fresh = [reason for reason in reasons if reason not in told]
        told.update(reasons)
        return f"{say.NOT_ENOUGH}: {'; '.join(fresh)}" if fresh else f"{say.NOT_ENOUGH}, as above"

    return _REASONS.sub(left, evidence)


def _part(part: Part, priced: bool) -> list[object]:
    found = part.gain
    marked = f"{part.verdict} (cheap insurance)" if part.insurance else part.verdict
    if part.verdict == "needed" and part.operable is False:
        marked += " (not operable yet)"
    row: list[object] = [_mark(part.verdict), part.name, marked]
    row += (
        ["", ""] if found is None else [say.number(found.mean), f"[{say.number(found.low)}, {say.number(found.high)}]"]
    )
    if priced:
        net = part.price.net if part.price else None
        row.append("" if net is None else f"{net[1]:,.0f} [{net[0]:,.0f}, {net[2]:,.0f}]")
    return row


def _mark(verdict: str) -> str:
    encoding = (sys.stdout.encoding or "ascii").lower()
    return _MARKS[verdict] if "utf" in encoding else _PLAIN_MARKS[verdict]


def _closing(advice: Advice, told: set[str]) -> list[Table | str]:
    lines = [_wrapped(f"Design: {advice.design}.")] if advice.design else []
    lines += [_wrapped(f"{'First' if at == 0 else 'Then'}: {step}.") for at, step in enumerate(advice.path)]
    lines += _open(advice.parts, told)
    notes = (*advice.contradictions[:2], *advice.notes)
    lines += [_wrapped(f"Note: {note.rstrip('.')}.") for note in notes[:NOTES]]
    if len(notes) > NOTES:
        lines.append(f"Note: {len(notes) - NOTES} more in the report.")
    if any(str(note).startswith("the time was over") for note in _noted(advice)):
        lines.append(
            _wrapped("Note: the time was over before all was replayed; with `--seconds 300` it goes on from here.")
        )
    if advice.assumptions:
        lines.append(_wrapped(f"Assumed: {'; '.join(advice.assumptions[:3])}."))
    return ["\n".join(lines)] if lines else []


def _noted(advice: Advice) -> Sequence[object]:
    found = advice.how.get("notes", ())
    return found if isinstance(found, list | tuple) else ()


def _open(parts: Iterable[Part], told: set[str]) -> Iterable[str]:
    """What would settle what is undecided, but for reasons that were told already."""
    names: dict[str, list[str]] = {}
    for part in parts:
        if part.verdict != UNDECIDED:
            continue
        lacking = _REASONS.search(part.evidence)
        change = part.changes if lacking is None else _once(lacking[0], told)
        if not change.endswith("as above"):
            names.setdefault(change, []).append(part.name)
    if names:
        each = [f"{' and '.join(those)}, {change}" for change, those in names.items()]
        yield _wrapped(f"Open: {'; '.join(each)}.")


def _skill(advice: Advice) -> Iterable[str]:
    skill = advice.skill
    assert skill is not None
    sign = 1 if skill.larger_is_better else -1
    better = [name for name, value in skill.naive.items() if sign * (value - skill.value) > 0]
    if better:
        yield _wrapped(
            f"Beware: {' and '.join(repr(name) for name in better)}, which costs nothing, reaches "
            f"{', '.join(say.number(skill.naive[name], sign=False) for name in better)} {skill.metric}; the model "
            f"{say.number(skill.value, sign=False)}."
        )
    beaten = [name for name, found in skill.beats.items() if found.gain is not None and found.gain.low <= 0]
    if beaten:
        yield _wrapped(
            f"Beware: the model is not shown to beat "
            f"{' and '.join(repr(name) for name in beaten)}: "
            f"{', '.join(say.gain(skill.beats[name].gain, skill.metric) for name in beaten)}."
        )


def _wrapped(text: str, indent: str = "  ") -> str:
    width = min(shutil.get_terminal_size((WIDTH, 40)).columns, WIDTH)
    held = _TOGETHER.sub("\u00a0", text)
    filled = textwrap.fill(held, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return filled.replace("\u00a0", " ")
