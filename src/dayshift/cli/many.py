"""A command with many options takes them as one frozen dataclass: its fields are what Typer reads as parameters."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")


def taking(options: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Turns a function of such a dataclass into one that has its fields as parameters.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Asked:
    ...     name: str
    ...     loud: bool = False
    >>> @taking(Asked)
    ... def greet(asked):
    ...     print(asked.name.upper() if asked.loud else asked.name)
    >>> inspect.signature(greet)
    <Signature (name: str, loud: bool = False) -> None>
    >>> greet(name="ann", loud=True)
    ANN
    """
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=hints[one.name],
        )
        for one in fields(options)  # type: ignore[arg-type]
    ]

    def made(function: Callable[[Options], None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            function(options(**values))

        command.__doc__, command.__name__ = function.__doc__, function.__name__
        command.__annotations__ = {**hints, "return": None}
        command.__signature__ = inspect.Signature(parameters, return_annotation=None)  # type: ignore[attr-defined]
        return command

    return made
