"""JSON Lines that nobody should write."""

from __future__ import annotations

import io
import random

import pytest

from dayshift.connectors.files import jsonl


def test_an_endless_line_costs_one_record_and_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed a thousand to one it would fill the memory; what comes before and after it is read."""
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 1 << 20)
    monkeypatch.setattr(jsonl, "_SMALLEST", 1 << 16)
    endless = b'{"id":"' + b"0" * (3 << 20) + b'"}'
    text = b'{"id":"a"}\n' + endless + b'\n{"id":"b"}\n' + endless
    blocks = list(jsonl.read_jsonl(io.BytesIO(text), 1))
    read = [row for block in blocks if block.frame.width for row in zip(block.frame["id"], block.rows, strict=True)]
    assert read == [("a", 1), ("b", 3)]
    rejects = [row for block in blocks for row in block.rejects.rows()]
    assert [(number, reason) for number, reason, _ in rejects] == [
        (2, "the line is longer than 1,048,576 bytes"),
        (4, "the line is longer than 1,048,576 bytes"),
    ]
    assert all(len(raw) < 10_000 for _, _, raw in rejects)


SEEDS = (
    rb'{"a":1}', rb'{"a":"x","b":[1,2]}', rb'{"b":{"c":1.5}}', rb'{"a":true,"b":null}', rb'{"a":1e5}', rb'{"a":-0.0}',
    rb'{"a":12345678901234567890}', rb'{"a":"\u00e4\n"}', rb'{"a":["\u00e4\t\r\\\"\u0001",-0,1e-7,{"x":1.0,"x":2}]}',
    rb'{"a":1,"a":2}', rb'{"a":"\ud83d\ude00"}', rb'{"a":"\ud83d"}', rb'{"a":123.456e-20}', rb'{}',
)  # fmt: skip
LETTERS = b'{}[],:"\\ 0123456789.eE+-truefalsnabd\t\x00\xff\xc3\xa4/'


def _mutated(chance: random.Random) -> bytes:
    text = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(text) + 1)
        text[at : at + chance.randrange(2)] = bytes([chance.choice(LETTERS)])[: chance.randrange(2)]
    return bytes(text)


def test_a_line_reads_the_same_whichever_reader_takes_it() -> None:
    """A torn line beside it sends a whole block to the slow reader: no text of any other line may show that."""
    chance = random.Random(20130101)
    for _ in range(3_000):
        lines = [b'{"a":"first"}', _mutated(chance)]
        alone, beside = jsonl.read_objects(lines), jsonl.read_objects([*lines, b"torn"])
        assert beside.faults[:-1] == alone.faults
        names = sorted({*alone.frame.columns, *beside.frame.columns} - {""})
        found = [one.frame.select(names).rows() for one in (alone, beside)]
        assert found[0] == found[1], lines[1]


def test_half_a_surrogate_pair_is_no_text() -> None:
    """It can be written in JSON's escapes, and in no file: its line is told apart, the others are read."""
    found = jsonl.read_objects([rb'{"a":"\ud83d"}', rb'{"a":"\ud83d\ude00"}', rb'{"a":"\\ud83d"}', rb'{"\ude00":1}'])
    assert found.frame["a"].to_list() == ["😀", "\\ud83d"]
    assert [at for at, _ in found.faults] == [0, 3]
    assert found.faults[0][1] == "not JSON that can be read: half of a surrogate pair"
