"""The advice as JSON and back, and the schema that says what stands in it.

The file holds everything that the advice is made of, so that `what_if` can judge it again under other assumptions without
computing anything anew. A number that was not measured is null for readers of the JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from dayshift.adviser.evidence import Advice
from dayshift.diagnostics import NotReady

FORMAT = 2


def to_json(advice: Advice) -> dict[str, Any]:
    """All of an advice as plain values.

    >>> to_json(Advice(pipeline="fraud", at=0, headline="not enough evidence"))["headline"]
    'not enough evidence'
    """
    return {"format": FORMAT, **_plain(asdict(advice))}


def from_json(values: Mapping[str, Any]) -> Advice:
    """The advice that `to_json` wrote.

    >>> from_json(to_json(Advice(pipeline="fraud", at=0, headline="wait"))).pipeline
    'fraud'

    Raises:
        NotReady: DS841, it is of another format, or damaged.
    """
    from pydantic import ValidationError

    rest = {name: value for name, value in values.items() if name != "format"}
    if values.get("format") == FORMAT:
        try:
            read: Advice = _adapter().validate_python(rest)
        except ValidationError as error:
            first = error.errors()[0]
            raise _unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        return read
    raise _unreadable(f"its format is {values.get('format')}, this version reads {FORMAT}")


def schema() -> dict[str, Any]:
    """The JSON schema of `to_json`'s values, with what each part means."""
    made: dict[str, Any] = _adapter().json_schema()
    made["properties"] = {"format": {"const": FORMAT, "type": "integer"}, **made["properties"]}
    nullable: dict[str, Any] = _nullable(made)
    return nullable


def _nullable(part: Any) -> Any:
    """The schema with null beside every number: what was not measured."""
    if isinstance(part, list):
        return [_nullable(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: _nullable(each) for name, each in part.items()}
    return {**made, "type": ["number", "null"]} if made.get("type") == "number" else made


def save(advice: Advice, path: Path) -> None:
    """Writes an advice, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_or_not(path, json.dumps({"format": FORMAT, **asdict(advice)}, default=_item))


def whole_or_not(path: Path, text: str) -> None:
    """Puts a text into a file, or leaves what stood there; a disk that is full keeps nothing of it.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def load(path: Path) -> Advice:
    """The advice that `save` wrote.

    Raises:
        NotReady: DS842, there is none yet; DS841, it cannot be read.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        said = "there is no advice to ask what-if of"
        raise NotReady("DS842", said, facts=(f"looked for {path}",), hint="dayshift advise") from None
    except ValueError as error:
        raise _unreadable(str(error)) from None
    return from_json(values if isinstance(values, dict) else {})


def _unreadable(reason: str) -> NotReady:
    return NotReady("DS841", "the advice on disk cannot be read", facts=(reason,), hint="dayshift advise")


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Advice)


def _item(value: Any) -> Any:
    """A number of NumPy as Python's own."""
    return value.item()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "item"):
        return _plain(value.item())
    return value
