"""One self-contained HTML page: text, tables and small charts, without scripts and without anything from elsewhere.

Readable on a phone, in print, in light and dark; every chart carries its numbers as text for those who cannot see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

Cell = str | int | float | None


@dataclass(frozen=True)
class Html:
    """Markup that is already safe."""

    text: str


class Figure(str):
    """A number that is already written as text; tables set it to the right."""

    __slots__ = ()


def show(value: Cell | Html) -> str:
    """A value as safe text: thousands separated, null as a dash.

    >>> show(1234567), show(None), show("<b>")
    ('1,234,567', '–', '&lt;b&gt;')
    """
    if isinstance(value, Html):
        return value.text
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return figure(value)
    return escape(value)


def figure(value: float) -> str:
    """A number with four digits that matter, and never with an exponent where it can be read without.

    >>> figure(53670.0), figure(0.76491), figure(-12.5)
    ('53,670', '0.7649', '−12.5')
    """
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}").replace("-", "−")


def table(head: Sequence[str], rows: Iterable[Sequence[Cell | Html]], caption: str) -> Html:
    """A table; numbers are set to the right, and a first cell of text names its row. It scrolls by itself on a phone."""
    listed = [tuple(row) for row in rows]
    counted = [any(_is_number(row[at]) for row in listed) for at in range(len(head))]
    heads = "".join(
        f'<th scope="col"{" class=number" if number else ""}>{escape(name)}</th>'
        for name, number in zip(head, counted, strict=True)
    )
    body = "".join(f"<tr>{_first(row)}{''.join(_cell(value) for value in row[1:])}</tr>" for row in listed)
    return Html(
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _first(row: Sequence[Cell | Html]) -> str:
    style = " class=number" if row and _is_number(row[0]) else ""
    return f'<th scope="row"{style}>{show(row[0])}</th>' if row else ""


def _cell(value: Cell | Html) -> str:
    return f'<td class="number">{show(value)}</td>' if _is_number(value) else f"<td>{show(value)}</td>"


def _is_number(value: Cell | Html) -> bool:
    return isinstance(value, int | float | Figure) and not isinstance(value, bool)


def tiles(figures: Iterable[tuple[str, int | float | Figure, str]]) -> Html:
    """The figures that come first: name, value, and what it is counted in."""
    made = "".join(
        f"<li><span>{escape(name)}</span><strong>{show(value)}</strong><small>{escape(unit)}</small></li>"
        for name, value, unit in figures
    )
    return Html(f'<ul class="tiles">{made}</ul>')


def bars(named: Sequence[tuple[str, float]], unit: str, title: str) -> Html:
    """Horizontal bars, each with its name and its value as text."""
    most = max((value for _, value in named), default=0.0) or 1.0
    rows = "".join(
        f'<li><span>{escape(name)}</span><i style="width:{100 * value / most:.1f}%"></i>'
        f"<b>{value:,.3g} {escape(unit)}</b></li>"
        for name, value in named
    )
    return Html(f'<figure><figcaption>{escape(title)}</figcaption><ul class="bars">{rows}</ul></figure>')


def line(points: Sequence[tuple[str, float]], title: str, unit: str) -> Html:
    """A line through points in order; the first, last, smallest and largest value stand in the caption."""
    if len(points) < 2:
        return Html("")
    values = [value for _, value in points]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = 600 / (len(points) - 1)
    path = " ".join(
        f"{'M' if i == 0 else 'L'}{i * step:.1f},{110 - 100 * (value - low) / span:.1f}"
        for i, value in enumerate(values)
    )
    says = (
        f"{title}: from {figure(values[0])} ({points[0][0]}) to {figure(values[-1])} ({points[-1][0]}); "
        f"between {figure(low)} and {figure(high)}{f' {unit}' if unit else ''}, {len(points)} points"
    )
    return Html(
        f'<figure><figcaption>{escape(says)}</figcaption><svg class="spark" viewBox="0 0 600 120" role="img" '
        f'preserveAspectRatio="none" aria-label="{escape(says)}"><path d="{path}"/></svg></figure>'
    )


def section(title: str, *parts: Html | str | None, anchor: str = "") -> Html:
    """A part of the page under a heading; absent parts are left out, and so is a section of none."""
    name = f' id="{escape(anchor)}"' if anchor else ""
    inside = "".join(part.text if isinstance(part, Html) else f"<p>{escape(part)}</p>" for part in parts if part)
    return Html(f"<section{name}><h2>{escape(title)}</h2>{inside}</section>" if inside else "")


def page(title: str, lead: str, *parts: Html, styles: Sequence[str] = ()) -> str:
    """The whole page as text; `styles` are further style sheets of this folder."""
    folder = resources.files("dayshift.exports")
    style = "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", *styles))
    body = "".join(part.text for part in parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main><header><h1>{escape(title)}</h1><p>{escape(lead)}</p></header>{body}</main></body></html>"
    )
