"""The exceptions, each with the exit code of its kind. An exception carries all its problems at once."""

from collections.abc import Iterable

from dayshift.diagnostics.place import Place
from dayshift.diagnostics.problem import Problem


class DayshiftError(Exception):
    """The root of all errors that Dayshift raises on purpose.

    >>> raise NotReady("DS301", "file 'a.csv' is not there", hint="ls")
    Traceback (most recent call last):
    ...
    dayshift.diagnostics.errors.NotReady: DS301: file 'a.csv' is not there
    """

    exit_code = 70

    def __init__(
        self,
        code: str | Iterable[Problem],
        message: str = "",
        *,
        place: Place | None = None,
        facts: Iterable[str] = (),
        hint: str | None = None,
    ) -> None:
        if isinstance(code, str):
            self.problems: tuple[Problem, ...] = (Problem(code, message, place, tuple(facts), hint),)
        else:
            self.problems = tuple(code)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class DefinitionError(DayshiftError):
    """The pipeline file or its settings ask for something that cannot be."""

    exit_code = 2


class UsageError(DayshiftError):
    """A command or a function was asked wrongly."""

    exit_code = 2


class NotReady(DayshiftError):
    """The world is not ready: a source is absent, a service is down, an extra is not installed."""

    exit_code = 3


class Refused(DayshiftError):
    """It ran, and the answer is no: a gate refused, a threshold was passed, parity is broken."""

    exit_code = 1


class Bug(DayshiftError):
    """Something that Dayshift promised does not hold; not the user's mistake."""

    exit_code = 70
