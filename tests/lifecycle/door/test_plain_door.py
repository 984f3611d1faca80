"""Values that were read at once pass the live door as their text would: the same events, the same rows held, the same words."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import dayshift as ds
from dayshift.connectors.contract import Chunk, Texts
from dayshift.connectors.files.jsonl import read_objects
from dayshift.connectors.live import Arrived
from dayshift.connectors.plain_json import PlainReader
from dayshift.definition.settings import SourceSettings
from tests.lifecycle.door.test_live_door import Doors

PAYMENTS = ds.Source(
    "payments", time="at", key="id",
    schema={"id": str, "amount": ds.decimal(2, minimum=0), "n": ds.optional(int), "ref": ds.optional(str)},
)  # fmt: skip
SHOWN = ds.Source(
    "payments", time="at", key="id",
    schema={"id": str, "amount": ds.decimal(2, minimum=0), "n": ds.optional(int), "double": ds.optional(int),
            "tax": ds.Column("decimal", digits=2, optional=True),
            "ref": ds.Column(str, optional=True, unique=True)},
    derive={"double": pl.col("n") * 2, "tax": pl.col("amount") * 0.19}, where=pl.col("amount") < 50,
)  # fmt: skip
ROW = st.fixed_dictionaries(
    {
        "id": st.sampled_from("abcdefgh"),
        "at": st.sampled_from(["2024-05-01T00:00:00Z", "2024-05-01T00:00:01Z"]),
        "amount": st.sampled_from([1, 3, 2.5, 99, 100, 0.57]) | st.sampled_from([-1, 1.005, "3.00"]),
    },
    optional={"n": st.sampled_from([1, 2, 2**53, None]), "ref": st.sampled_from(["x", "y", None])},
)


def both(texts: list[bytes], source: ds.Source, stamps: np.ndarray) -> tuple[Arrived, Arrived]:
    """The records as values, where they are plain, and as text."""
    rows = pl.Series("row", np.arange(len(texts)))
    as_came = Chunk(read_objects(texts).frame, "t/0", rows, sparse=True)
    frame = PlainReader(source, SourceSettings(http=True))(texts)
    read = as_came if frame is None else Chunk(frame, "t/0", rows, sparse=True, texts=Texts(texts))
    return Arrived("payments", read, stamps), Arrived("payments", as_came, stamps)


@given(st.lists(st.lists(ROW, min_size=1, max_size=5), min_size=1, max_size=6), st.sampled_from([PAYMENTS, SHOWN]))
def test_values_pass_the_door_as_their_text_would(parts: list[list[dict[str, object]]], source: ds.Source) -> None:
    """Micro-batch after micro-batch, with rows that are bad, repeated, contradicted or filtered."""
    one, other = Doors(source), Doors(source)
    for number, rows in enumerate(parts):
        pairs = [
            both([json.dumps(row).encode() for row in some], source, np.arange(len(some)) * step + 10 * number)
            for some, step in ((rows[:2], 3), (rows[2:], 2))
            if some
        ]
        found, expected = one.take(*(read for read, _ in pairs)), other.take(*(as_came for _, as_came in pairs))
        assert found.counts == expected.counts
        assert found.outcomes == expected.outcomes
        assert_frame_equal(found.held, expected.held)
        assert found.events.keys() == expected.events.keys()
        for name, frame in expected.events.items():
            assert_frame_equal(found.events[name], frame)


def test_these_rows_are_read_as_values() -> None:
    """Else the test above would compare text with text."""
    texts = [
        b'{"id": "a", "at": "2024-05-01T00:00:00Z", "amount": 2.5}',
        b'{"id": "b", "at": "2024-05-01T00:00:00Z", "amount": -1}',
    ]
    for source in (PAYMENTS, SHOWN):
        assert both(texts, source, np.arange(2))[0].chunk.texts is not None
