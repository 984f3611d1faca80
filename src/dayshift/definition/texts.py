"""What is wrong with a text of the settings that has a grammar: a cron expression, a time zone, a length of time, an address."""

import datetime as dt

from dayshift.definition.duration import parse_duration
from dayshift.diagnostics import DefinitionError

_ANY_DAY = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def cron_fault(text: str) -> str | None:
    """What is wrong with a cron expression, or None; five fields, as `cronsim` reads them.

    >>> cron_fault("0 5 * * mon-fri")
    >>> cron_fault("0 25 * * *")
    'bad hour'
    >>> cron_fault("@daily")
    'it has 1 field and needs 5'
    """
    from cronsim import CronSim, CronSimError

    fields = len(text.split())
    if fields != 5:
        return f"it has {fields} field{'s' * (fields != 1)} and needs 5"
    try:
        next(CronSim(text, _ANY_DAY))
    except CronSimError as error:
        return str(error)[:1].lower() + str(error)[1:]
    except StopIteration:
        return "it is never due"
    return None


def timezone_fault(text: str) -> str | None:
    """What is wrong with the name of a time zone, or None.

    >>> timezone_fault("Europe/Berlin")
    >>> timezone_fault("Mars/Olympus")
    "no time zone is called 'Mars/Olympus'"
    """
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        return f"no time zone is called '{text}'"
    return None


def nearest_timezone(text: str) -> str | None:
    """The time zone that was most likely meant.

    >>> nearest_timezone("Europe/Belrin")
    'Europe/Berlin'
    """
    from zoneinfo import available_timezones

    from dayshift.diagnostics import nearest

    return nearest(text, available_timezones())


def duration_fault(text: str) -> str | None:
    """What is wrong with a length of time, or None.

    >>> duration_fault("1 day")
    "'1 day' is not a length of time"
    """
    try:
        parse_duration(text)
    except DefinitionError as error:
        return error.problems[0].message
    return None


def address_parts(text: str) -> tuple[str, int] | None:
    """Host and port of `host:port`, or None when it is none; an IPv6 address stands in brackets.

    >>> address_parts("127.0.0.1:8080"), address_parts("[::1]:0"), address_parts(":8080")
    (('127.0.0.1', 8080), ('::1', 0), ('', 8080))
    >>> address_parts("localhost"), address_parts("::1:80"), address_parts("127.0.0.1:99999")
    (None, None, None)
    """
    host, colon, port = text.strip().rpartition(":")
    plain = host.removeprefix("[").removesuffix("]")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > 65_535 or (":" in plain and plain == host):
        return None
    return plain, int(port)
