"""JSON objects of plain values, read into columns by compiled code.

Plain is what needs no second look: an object of the names that are known, each at most once, without escapes; whole numbers
of at most 18 digits, other numbers of at most 15 without an exponent (so that a double is one correctly rounded division:
Clinger, "How to read floating point numbers accurately", 1990), `true`, `false`, `null`, text without escapes, times as
`2024-03-31T01:59:59.5Z` or with an offset, dates as `2024-03-31`. Anything else is left to the readers that know all of it:
this one says only that it does not.

Values are 64-bit integers, a column a row of `out.values`: a number, the bits of a double, 0 or 1, microseconds or days since
1970, where a text begins; `out.ends` says where it ends. `out.given` is 1 where there is a value.
"""

from typing import Any, NamedTuple

import numpy as np

from dayshift.kernel.jit import bare

SKIP, INT, FLOAT, DECIMAL, BOOL, STR, DATETIME, DATE = range(8)
MOST_FIELDS = 60
_WHOLE_DIGITS, _EXACT, _MOST_PLACES = 18, 10**15, 22
_TENS = tuple(10**n for n in range(16))
_POWERS = tuple(10.0**n for n in range(_MOST_PLACES + 1))
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NO = -1
_NULL, _TRUE, _FALSE = (110, 117, 108, 108, 0), (116, 114, 117, 101, 0), (102, 97, 108, 115, 101)
_SPACE, _QUOTE, _BACKSLASH, _COMMA, _MINUS, _DOT, _PLUS = 32, 34, 92, 44, 45, 46, 43
_ZERO, _NINE, _COLON, _OPEN, _CLOSE, _T, _Z = 48, 57, 58, 123, 125, 84, 90
_DAY_US, _HOUR_US, _MINUTE_US, _SECOND_US = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000


class Names(NamedTuple):
    """The names that an object may have: their bytes one behind the other, where each ends, its kind, how many digits a
    decimal has, and which one stood at each place of the last object (a guess)."""

    text: Any
    ends: Any
    kinds: Any
    digits: Any
    guess: Any
    naive: Any


class Out(NamedTuple):
    """Where values go: three arrays (field, text)."""

    values: Any
    ends: Any
    given: Any


@bare
def read(data: Any, starts: Any, ends: Any, names: Any, out: Any) -> Any:
    """Reads every text, from `starts` up to `ends` of `data`; the number of the first that is not plain, or how many there are."""
    for row in range(starts.size):
        if not _object(data, starts[row], ends[row], names, out, row):
            return row
    return starts.size


@bare
def _object(data: Any, at: Any, end: Any, names: Any, out: Any, row: Any) -> Any:
    at = _blank(data, at, end)
    if at >= end or data[at] != _OPEN:
        return False
    at = _blank(data, at + 1, end)
    seen, place = 0, 0
    while True:
        if at >= end or data[at] != _QUOTE:
            return False
        first = at + 1
        last = _text(data, first, end)
        if last < 0:
            return False
        guess = names.guess[place] if place < names.guess.size else 0
        field = _field(data, first, last, names, guess)
        if field < 0 or (seen >> field) & 1:
            return False
        seen |= 1 << field
        if place < names.guess.size:
            names.guess[place] = field
        place += 1
        at = _blank(data, last + 1, end)
        if at >= end or data[at] != _COLON:
            return False
        at = _value(data, _blank(data, at + 1, end), end, names, out, (field, row))
        if at < 0:
            return False
        at = _blank(data, at, end)
        if at >= end:
            return False
        if data[at] == _CLOSE:
            return _blank(data, at + 1, end) == end
        if data[at] != _COMMA:
            return False
        at = _blank(data, at + 1, end)


@bare
def _blank(data: Any, at: Any, end: Any) -> Any:
    """Behind white space."""
    while at < end and (data[at] == _SPACE or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@bare
def _text(data: Any, at: Any, end: Any) -> Any:
    """Where the quote stands that ends a text without escapes."""
    while at < end:
        letter = data[at]
        if letter == _QUOTE:
            return at
        if letter == _BACKSLASH or letter < _SPACE:
            return _NO
        at += 1
    return _NO


@bare
def _field(data: Any, first: Any, last: Any, names: Any, guess: Any) -> Any:
    """Which name this is."""
    if _same(data, first, last, names, guess):
        return guess
    for field in range(names.kinds.size):
        if _same(data, first, last, names, field):
            return field
    return _NO


@bare
def _same(data: Any, first: Any, last: Any, names: Any, field: Any) -> Any:
    begin = names.ends[field - 1] if field else 0
    if names.ends[field] - begin != last - first:
        return False
    for n in range(last - first):  # noqa: SIM110
        if data[first + n] != names.text[begin + n]:
            return False
    return True


@bare
def _value(data: Any, at: Any, end: Any, names: Any, out: Any, place: Any) -> Any:
    """Behind the value that begins here, which is noted."""
    field, row = place
    kind: Any = names.kinds[field]
    if at >= end:
        return _NO
    if data[at] == _NULL[0]:
        return _word(data, at, end, _NULL)
    stop: Any = _NO
    if data[at] == _QUOTE:
        stop = _text(data, at + 1, end)
        value, good = _from_text(data, at + 1, stop, kind, names.naive)
        behind = stop + 1
    elif data[at] == _TRUE[0] or data[at] == _FALSE[0]:
        value = np.int64(data[at] == _TRUE[0])
        behind = _word(data, at, end, _TRUE if value else _FALSE)
        good = behind >= 0 and kind in (BOOL, SKIP)
    else:
        value, places, behind = _number(data, at, end)
        good = behind >= 0
        if good and kind == STR:
            value, stop, good = at, behind, places == 0
        elif good:
            value, good = _from_number(kind, value, places, names.digits[field])
    if not good:
        return _NO
    out.values[field, row], out.ends[field, row], out.given[field, row] = value, stop, 1
    return behind


@bare
def _from_text(data: Any, at: Any, stop: Any, kind: Any, naive: Any) -> Any:
    """A text as a value of a column; whether it is plainly one."""
    if stop < 0:
        return 0, False
    if kind == DATETIME:
        return _time(data, at, stop, naive)
    if kind == DATE:
        days, good = _date(data, at, stop)
        return days, good and stop - at == 10
    return at, kind in (STR, SKIP)


@bare
def _word(data: Any, at: Any, end: Any, letters: Any) -> Any:
    """Behind a word of four or five letters."""
    size = 5 if letters[4] else 4
    if at + size > end:
        return _NO
    for n in range(size):
        if data[at + n] != letters[n]:
            return _NO
    return at + size


@bare
def _number(data: Any, at: Any, end: Any) -> Any:
    """A number as an integer, how many of its digits stand behind the point, and where it ends."""
    minus = data[at] == _MINUS
    if minus:
        at += 1
    first, places = at, 0
    value: Any = 0
    while at < end and _ZERO <= data[at] <= _NINE and at - first <= _WHOLE_DIGITS:
        value = value * 10 + np.int64(data[at] - _ZERO)
        at += 1
    size = at - first
    if size == 0 or size > _WHOLE_DIGITS or (size > 1 and data[first] == _ZERO):
        return 0, 0, _NO
    if at < end and data[at] == _DOT:
        at += 1
        while at < end and _ZERO <= data[at] <= _NINE and size + places <= _WHOLE_DIGITS:
            value = value * 10 + np.int64(data[at] - _ZERO)
            at += 1
            places += 1
        if places == 0 or size + places > _WHOLE_DIGITS:
            return 0, 0, _NO
    if at < end and (data[at] == 101 or data[at] == 69 or _ZERO <= data[at] <= _NINE):
        return 0, 0, _NO
    if minus and value == 0:
        return 0, 0, _NO
    return -value if minus else value, places, at


@bare
def _from_number(kind: Any, value: Any, places: Any, digits: Any) -> Any:
    """A number as a value of a column; whether it is plainly one."""
    if kind == INT:
        return value, places == 0
    if kind == FLOAT:
        return _bits(value / _POWERS[places]), abs(value) < _EXACT
    if kind == DECIMAL:
        if places > digits or digits - places > 15 or abs(value) >= _EXACT // _TENS[digits - places]:
            return 0, False
        return _bits(value * _TENS[digits - places] / _POWERS[digits]), True
    if kind == DATETIME:
        if places or value < 0:
            return 0, False
        if value < 10**11:
            return value * _SECOND_US, True
        if value < 10**14:
            return value * 1_000, True
        return value if value < 10**17 else value // 1_000, True
    return 0, kind == SKIP


@bare
def _bits(value: Any) -> Any:
    """A double's bits as an integer."""
    return np.float64(value).view(np.int64)


@bare
def _two(data: Any, at: Any) -> Any:
    """A number of two digits; far below zero when it is none."""
    high, low = np.int64(data[at]) - _ZERO, np.int64(data[at + 1]) - _ZERO
    return high * 10 + low if 0 <= high <= 9 and 0 <= low <= 9 else -1_000


@bare
def _date(data: Any, at: Any, end: Any) -> Any:
    """Days since 1970 of a date of the years 1900 to 2099, by Hinnant's `days_from_civil`."""
    if end - at < 10 or data[at + 4] != _MINUS or data[at + 7] != _MINUS:
        return 0, False
    year, month, day = _two(data, at) * 100 + _two(data, at + 2), _two(data, at + 5), _two(data, at + 8)
    if year < 1900 or year > 2099 or month < 1 or month > 12 or day < 1:
        return 0, False
    leap = month == 2 and year % 4 == 0 and year != 1900
    if day > _DAYS[month - 1] + leap:
        return 0, False
    early = month <= 2
    year -= early
    era, of_era = year // 400, year % 400
    of_year = (153 * (month + 9 if early else month - 3) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468, True


@bare
def _time(data: Any, at: Any, end: Any, naive: Any) -> Any:
    """Microseconds since 1970 of a time with seconds, and with a zone unless `naive`, where none means UTC."""
    days, good = _date(data, at, end)
    if not good or end - at < 19 or (data[at + 10] != _T and data[at + 10] != _SPACE):
        return 0, False
    hour, minute, second = _two(data, at + 11), _two(data, at + 14), _two(data, at + 17)
    if data[at + 13] != _COLON or data[at + 16] != _COLON:
        return 0, False
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return 0, False
    value: Any = days * _DAY_US + hour * _HOUR_US + minute * _MINUTE_US + second * _SECOND_US
    at += 19
    if at < end and data[at] == _DOT:
        at += 1
        unit, count = 100_000, 0
        while at < end and _ZERO <= data[at] <= _NINE:
            value += unit * np.int64(data[at] - _ZERO)
            unit //= 10
            at += 1
            count += 1
        if count == 0 or count > 9:
            return 0, False
    if at == end:
        return value, naive
    if data[at] == _Z:
        return value, at + 1 == end
    if end - at != 6 or data[at + 3] != _COLON or (data[at] != _PLUS and data[at] != _MINUS):
        return 0, False
    hour, minute = _two(data, at + 1), _two(data, at + 4)
    away = hour * _HOUR_US + minute * _MINUTE_US
    good = 0 <= hour <= 23 and 0 <= minute <= 59
    return value - away if data[at] == _PLUS else value + away, good
