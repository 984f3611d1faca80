"""What each capability brings and costs a month, at the declared prices and at no others."""

from __future__ import annotations

from dayshift.adviser.evidence import Advice, Part, Price
from dayshift.exports.advice_quality import figure_of
from dayshift.exports.advice_words import DASH, interval, number, paragraph, plain_interval, stack, unfold
from dayshift.exports.charts import Row, intervals
from dayshift.exports.page import Figure, Html
from dayshift.exports.scales import finite

BREAK_EVEN = (
    "capability",
    "surely pays if it costs below",
    "probably below",
    "surely not above",
    "least worth of a point",
    "least volume",
)
MONEY_HOW = (
    "Net = worth of the gain − (measured seconds × price + declared infrastructure + declared hours × rate + moving, spread over "
    "months). The ends of the gain's interval are carried through. The cost at which a part surely, probably or surely not pays "
    "follows from the low end, the middle and the high end of its worth."
)


def money_part(advice: Advice) -> list[Html | str | None]:
    """What each capability brings and costs a month; nothing where no price was declared."""
    priced = [(part, part.price) for part in advice.parts if part.price is not None]
    if not priced:
        return []
    currency = str(advice.how.get("currency") or "")
    unit = f"{currency} a month".strip()
    rows = [_net(part, price) for part, price in priced]
    sure = [part.name for part, price in priced if (finite(price.net[0]) or 0) > 0]
    never = [part.name for part, price in priced if (finite(price.net[2]) or 0) < 0]
    said = [
        f"At the declared prices {', '.join(sure)} surely pay{'s' if len(sure) == 1 else ''}."
        if sure
        else "At the declared prices nothing surely pays."
    ]
    if never:
        said.append(f"Surely not worth their price: {', '.join(never)}.")
    chart = intervals("money", "Net a month", rows, f"net, {unit}")
    return [
        paragraph(" ".join(said), "meaning"),
        figure_of(chart, "Worth of the gain less all costs, a month; the interval is the gain's"),
        stack(("capability", "worth", "cost", "net"), [_worth(part, price) for part, price in priced], f"In {unit}"),
        stack(
            BREAK_EVEN, [_break_even(part, price) for part, price in priced], f"Where it breaks even: costs in {unit}"
        ),
        unfold("How this was computed", MONEY_HOW),
    ]


def _net(part: Part, price: Price) -> Row:
    low, middle, high = price.net
    return Row(part.name, low, middle, high, interval(low, middle, high), part.verdict)


def _worth(part: Part, price: Price) -> tuple[str, ...]:
    return part.name, plain_interval(*price.value), number(price.cost), interval(*price.net)


def _break_even(part: Part, price: Price) -> tuple[str, ...]:
    sure, probable, not_above = price.breakeven_cost
    multiple = finite(price.breakeven_volume)
    return (
        part.name,
        number(sure),
        number(probable),
        number(not_above),
        number(price.breakeven_value),
        Figure(DASH if multiple is None else f"{number(multiple)} × today"),
    )
