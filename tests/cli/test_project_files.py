"""Projects from templates: complete, the same everywhere, and never over somebody's files."""

from pathlib import Path

import pytest

from dayshift.cli.frame import run
from dayshift.cli.project_files import TEMPLATES, make_project, replace_demo
from dayshift.cli.templates.payments_data import DAYS, write_payments
from dayshift.definition.check import check
from dayshift.definition.loading import load_pipeline, read_settings
from dayshift.diagnostics import UsageError

ROOT = Path(__file__).parents[2]
PACKAGED = ROOT / "src" / "dayshift" / "cli" / "templates" / "late-flights"


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_a_definition_without_fault(template: str, tmp_path: Path) -> None:
    """What a newcomer gets first earns neither an error nor a warning."""
    files = make_project(tmp_path / "new", template)
    assert {"README.md", "dayshift.toml", "pipeline.py"} <= set(files)
    assert check(load_pipeline(tmp_path / "new" / "pipeline.py"), read_settings(tmp_path / "new")) == []


def test_the_data_are_the_same_every_time(tmp_path: Path) -> None:
    """Two writings give equal bytes, a file of payments a day."""
    for name in ("one", "two"):
        write_payments(tmp_path / name)
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.csv")}
        for name in ("one", "two")
    )
    assert one == two
    assert sum(path.parts[0] == "payments" for path in one) == DAYS


def test_disputes_come_after_their_payments(tmp_path: Path) -> None:
    """Every dispute names a payment that was made before, within the label's week."""
    write_payments(tmp_path)
    paid, disputed = {}, {}
    for name, found in (("payments", paid), ("disputes", disputed)):
        for file in (tmp_path / name).glob("*.csv"):
            for line in file.read_text().splitlines()[1:]:
                key, time, *_ = line.split(",")
                found[key] = time
    assert len(disputed) > 200
    assert all(paid[key] < time for key, time in disputed.items())


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """DS128, and nothing is written."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="DS128"):
        make_project(tmp_path, "payments")
    with pytest.raises(UsageError, match="DS128"):
        replace_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_template_is_told_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DS127 with the command that would work."""
    assert run(["init", str(tmp_path / "new"), "--template", "payment"]) == 2
    assert "--template payments" in capsys.readouterr().err


def test_a_demo_replaces_an_earlier_demo_only(tmp_path: Path) -> None:
    """The mark of the demo lets it delete its own folder."""
    folder = tmp_path / "demo"
    replace_demo(folder)
    (folder / "lake").mkdir()
    replace_demo(folder)
    assert not (folder / "lake").exists()
    assert (folder / "pipeline.py").is_file()


@pytest.mark.parametrize("name", ["pipeline.py", "dayshift.toml"])
def test_the_demo_is_the_example(name: str) -> None:
    """The package carries the same files that examples/late-flights shows."""
    packaged = PACKAGED / ("pipeline.py.template" if name == "pipeline.py" else name)
    assert packaged.read_bytes() == (ROOT / "examples" / "late-flights" / name).read_bytes()
