"""Which model a live run serves, and what it says when there is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dayshift.runtimes.live.models import Models


@pytest.mark.parametrize(
    ("predicted", "said"),
    [
        (False, "no champion yet: run `dayshift train`"),
        (True, "no champion in the registry, though the lake holds predictions: was the registry moved?"),
    ],
)
def test_a_registry_that_is_gone_is_told_from_one_that_has_no_champion_yet(predicted: bool, said: str) -> None:
    """Predictions in the lake were made by a model: a registry without one is another registry."""
    project: Any = SimpleNamespace(
        pipeline=SimpleNamespace(name="shop", model=object()),
        registry=SimpleNamespace(alias=lambda name, alias: None),
        predictions=SimpleNamespace(exists=predicted),
    )
    models = Models(project, every_seconds=60.0)
    models.begin()
    models.end()
    assert (models.scorer, models.note) == (None, said)
