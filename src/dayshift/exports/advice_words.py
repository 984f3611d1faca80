"""How the advice's numbers and verdicts are written: with sign, unit and interval, and a dash where there is no number."""

from __future__ import annotations

import math
import re
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
MINUS = re.compile(r"(?<![\w.])-(?=\d)")
VAST = re.compile(r"\b(\d{1,3}(?:,\d{3})+)(?= times\b)")
IDENTIFIER = re.compile(r"\w{17,}")
UNITS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1_000))


def typeset(text: str) -> str:
    """A sentence as it is printed: a true minus before a number, and no more digits of a vast multiple than anybody needs.

    >>> typeset("-0.002 [-0.1, +0.1] since 2014-01-02"), typeset("carries 4,448,183 times the need")
    ('−0.002 [−0.1, +0.1] since 2014-01-02', 'carries 4.4 million times the need')
    """
    return VAST.sub(lambda found: vast(float(found[1].replace(",", ""))), MINUS.sub("−", text))


def vast(value: float) -> str:
    """A multiple in the digits that are worth reading.

    >>> vast(3.14159), vast(46_209.3), vast(153_795_568.2), vast(2.5e9)
    ('3.14', '46,000', '150 million', '2.5 billion')
    """
    for many, word in ((1e9, "billion"), (1e6, "million")):
        if value >= many:
            return f"{number(value / many, 2) if value < 100 * many else number(round(value / many, -1))} {word}"
    return str(number(value if value < 1000 else round(value, 1 - math.floor(math.log10(value)))))


def soft(text: str) -> str:
    """Escaped text whose long identifiers may break after an underscore.

    >>> soft("mean_delay_by_origin_1d < 3")
    'mean_<wbr>delay_<wbr>by_<wbr>origin_<wbr>1d &lt; 3'
    """
    return IDENTIFIER.sub(lambda found: found[0].replace("_", "_<wbr>"), escape(text))


def rate(per_second: Any) -> tuple[Figure, str]:
    """A rate in the unit in which it is a number that people can imagine.

    >>> rate(2771.0), rate(0.0315), rate(0.00111), rate(0.0)
    (('2,771', 'events/s'), ('1.89', 'events a minute'), ('4', 'events an hour'), ('0', 'events/s'))
    """
    known = finite(per_second)
    if known:
        for many, unit in ((1.0, "events/s"), (60.0, "events a minute"), (3600.0, "events an hour")):
            if known * many >= 0.995:
                return number(known * many), unit
        return number(known * 86_400.0), "events a day"
    return number(known), "events/s"


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


def gain_decimals(low: Any, mean: Any, high: Any) -> int:
    """How many decimals a difference is written with: those that its interval deserves, and no fewer than the sentences of
    the advice give it.

    >>> gain_decimals(0.0161, 0.0263, 0.0364), gain_decimals(0.227, 0.240, 0.254), gain_decimals(-50.0, 120.0, 300.0)
    (4, 3, 0)
    """
    known = [value for value in (finite(low), finite(mean), finite(high)) if value is not None]
    middle = finite(mean)
    half = [abs(value - middle) for value in known] if middle is not None and len(known) > 1 else known
    fine = 0 if not known or max(map(abs, known)) >= 1 else 4 if middle is not None and abs(middle) < 0.1 else 3
    return max(decimals_for(*half), fine)


def interval(low: Any, mean: Any, high: Any) -> Figure:
    """A difference with its interval.

    >>> interval(0.0524, 0.0591, 0.0658).replace(NBSP, " ")
    '+0.0591 [+0.0524, +0.0658]'
    """
    middle, edges = finite(mean), [finite(low), finite(high)]
    if middle is None:
        return Figure(DASH)
    decimals = gain_decimals(low, middle, high)
    if all(edge is None for edge in edges):
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


WORDS = {"mlops": "MLOps"}
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
    return Html(f'<span class="verdict {style_of(word)}">{icon}{escape(WORDS.get(word, word))}</span>')


def listed(items: Iterable[str], kind: str = "ul") -> Html | None:
    """A list of sentences, nothing if there are none."""
    made = "".join(f"<li>{soft(typeset(str(item)))}</li>" for item in items if item)
    return Html(f"<{kind}>{made}</{kind}>") if made else None


def paragraph(text: str, style: str = "") -> Html | None:
    """A sentence of its own class, nothing if it is empty."""
    inside = soft(typeset(text))
    return Html(f'<p class="{style}">{inside}</p>' if style else f"<p>{inside}</p>") if text else None


def heading(text: str, mark: Html | None = None) -> Html:
    """A heading of the third order, with a verdict beside it."""
    return Html(f"<h3>{escape(text)}{': ' + mark.text if mark else ''}</h3>")


def definitions(pairs: Mapping[str, object]) -> Html | None:
    """Names and values as a list; nested ones are flattened by a colon."""
    made = "".join(f"<dt>{escape(name)}</dt><dd>{soft(typeset(text))}</dd>" for name, text in _flat(pairs))
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
        f'<tr role="row"><th scope="row" role="rowheader">{_shown(row[0])}</th>'
        + "".join(_stacked(name, cell) for name, cell in zip(head[1:], row[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    return Html(
        f'<div class="{"sheet" if boxed else "list"}"><table class="stack" role="table"><caption>{escape(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead><tbody role="rowgroup">{body}</tbody></table></div>'
    )


def _shown(cell: str | bool | Html) -> str:
    return soft(typeset(cell)) if isinstance(cell, str) and not isinstance(cell, Figure) else show(cell)


def _stacked(name: str, cell: str | bool | Html) -> str:
    text = _shown(cell)
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
    decimals = gain_decimals(low, finding.gain.mean, high)
    if finding.verdict == "needed":
        return f"It is needed as long as gains of {signed(low, decimals)} matter."
    if finding.verdict == "not needed":
        return f"It is not needed unless gains below {signed(high, decimals)} matter."
    more = f" About {finding.weeks_needed} weeks of evaluation in all would settle it." if finding.weeks_needed else ""
    turn = f"It is needed if gains of {signed(low, decimals)} already matter, and not if only gains above {signed(high, decimals)} do."
    if (low or 0.0) <= 0:
        turn = f"The gain may be nothing; it is not needed unless gains below {signed(high, decimals)} matter."
    return " ".join([*(f"{reason.rstrip('.')}." for reason in finding.reasons), turn]) + more
