"""Cron expressions: when something was last due, and when it is due next.

Five fields with Vixie cron's meaning (0 and 7 are Sunday; day of month and day of week, both given, mean either), by
`cronsim`, which also does what Debian's cron does when clocks change. Times go in and come out in UTC.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from cronsim import CronSim


def next_due(cron: str, after: dt.datetime, timezone: str = "UTC") -> dt.datetime:
    """The first time after `after` (aware) at which `cron` is due in `timezone`; aware, UTC.

    >>> next_due("0 2 * * *", dt.datetime(2026, 1, 1, 2, tzinfo=dt.UTC))
    datetime.datetime(2026, 1, 2, 2, 0, tzinfo=datetime.timezone.utc)
    """
    local = after.astimezone(ZoneInfo(timezone))
    return next(CronSim(cron, local)).astimezone(dt.UTC)


def last_due(cron: str, until: dt.datetime, timezone: str = "UTC") -> dt.datetime:
    """The last time not after `until` (aware) at which `cron` was due in `timezone`; aware, UTC.

    >>> last_due("0 2 * * 0", dt.datetime(2026, 1, 8, tzinfo=dt.UTC))
    datetime.datetime(2026, 1, 4, 2, 0, tzinfo=datetime.timezone.utc)
    """
    after = until.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
    local = after.astimezone(ZoneInfo(timezone))
    return next(CronSim(cron, local, reverse=True)).astimezone(dt.UTC)


def is_due(cron: str | None, last: dt.datetime | None, now: dt.datetime, timezone: str = "UTC") -> bool:
    """Whether `cron` was due after `last` and not after `now`; always when it never ran, never without an expression."""
    if cron is None:
        return False
    return last is None or last_due(cron, now, timezone) > last
