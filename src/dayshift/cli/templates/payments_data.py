"""Invented card payments and the disputes that follow them, the same on every machine.

Six weeks of payments, a file a day, and the fraud disputes that arrive days later, a file for each day of arrival.
Fraud is likelier at two shops, at night, and for amounts far above what the card usually spends, so that there is
something to learn.
"""

import csv
import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

FIRST_DAY = dt.date(2025, 1, 6)
DAYS, CARDS, SHOPS, A_DAY = 42, 250, 30, 300
RISKY_SHOPS = ("shop-07", "shop-19")
PAYMENT = ("payment_id", "paid_at", "card", "shop", "amount", "channel")
DISPUTE = ("payment_id", "disputed_at", "card", "shop", "reason", "amount")


@dataclass(frozen=True)
class _Paid:
    number: int
    time: dt.datetime
    card: int
    shop: str
    amount: float
    fraud: bool


def write_payments(folder: Path) -> None:
    """Writes `payments/DAY.csv` and `disputes/DAY.csv` into a folder."""
    chance = random.Random(20250106)  # noqa: S311 - invented data, not a secret
    payments = _payments(chance)
    last = FIRST_DAY + dt.timedelta(days=DAYS)
    for day, rows in _by_day((paid.time, _payment(paid, chance)) for paid in payments).items():
        _write(folder / "payments" / f"{day}.csv", PAYMENT, rows)
    disputes = sorted(row for paid in payments for row in _disputes(paid, chance))
    for day, rows in _by_day((time, row) for time, row in disputes if time.date() < last).items():
        _write(folder / "disputes" / f"{day}.csv", DISPUTE, rows)


def _payments(chance: random.Random) -> list[_Paid]:
    usual = [chance.lognormvariate(3, 0.6) for _ in range(CARDS)]
    made = []
    for day in range(DAYS):
        midnight = dt.datetime.combine(FIRST_DAY + dt.timedelta(days=day), dt.time(), dt.UTC)
        made += [_paid(midnight, usual, chance) for _ in range(A_DAY)]
    made.sort(key=lambda paid: paid[0])
    return [_Paid(number, *paid) for number, paid in enumerate(made, start=1)]


def _paid(
    midnight: dt.datetime, usual: Sequence[float], chance: random.Random
) -> tuple[dt.datetime, int, str, float, bool]:
    hour = chance.gauss(15, 5) % 24
    time = midnight + dt.timedelta(seconds=int(hour * 3600))
    card = chance.randrange(CARDS)
    shop = f"shop-{chance.randrange(SHOPS):02d}"
    factor = chance.lognormvariate(0, 0.7)
    risk = 0.01 + 0.25 * (shop in RISKY_SHOPS) + 0.20 * (factor > 2.5) + 0.10 * (hour < 5)
    return time, card, shop, round(usual[card] * factor, 2), chance.random() < risk


def _payment(paid: _Paid, chance: random.Random) -> tuple[str, ...]:
    channel = "web" if chance.random() < 0.4 else "shop"
    return (f"p{paid.number:06d}", _text(paid.time), f"card-{paid.card:03d}", paid.shop, f"{paid.amount:.2f}", channel)


def _disputes(paid: _Paid, chance: random.Random) -> list[tuple[dt.datetime, tuple[str, ...]]]:
    reason = "fraud" if paid.fraud else "quality" if chance.random() < 0.005 else None
    if reason is None:
        return []
    time = paid.time + dt.timedelta(seconds=int(86_400 * min(6.5, 0.2 + chance.expovariate(1 / 2))))
    row = (f"p{paid.number:06d}", _text(time), f"card-{paid.card:03d}", paid.shop, reason, f"{paid.amount:.2f}")
    return [(time, row)]


def _text(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _by_day(rows: Iterable[tuple[dt.datetime, tuple[str, ...]]]) -> dict[dt.date, list[tuple[str, ...]]]:
    days: dict[dt.date, list[tuple[str, ...]]] = defaultdict(list)
    for time, row in rows:
        days[time.date()].append(row)
    return days


def _write(path: Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
