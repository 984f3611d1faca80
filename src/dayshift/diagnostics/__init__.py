"""How the system speaks: problems with a code, the user's place, facts and a remedy.

DayshiftError
├── DefinitionError   the pipeline file or its settings ask for something impossible   exit 2
├── UsageError        a command was asked wrongly                                      exit 2
├── NotReady          a source, a service or an extra is absent                        exit 3
├── Refused           it ran, and the answer is no                                     exit 1
└── Bug               ours                                                             exit 70
"""

from dayshift.diagnostics.counting import counted, named, numbered
from dayshift.diagnostics.errors import (
    Bug,
    DayshiftError,
    DefinitionError,
    NotReady,
    Refused,
    UsageError,
)
from dayshift.diagnostics.place import Place, users_place
from dayshift.diagnostics.problem import Problem, nearest, shorten
from dayshift.diagnostics.render import render, to_json

__all__ = [
    "Bug",
    "DayshiftError",
    "DefinitionError",
    "NotReady",
    "Place",
    "Problem",
    "Refused",
    "UsageError",
    "counted",
    "named",
    "nearest",
    "numbered",
    "render",
    "shorten",
    "to_json",
    "users_place",
]
