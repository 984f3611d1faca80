"""The values of many records, whatever their names, in bounded memory."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from dayshift.connectors.files.jsonl import read_objects
from dayshift.connectors.http.reading import read

TEXTS = st.lists(
    st.one_of(
        st.dictionaries(
            st.sampled_from("abc"), st.integers() | st.text('xé"\\\n', max_size=3) | st.none(), max_size=3
        ).map(lambda one: json.dumps(one).encode()),
        st.sampled_from([b"torn", b"3", b'{"a": [1, {"b": "\\n"}]}', b'{"": 1}', b"{}", b'{"a": 1, "a": 2}']),
    ),
    max_size=40,
)


@given(texts=TEXTS, most_cells=st.sampled_from([1, 7, 40, 10_000]))
def test_how_records_are_grouped_changes_no_value(texts: list[bytes], most_cells: int) -> None:
    """Read together, one by one, or in runs of any size: the same rows, the same faults, each once and in order."""
    runs = read(texts, most_cells)
    assert [run.start for run in runs] == [0, *[run.stop for run in runs]][: len(runs)]
    assert not texts or runs[-1].stop == len(texts)
    found = {
        place: {name: value for name, value in row.items() if value is not None}
        for run in runs
        for place, row in zip(run.places, run.frame.to_dicts(), strict=True)
    }
    alone = {at: one.frame.to_dicts() for at, text in enumerate(texts) if (one := read_objects([text])).frame.height}
    assert found == {at: {k: v for k, v in rows[0].items() if v is not None} for at, rows in alone.items()}
    assert [at for run in runs for at, _ in run.faults] == [at for at in range(len(texts)) if at not in alone]


def test_records_that_all_have_other_names_make_no_huge_table() -> None:
    """Twenty thousand of them in one table would be four hundred million cells."""
    texts = [b'{"n%d": 1}' % number for number in range(20_000)]
    runs = read(texts)
    assert max(run.frame.height * run.frame.width for run in runs) <= 4_000_000
    assert sum(run.frame.height for run in runs) == 20_000


def test_records_of_one_kind_stay_together() -> None:
    """Ten thousand ordinary rows are one table, though some lack a name."""
    texts = [
        json.dumps({"id": str(n), "at": "10:00:00", **({"odd": n} if n % 700 == 0 else {})}).encode()
        for n in range(10_000)
    ]
    (run,) = read(texts)
    assert (run.frame.height, run.frame.width) == (10_000, 3)
