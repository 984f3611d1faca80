"""JSON Lines that nobody should write."""

from __future__ import annotations

import io

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
