"""How the advice's numbers and verdicts are written: with sign, unit and interval, and a dash where there is no number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from dayshift.adviser.evidence import Finding, Gain
from dayshift.exports.charts import shape_of, style_of
from dayshift.exports.page import Figure, Html, show
from dayshift.exports.scales import EARLIEST_US, LATEST_US, finite

DASH = "–"
NBSP = "\u00a0"
"""Keeps an interval and a unit together; browsers find it as a space."""
UNITS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1_000))


def number(value: Any, digits: int = 3) -> Figure:
    """A number with that many digits that matter, a dash for none.

    >>> number(0.71534), number(1234567.0), number(float("nan")), number(-2.5), number(5)
    ('0.715', '1,234,567', '–', '−2.5', '5')
    """
    known = finite(value)
    if known is None:
        return Figure(DASH)
    if abs(known) >= 10**15:
        text = f"{known:.3g}"
    elif known == 0 or abs(known) >= 10 ** (digits - 1):
        text = f"{known:,.0f}"
    elif abs(known) < 1e-6:
        text = f"{known:.1e}"
    else:
        text = f"{known:.{digits - 1 - math.floor(math.log10(abs(known)))}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return Figure(text.replace("-", "−"))


def score(value: Any) -> Figure:
    """A metric's value, always with as many decimals, so that a column of them can be compared.

    >>> score(0.5), score(0.71934), score(1234.5), score(None)
    ('0.5000', '0.7193', '1,234', '–')
    """
    known = finite(value)
    if known is None or abs(known) >= 100:
        return number(value, 4)
    return Figure(f"{known:.{4 if abs(known) < 10 else 2}f}".replace("-", "−"))


def signed(value: Any, decimals: int) -> Figure:
    """A difference with its sign.

    >>> signed(0.0591, 3), signed(-0.002, 3), signed(0.0, 3), signed(None, 3)
    ('+0.059', '−0.002', '0.000', '–')
    """
    known = finite(value)
    if known is None:
        return Figure(DASH)
    text = f"{known:+,.{decimals}f}" if abs(known) < 10**15 else f"{known:+.3g}"
    return Figure(text.replace("-", "−") if any(digit in text for digit in "123456789") else text[1:])


def decimals_for(*widths: Any) -> int:
    """How many decimals an interval of that half width deserves: two digits of it.

    >>> decimals_for(0.0056), decimals_for(120.0), decimals_for(None)
    (4, 0, 3)
    """
    known = [abs(width) for width in (finite(value) for value in widths) if width]
    return 3 if not known else min(max(1 - math.floor(math.log10(max(known))), 0), 6)


def interval(low: Any, mean: Any, high: Any) -> Figure:
    """A difference with its interval.

    >>> interval(0.0524, 0.0591, 0.0658).replace(NBSP, " ")
    '+0.0591 [+0.0524, +0.0658]'
    """
    middle, edges = finite(mean), [finite(low), finite(high)]
    if middle is None:
        return Figure(DASH)
    half = [abs(edge - middle) for edge in edges if edge is not None]
    decimals = decimals_for(*(half or [middle]))
    if not half:
        return signed(middle, decimals)
    return Figure(f"{signed(middle, decimals)} [{signed(low, decimals)},{NBSP}{signed(high, decimals)}]")


def gain_text(gain: Gain | None) -> Figure:
    """A gain with its interval."""
    return interval(gain.low, gain.mean, gain.high) if gain else Figure(DASH)


def plain_interval(low: Any, mean: Any, high: Any, unit: str = "") -> Figure:
    """An amount without sign, with its interval.

    >>> plain_interval(1, 2.5, 4, "d").replace(NBSP, " ")
    '2.5 d [1, 4]'
    """
    if finite(mean) is None:
        return Figure(DASH)
    edges = "" if finite(low) is None and finite(high) is None else f" [{number(low)},{NBSP}{number(high)}]"
    return Figure(f"{number(mean)}{NBSP + unit if unit else ''}{edges}")


def percent(value: Any, decimals: int = 0) -> Figure:
    """A share as per cent.

    >>> percent(0.345).replace(NBSP, " "), percent(None)
    ('34 %', '–')
    """
    known = finite(value)
    if known is None:
        return Figure(DASH)
    text = f"{100 * known:,.{decimals}f}{NBSP}%"
    return Figure(text.replace("-", "−" if any(digit in text for digit in "123456789") else ""))


def day(us: Any) -> str:
    """A time in microseconds as its day.

    >>> day(1_388_534_400_000_000), day(None)
    ('2014-01-01', '–')
    """
    known = finite(us)
    if known is None or not EARLIEST_US <= known <= LATEST_US - 86_400_000_000:
        return DASH
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=known):%Y-%m-%d}"


def dated(us: Any) -> Html:
    """A day for a table: never broken in two."""
    return Html(f"<time>{day(us)}</time>")


def length(us: Any) -> Figure:
    """A duration in its largest fitting unit.

    >>> length(604_800_000_000) == f"7{NBSP}d", length(90_000_000) == f"1.5{NBSP}min", length(None)
    (True, True, '–')
    """
    known = finite(us)
    if known is None:
        return Figure(DASH)
    for unit, many in UNITS:
        if abs(known) >= many:
            return Figure(f"{number(known / many)}{NBSP}{unit}")
    return Figure(f"{number(known)}{NBSP}µs")


def size(count: Any) -> Figure:
    """Bytes in the unit that can be read.

    >>> size(1_500_000) == f"1.5{NBSP}MB", size(None)
    (True, '–')
    """
    known = finite(count)
    if known is None:
        return Figure(DASH)
    for unit, many in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(known) >= many:
            return Figure(f"{number(known / many)}{NBSP}{unit}")
    return Figure(f"{number(known)}{NBSP}B")


def days(value: Any) -> Figure:
    """Days until something is seen; none means not seen."""
    known = finite(value)
    return Figure("not seen" if known is None else f"{number(known, 2)}{NBSP}d")


def weeks(value: Any) -> str:
    """A cadence in weeks as people say it.

    >>> weeks(1), weeks(4), weeks(1 / 7), weeks(13), weeks(None)
    ('weekly', 'every 4 weeks', 'daily', 'every 13 weeks', 'none')
    """
    known = finite(value)
    if known is None:
        return "none"
    if abs(known - 1) < 1e-6:
        return "weekly"
    return "daily" if abs(known - 1 / 7) < 0.01 else f"every {number(known)} weeks"


_SIGNS = {
    "disc": '<circle class="full" cx="8" cy="8" r="6.5"/><path class="sign" d="M4.8 8.3l2.2 2.2 4.2-4.6"/>',
    "ring": '<circle cx="8" cy="8" r="6.2"/><path d="M5 8h6"/>',
    "diamond": '<path d="M8 1.2l6.8 6.8-6.8 6.8-6.8-6.8z"/><path d="M6.4 6.8c.1-2 3.2-2 3.2 0 0 1.2-1.6 1.1-1.6 2.3M8 10.6v1"/>',
}


def verdict(word: str) -> Html:
    """A verdict as word and shape: a full disc with a tick, a ring with a bar, a diamond with a question mark."""
    if not word:
        return Html(DASH)
    sign = _SIGNS.get(shape_of(word), "")
    icon = f'<svg class="mark" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{sign}</svg>'
    return Html(f'<span class="verdict {style_of(word)}">{icon}{escape(word)}</span>')


def listed(items: Iterable[str], kind: str = "ul") -> Html | None:
    """A list of sentences, nothing if there are none."""
    made = "".join(f"<li>{escape(str(item))}</li>" for item in items if item)
    return Html(f"<{kind}>{made}</{kind}>") if made else None


def paragraph(text: str, style: str = "") -> Html | None:
    """A sentence of its own class, nothing if it is empty."""
    return Html(f'<p class="{style}">{escape(text)}</p>' if style else f"<p>{escape(text)}</p>") if text else None


def heading(text: str, mark: Html | None = None) -> Html:
    """A heading of the third order, with a verdict beside it."""
    return Html(f"<h3>{escape(text)}{': ' + mark.text if mark else ''}</h3>")


def definitions(pairs: Mapping[str, object]) -> Html | None:
    """Names and values as a list; nested ones are flattened by a colon."""
    made = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in _flat(pairs))
    return Html(f"<dl>{made}</dl>") if made else None


def _flat(pairs: Mapping[str, object], before: str = "") -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    for name, value in pairs.items():
        title = f"{before}{str(name).replace('_', ' ')}"
        if isinstance(value, Mapping):
            made.extend(_flat(value, f"{title}: "))
        else:
            made.append((title, _plain(value)))
    return made


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_plain(one) for one in value) or DASH
    if value is None or finite(value) is not None or isinstance(value, float):
        return number(value, 4)
    return str(value)


def unfold(title: str, *parts: Html | str | None) -> Html:
    """What is shown when somebody asks for it; works without a script and by keyboard."""
    inside = "".join(part.text if isinstance(part, Html) else f"<p>{escape(part)}</p>" for part in parts if part)
    return Html(f"<details><summary>{escape(title)}</summary>{inside}</details>" if inside else "")


def sentence(text: str) -> str:
    """The same with a capital and a full stop.

    >>> sentence("one machine is enough"), sentence("")
    ('One machine is enough.', '')
    """
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else ""


def stack(
    head: Sequence[str], rows: Sequence[Sequence[str | bool | Html]], caption: str, *, boxed: bool = False
) -> Html | None:
    """A table that becomes a stack of cards on a phone; its roles keep it a table for those who hear it. Cells of a column
    without a name and of "verdict" and "evidence" stand on a phone without their column's name."""
    if not rows:
        return None
    numeric = [any(isinstance(row[at], Figure) for row in rows) for at in range(len(head))]
    heads = "".join(
        f'<th scope="col" role="columnheader"{" class=number" if right else ""}>{escape(name)}</th>'
        for name, right in zip(head, numeric, strict=True)
    )
    body = "".join(
        f'<tr role="row"><th scope="row" role="rowheader">{show(row[0])}</th>'
        + "".join(_stacked(name, cell) for name, cell in zip(head[1:], row[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    return Html(
        f'<div class="{"sheet" if boxed else "list"}"><table class="stack" role="table"><caption>{escape(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead><tbody role="rowgroup">{body}</tbody></table></div>'
    )


def _stacked(name: str, cell: str | bool | Html) -> str:
    text = show(cell)
    plain = name in ("", "verdict", "evidence")
    style = (
        "number"
        if isinstance(cell, Figure)
        else "wide"
        if name == "evidence"
        else "empty"
        if text in ("", DASH)
        else ""
    )
    marked = ("" if plain else f' data-name="{escape(name)}"') + (f' class="{style}"' if style else "")
    return f'<td role="cell"{marked}>{text}</td>'


def meaning(finding: Finding | None) -> str:
    """What a finding says, as the end of a sentence: verdict, the values at which it would turn, and what is missing."""
    if finding is None or finding.gain is None:
        return " ".join(finding.reasons) if finding else ""
    low, high = finite(finding.gain.low), finite(finding.gain.high)
    decimals = decimals_for((high - low) / 2 if low is not None and high is not None else None)
    if finding.verdict == "needed":
        return f"It is needed as long as gains of {signed(low, decimals)} matter."
    if finding.verdict == "not needed":
        return f"It is not needed unless gains below {signed(high, decimals)} matter."
    more = f" About {finding.weeks_needed} weeks of evaluation in all would settle it." if finding.weeks_needed else ""
    turn = f"It is needed if gains of {signed(low, decimals)} already matter, and not if only gains above {signed(high, decimals)} do."
    if (low or 0.0) <= 0:
        turn = f"The gain may be nothing; it is not needed unless gains below {signed(high, decimals)} matter."
    return " ".join([*(f"{reason.rstrip('.')}." for reason in finding.reasons), turn]) + more
