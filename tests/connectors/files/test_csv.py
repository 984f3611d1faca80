"""What a CSV file's text becomes, however it is written or damaged."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.connectors.files.csv import read_csv
from dayshift.connectors.files.records import LONGEST_RECORD
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import NotReady


def read(
    data: bytes, chunk_rows: int = 1000, **settings: object
) -> tuple[list[tuple[int, tuple]], list[tuple[int, str, str]]]:
    rows: list = []
    torn: list = []
    for block in read_csv(io.BytesIO(data), "f.csv", SourceSettings(files="f.csv", **settings), chunk_rows):
        rows += zip(block.rows.to_list(), block.frame.rows(), strict=True)
        torn += block.rejects.rows()
    return rows, torn


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (b"a,b\n1,2\n3,4\n", [(1, ("1", "2")), (2, ("3", "4"))]),
        (b"a,b\r\n1,2\r\n3,4\r\n", [(1, ("1", "2")), (2, ("3", "4"))]),
        (b"\xef\xbb\xbfa,b\n1,2", [(1, ("1", "2"))]),
        (b"a,b\n\n1,2\n\r\n\n3,4\n\n", [(1, ("1", "2")), (2, ("3", "4"))]),
        (b'a,b\n"1\n,1","2""2"\n', [(1, ("1\n,1", '2"2'))]),
        (b'a,b\n,""\n', [(1, (None, ""))]),
        (b"a\n1\n\n2\n", [(1, ("1",)), (2, ("2",))]),
        (b'"a,\nx",b\n1,2\n', [(1, ("1", "2"))]),
        (b"a,b\n1,2\r", [(1, ("1", "2"))]),
        (b"a,b\nx\x01,2\n3,4\n", [(1, ("x\x01", "2")), (2, ("3", "4"))]),
        (b"a,b\n", []),
        (b"a,b", []),
        (b"", []),
    ],
)
def test_well_formed_text_is_read_as_rfc_4180_says(text: bytes, rows: list) -> None:
    """Line ends, a byte order mark, blank lines, quotes: the same records, numbered from 1 without header and blanks."""
    assert read(text) == (rows, [])


@pytest.mark.parametrize(
    ("text", "good", "torn"),
    [
        (b"a,b\n1\n3,4\n", [(2, ("3", "4"))], [(1, "1 fields, and the header has 2", "1")]),
        (b"a,b\n1,2,3\n3,4\n", [(2, ("3", "4"))], [(1, "3 fields, and the header has 2", "1,2,3")]),
        (
            b"a,b\n1,2,3\n3\n",
            [],
            [(1, "3 fields, and the header has 2", "1,2,3"), (2, "1 fields, and the header has 2", "3")],
        ),
        (b"a,b\n1,\xff\n3,4\n", [(2, ("3", "4"))], [(1, "byte 0xff is not UTF-8", "1,\\xff")]),
        (
            b'a,b\n1,x"y\n3,4\n',
            [(2, ("3", "4"))],
            [(1, QUOTE := "a quote is never closed, or stands inside a field that is not quoted", '1,x"y')],
        ),
        (b'a,b\n1,"2\n3,4\n', [(2, ("3", "4"))], [(1, QUOTE, '1,"2')]),
        (b'a,b\n1,"2"x\n3,"4"\n', [(2, ("3", "4"))], [(1, QUOTE, '1,"2"x')]),
        (b'a,b\n3,"4"\n5,6"\n7,8\n', [(1, ("3", "4")), (3, ("7", "8"))], [(2, QUOTE, '5,6"')]),
    ],
)
def test_a_torn_record_costs_one_line_and_keeps_its_number_and_text(text: bytes, good: list, torn: list) -> None:
    """Short, long, wrongly quoted or not UTF-8: told apart with reason and raw text; every other row is read."""
    assert read(text) == (good, torn)


def test_a_quote_that_is_never_closed_does_not_swallow_the_file() -> None:
    """After more than a megabyte without a closing quote one line is given up, and all others are read."""
    lines = b"".join(b"%d,x\n" % n for n in range(300_000))
    rows, torn = read(b'a,b\n0,"x\n' + lines, 10_000)
    assert len(rows) == 300_000
    assert [(number, text) for number, _, text in torn] == [(1, '0,"x')]
    assert rows[0] == (2, ("0", "x"))
    assert rows[-1] == (300_001, ("299999", "x"))


def test_a_line_without_end_is_given_up_in_bounded_memory() -> None:
    """Four megabytes without a line end are one torn record, shown by their beginning."""
    rows, torn = read(b"a,b\n1,2\n" + b"x" * 4 * LONGEST_RECORD + b"\n3,4\n", 10)
    assert rows == [(1, ("1", "2")), (3, ("3", "4"))]
    assert [number for number, _, _ in torn] == [2]
    assert len(torn[0][2]) < 10_000


def test_records_do_not_depend_on_where_blocks_are_cut() -> None:
    """Quoted line ends at every position of a block's edge: the same rows as from one block."""
    body = b"".join(b'%d,"%s\n%s"\n' % (n, b"y" * (n % 97), b"z" * (n % 89)) for n in range(30_000))
    rows, torn = read(b"a,b\n" + body, 1)
    expected = list(csv.reader(io.StringIO(body.decode())))
    assert torn == []
    assert [row for _, row in rows] == [tuple(record) for record in expected]
    assert [number for number, _ in rows] == list(range(1, 30_001))


CELL = st.text(st.sampled_from('a1",\n\r ;é\x00\t'), max_size=6)


@given(st.lists(st.tuples(CELL, CELL), max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_writes_is_read_back(records: list[tuple[str, str]], end: str) -> None:
    """Any cells, quoted by Python's writer, come back in order; an empty cell is null or empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b"])
    writer.writerows(records)
    rows, torn = read(out.getvalue().encode())
    assert torn == []
    assert [row for _, row in rows] == records


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_any_bytes_are_rows_or_torn_records_and_every_number_is_there_once(lines: list[bytes]) -> None:
    """No bytes stop the reading; good and torn records together are numbered 1, 2, 3, ... without a gap."""
    rows, torn = read(b"a,b\n" + b"\n".join(lines))
    numbers = sorted([number for number, _ in rows] + [number for number, _, _ in torn])
    assert numbers == list(range(1, len(numbers) + 1))
    if not any(b'"' in line for line in lines):
        assert len(numbers) == sum(1 for line in b"\n".join(lines).split(b"\n") if line not in (b"", b"\r"))


def test_null_values_are_those_of_the_settings() -> None:
    """`null_values` names texts that mean null; by default only the empty field does."""
    assert read(b"a,b\nNA,-\n", null_values=["NA", "-"])[0] == [(1, (None, None))]
    assert read(b"a,b\nNA,-\n")[0] == [(1, ("NA", "-"))]


def test_the_separator_is_that_of_the_settings() -> None:
    """A semicolon separates; a comma is then a letter."""
    assert read(b"a;b\n1,5;2\n", separator=";")[0] == [(1, ("1,5", "2"))]


@pytest.mark.parametrize(
    ("text", "code"),
    [(b"\xff\xfea\x00", "DS302"), (b"a,\xff\n1,2\n", "DS302"), (b"a,a\n1,2\n", "DS306")],
)
def test_a_file_that_is_no_csv_in_utf_8_is_refused(text: bytes, code: str) -> None:
    """UTF-16, a header that is not UTF-8, and a column that stands twice."""
    with pytest.raises(NotReady) as caught:
        read(text)
    assert caught.value.problems[0].code == code


def test_a_header_cell_without_a_name_gets_its_number(tmp_path: Path) -> None:
    """As pandas writes an index: the empty name becomes column_1."""
    blocks = list(read_csv(io.BytesIO(b",b\n1,2\n"), "f.csv", SourceSettings(files="f.csv"), 10))
    assert blocks[0].frame.columns == ["column_1", "b"]
