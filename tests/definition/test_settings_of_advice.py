"""[advise], [team] and [value]: defaults that are printed as assumptions, and faults told where they stand."""

from pathlib import Path

import pytest

from dayshift.definition.loading import read_settings
from dayshift.definition.settings import CAPABILITIES, Settings
from dayshift.diagnostics import DefinitionError, Problem


def problem(folder: Path, text: str) -> Problem:
    (folder / "dayshift.toml").write_text(text)
    with pytest.raises(DefinitionError) as caught:
        read_settings(folder)
    (found,) = caught.value.problems
    return found


def test_nothing_is_declared_by_default() -> None:
    """No price, no ability and no deadline is assumed where the file says nothing."""
    settings = Settings()
    assert settings.advise.smallest_gain is None
    assert settings.advise.deadline is None
    assert set(settings.team.model_dump().values()) == {None}
    assert settings.value.point is settings.value.caught_case is settings.value.hour_of_engineer is None
    assert settings.value.infrastructure == {}


def test_a_whole_declaration_is_read(tmp_path: Path) -> None:
    """Amounts, abilities and lengths come back as they were written."""
    (tmp_path / "dayshift.toml").write_text(
        '[advise]\nsmallest_gain = 0.01\ndeadline = "200ms"\nlabel_delays = ["1d", "3d"]\n'
        '[team]\nhours_a_month = 40\non_call = false\npython = "yes"\nstreaming = "partly"\n'
        '[value]\npoint = 500\ninfrastructure = { "streaming features" = 400, Spark = 900 }\n'
    )
    settings = read_settings(tmp_path)
    assert settings.advise.label_delays == ["1d", "3d"]
    assert (settings.team.hours_a_month, settings.team.on_call, settings.team.streaming) == (40.0, False, "partly")
    assert settings.value.infrastructure == {"streaming features": 400.0, "Spark": 900.0}
    assert set(settings.value.infrastructure) <= set(CAPABILITIES)


@pytest.mark.parametrize(
    ("text", "code", "line", "hint"),
    [
        ('[advise]\nhorizon = "0d"\n', "DS830", 2, 'write "30m", "6h", "1d" or "1d12h"'),
        ('[advise]\ndeadline = "soon"\n', "DS202", 2, 'write "30m", "6h", "1d" or "1d12h"'),
        ("[advise]\nsmallest_gain = 0.01\nsmallest_gain_share = 0.02\n", "DS831", 1, "remove one of them"),
        ('[advise]\nlabel_delays = ["24h", "1d"]\n', "DS832", 1, 'label_delays = ["1d", "3d"]'),
        ("[advise]\nlabel_delays = []\n", "DS832", 1, 'label_delays = ["1d", "3d"]'),
        ("[advise]\nalarm_budget = 0\n", "DS112", 2, "alarm_budget = 1.0"),
        ("[advise]\nhorison = '1d'\n", "DS111", 2, "write 'horizon' in place of 'horison'"),
        ('[team]\npython = "yess"\n', "DS112", 2, 'write "yes"'),
        ("[team]\nml_traking = 'no'\n", "DS111", 2, "write 'ml_tracking' in place of 'ml_traking'"),
        ("[value]\npoint = -1\n", "DS112", 2, None),
        ("[value]\npoint = inf\n", "DS112", 2, None),
        (
            "[value]\n\n[value.infrastructure]\nstreaming = 400\n",
            "DS833",
            3,
            'write "streaming features" in place of "streaming"',
        ),
    ],
)
def test_a_fault_is_told_with_its_line_and_its_repair(
    tmp_path: Path, text: str, code: str, line: int, hint: str | None
) -> None:
    """What cannot be meant is refused, with the nearest thing that could be."""
    found = problem(tmp_path, text)
    assert found.place
    assert (found.code, found.place.line, found.hint) == (code, line, hint)
