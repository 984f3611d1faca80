"""How many, and which ones, in words that agree with their number."""

from collections.abc import Sequence


def counted(count: int, thing: str) -> str:
    """How many of a thing.

    >>> counted(1, "week"), counted(1200, "row")
    ('1 week', '1,200 rows')
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def named(names: Sequence[str], thing: str) -> str:
    """Which of the things that have names.

    >>> named(["pay"], "topic"), named(["disputes", "orders", "pay"], "topic")
    ('topic pay', 'topics disputes, orders and pay')
    """
    *most, last = names
    return f"{thing}s {', '.join(most)} and {last}" if most else f"{thing} {last}"


def numbered(first: int, last: int, thing: str = "load") -> str:
    """Which of the things that have numbers.

    >>> numbered(5, 5), numbered(5, 7)
    ('load 5', 'loads 5 to 7')
    """
    return f"{thing} {first}" if first == last else f"{thing}s {first} to {last}"
