"""The last advice judged again under other assumptions, and how it is kept."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.decide import decide
from dayshift.adviser.evidence import NEEDED, UNDECIDED, Advice, Gain, Ladder, Rung
from dayshift.adviser.parts import LABELS, Terms
from dayshift.adviser.verdict import UNSKILLED, few_positives, finding
from dayshift.adviser.what_if import faster_labels, judge_again, other_delta, parse, scaled
from dayshift.adviser.written import from_json, load, save, schema, to_json
from dayshift.definition.settings import Settings
from dayshift.diagnostics import NotReady, UsageError
from tests.exports import advice_samples as samples

DAY = 86_400_000_000
GAIN = Gain(0.02, 0.015, 0.025, (0.02,) * 8, tuple(range(8)))
SAMPLES = [samples.flights, samples.transactions, samples.losses, samples.short, samples.stopped, samples.interrupted]


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_advice_survives_the_file(sample: object, tmp_path: Path) -> None:
    """Written and read again it is the same advice, to the last figure."""
    advice: Advice = sample()  # type: ignore[operator]
    save(advice, tmp_path / "a" / "advice.json")
    assert to_json(load(tmp_path / "a" / "advice.json")) == to_json(advice)


def test_the_schema_names_all_that_is_written() -> None:
    """Every key of the JSON stands in the schema."""
    described = schema()
    assert set(to_json(samples.flights())) <= set(described["properties"])
    assert "Finding" in described["$defs"]


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    """An advice that cannot be read is never half read."""
    with pytest.raises(NotReady, match="cannot be read"):
        from_json({"format": 0})
    (tmp_path / "advice.json").write_text("{", encoding="utf-8")
    with pytest.raises(NotReady, match="cannot be read"):
        load(tmp_path / "advice.json")
    with pytest.raises(NotReady, match="no advice"):
        load(tmp_path / "none.json")


def test_assumptions_are_read_as_people_write_them() -> None:
    """Durations, multiples and plain numbers; a name that is none gets the nearest."""
    assert parse("label_delay=1d,volume=10x,value_per_point=500") == {
        "label_delay": DAY,
        "volume": 10.0,
        "value_per_point": 500.0,
    }
    with pytest.raises(UsageError, match="knows no 'label_dely'"):
        parse("label_dely=1d")


def test_another_gain_that_matters_keeps_the_other_reasons() -> None:
    """Few positives stay few; only that no gain was said to matter is settled by saying one."""
    found = finding("x", "one over another", GAIN, 0.01, reasons=(*few_positives([8]), UNSKILLED))
    rungs = (Rung("midnight", 0.7), Rung("event", 0.72, found))
    advice = Advice("p", 0, "", freshness=Ladder("freshness", "midnight", rungs, reasons=(UNSKILLED,)))
    again = other_delta(advice, 0.001).freshness
    assert again is not None
    assert again.reasons == ()
    assert again.rungs[1].finding is not None
    assert again.rungs[1].finding.verdict == UNDECIDED
    assert again.rungs[1].finding.reasons == few_positives([8])


@pytest.mark.parametrize("text", ["label_delay=soon", "volume=-1x", "volume=0", "value_per_point=nan", "deadline=", ""])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    """No assumption is guessed."""
    with pytest.raises(UsageError):
        parse(text)


def test_labels_taken_as_had_are_no_longer_to_be_gained() -> None:
    """With labels after a day assumed, that day is the ladder's foot, and only shorter delays are left to be bought."""
    advice = samples.transactions()
    assert advice.label_delay is not None
    assert part_verdict(advice, LABELS) == NEEDED
    level = advice.label_delay.rungs[-1].level
    moved = faster_labels(advice, duration(level))
    assert moved.label_delay is not None
    assert moved.label_delay.foot == level
    assert part_verdict(moved, LABELS) != NEEDED


def duration(text: str) -> int:
    """A duration in microseconds."""
    return int(parse(f"deadline={text}")["deadline"]) if text != "0s" else 0


def part_verdict(advice: Advice, name: str) -> str:
    """The verdict on one capability."""
    return next(part.verdict for part in decide(advice, Terms()).parts if part.name == name)


def test_a_delay_that_was_not_replayed_is_not_guessed() -> None:
    """Between two delays nothing is known."""
    with pytest.raises(UsageError, match="was not replayed"):
        faster_labels(samples.transactions(), 2 * DAY + 1)


def test_a_greater_smallest_gain_needs_less() -> None:
    """What is needed at a smallest gain of one is needed at none: nothing gains that much."""
    huge = decide(other_delta(samples.transactions(), 1.0), Terms())
    assert all(part.verdict != NEEDED for part in huge.parts if part.gain is not None and part.name != "monitoring")


@given(st.floats(0.1, 50))
def test_more_volume_scales_rates_and_leaves_their_shape(times: float) -> None:
    """Rates grow by the factor; burstiness, lateness and the busiest hour's share stay."""
    volume = samples.transactions().volume
    assert volume is not None
    more = scaled(volume, times)
    assert more.mean_rate == pytest.approx(volume.mean_rate * times)
    assert (more.p99_hour_ratio, more.days, more.resolution_us) == (
        volume.p99_hour_ratio,
        volume.days,
        volume.resolution_us,
    )


def test_every_assumption_is_said_in_the_answer() -> None:
    """What was assumed stands among the notes, so that nobody takes it for a measurement."""
    asked = parse("volume=10x,value_per_point=500,deadline=1h")
    answer = judge_again(samples.transactions(), asked, Settings())
    assert "what if: volume = 10x, value_per_point = 500, deadline = 1h" in answer.notes
    assert answer.headline


def test_what_is_not_judged_again_is_said() -> None:
    """Monitoring needs the replay: another worth leaves its verdict as it was, and the answer says so."""
    told = "monitoring stands as it was judged"
    priced, larger = (
        judge_again(samples.flights(), parse(text), Settings()) for text in ("value_per_point=5", "volume=9x")
    )
    assert part_verdict(priced, "monitoring") == part_verdict(samples.flights(), "monitoring")
    assert any(note.startswith(told) for note in priced.notes)
    assert not any(note.startswith(told) for note in larger.notes)
