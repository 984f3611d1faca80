"""What a team says it can do, what its repository shows, and what each option asks of it."""

import itertools
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.evidence import Ability, Asks, Team
from dayshift.adviser.repository import ABILITIES, evidence, imports, notebook, repository, required
from dayshift.adviser.team import LEARNING_HOURS, assumptions, parse_answer, profile_questions, profile_toml, team
from dayshift.definition.settings import CAPABILITIES, Settings, TeamSettings

ANSWERS = st.sampled_from([None, "yes", "no", "partly"])
PROFILE = st.fixed_dictionaries(
    dict.fromkeys(ABILITIES[:10], ANSWERS)
    | {"on_call": st.sampled_from([None, True, False]), "hours_a_month": st.one_of(st.none(), st.floats(0, 100))}
)


def ability(found: Team, name: str) -> Ability:
    return next(each for each in found.abilities if each.name == name)


def option(found: Team, name: str) -> Asks:
    return next(each for each in found.options if each.option == name)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a project two folders down."""
    files = {
        ".git/HEAD": "ref: refs/heads/main\n",
        ".github/workflows/test.yml": "on: push\n",
        "Dockerfile": "FROM python\n",
        "infra/main.tf": "",
        "deploy/app.yaml": "apiVersion: v1\nkind: Deployment\n",
        "dags/nightly.py": '"""Nothing of kafka."""\n\nfrom airflow.models import DAG\n',
        "src/stream.py": "# import kafka\nimport os\n\nprint('from mlflow import x')\n",
        "requirements.txt": "numpy>=2\napache-airflow[postgres]==2.9  # or prefect\nevidently\n",
        "models/orders.sql": "select 1\n",
        "docs/runbook.md": "# When it fails\n",
        "tests/test_it.py": "def test_it():\n    pass\n",
        "notebooks/one.ipynb": '{"cells": [{"cell_type": "code", "source": ["%pip install x\\n", "import mlflow\\n"]}]}',
        ".venv/lib/site.py": "import kafka\n",
        "node_modules/x/x.py": "import kafka\n",
        "data/made.py": "import kafka\n",
        "teams/fraud/dayshift.toml": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "teams" / "fraud"


def test_the_whole_repository_is_looked_at_from_its_root(project: Path) -> None:
    """Each ability with file and line, from wherever the project lies in the repository."""
    found = evidence(project, seconds=30)
    assert found["orchestration"] == ["requirements.txt:2", "dags/nightly.py:3"]
    assert found["containers"] == ["Dockerfile:1"]
    assert found["ci"] == [".github/workflows/test.yml:1"]
    assert found["cloud"] == ["deploy/app.yaml:2", "infra/main.tf:1"]
    assert found["monitoring"] == ["requirements.txt:3"]
    assert found["ml_tracking"] == ["notebooks/one.ipynb:1"]
    assert found["sql"] == ["models/orders.sql:1"]
    assert found["tests"] == ["tests/test_it.py:1"]
    assert found["runbooks"] == ["docs/runbook.md:1"]


def test_words_installed_packages_and_data_prove_nothing(project: Path) -> None:
    """A comment, a text, a virtual environment, a folder of packages and one of data show no Kafka."""
    assert "streaming" not in evidence(project, seconds=30)


def test_a_folder_without_git_is_looked_at_alone(tmp_path: Path) -> None:
    """Nothing above the project is read where no repository is around it; nor does a missing folder matter."""
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    (tmp_path / "inner").mkdir()
    if repository(tmp_path) == tmp_path:
        assert evidence(tmp_path / "inner") == {}
    assert evidence(tmp_path / "absent") == {} or repository(tmp_path) != tmp_path


def test_the_look_ends_in_time(project: Path) -> None:
    """A clock that is past its time ends the walk, and what was found until then stands."""
    ticks = itertools.count(0, 10)
    assert len(evidence(project, 1.0, lambda: float(next(ticks)))) <= 1


def test_a_link_is_not_followed(project: Path, tmp_path: Path) -> None:
    """A link to a folder above would have no end."""
    (tmp_path / "loop").symlink_to(tmp_path)
    assert all(not place.startswith("loop") for places in evidence(project, 30).values() for place in places)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import boto3", {"cloud": 1}),
        ("from google.cloud import aiplatform", {"cloud": 1}),
        ("from google.protobuf import message", {}),
        ("from azure.ai.ml import MLClient", {"cloud": 1}),
        ("from . import kafka", {}),
        ("x = 1\ntry:\n    import pyspark\nexcept ImportError:\n    pass", {"streaming": 3}),
        ("import fastapi\nimport onnxruntime", {"serving": 1}),
        ("import kafka (", {}),
        ("import feast, prefect", {"serving": 1, "orchestration": 1}),
    ],
)
def test_imports_are_those_that_python_sees(code: str, found: dict[str, int]) -> None:
    """Neither relative imports nor files that do not parse; a package's namesake in another package is not it."""
    assert imports(code) == found


def test_requirements_are_read_line_by_line() -> None:
    """Lists of pip, of conda and of a project file."""
    assert required("dependencies:\n  - numpy\n  - mlflow=3\n") == {"ml_tracking": 3}
    assert required('[project]\ndependencies = ["polars", "prometheus-client>=0.2"]\n') == {"monitoring": 2}
    assert required('dependencies = [\n    "google-cloud-aiplatform>=1",\n]\n') == {"cloud": 2}


def test_a_broken_notebook_shows_nothing() -> None:
    """Neither what is no JSON nor JSON that is no notebook stops the look."""
    assert notebook("{") == notebook("[]") == notebook('{"cells": [1, {"cell_type": "code"}]}') == {}


def test_the_four_states_of_an_ability(project: Path) -> None:
    """Agreed, declared without a file, found without a declaration (or against one), absent."""
    declared = TeamSettings(orchestration="yes", streaming="partly", containers="no")
    found = team(Settings(team=declared), project)
    assert ability(found, "orchestration").state == "agreed"
    assert ability(found, "streaming").state == "declared, no file"
    assert ability(found, "containers").state == "found, not declared"
    assert ability(found, "sql").state == "found, not declared"
    assert ability(found, "serving").state == "absent"


def test_without_a_declaration_nothing_is_declared() -> None:
    """An empty profile is told as one, and without a folder nothing is found."""
    found = team(Settings(), None)
    assert not found.declared
    assert {each.state for each in found.abilities} == {"absent"}
    assert team(TeamSettings(on_call=False), None).declared


def test_every_capability_has_its_demands() -> None:
    """The options are the capabilities and today's nightly run; retraining needs no more than the schedule has."""
    names = {each.option for each in team(Settings(), None).options}
    wanted = {name.replace("automatic", "scheduled") for name in CAPABILITIES} | {"nightly as today"}
    assert names == wanted


def test_what_needs_a_person_at_night_is_operable_only_with_one() -> None:
    """A team of all abilities without on-call cannot operate an endpoint; it can retrain on a schedule."""
    able = dict.fromkeys(ABILITIES[:10], "yes")
    asleep, awake = (team(TeamSettings(on_call=on_call, **able), None) for on_call in (None, True))  # type: ignore[arg-type]
    assert not option(asleep, "endpoint").operable
    assert option(asleep, "scheduled retraining").operable
    assert option(awake, "endpoint").operable
    assert option(awake, "endpoint").missing == ()


def test_what_is_missing_is_named_and_costs_learning() -> None:
    """An ability that is missing adds the hours to learn it, one that is partly there half of them."""
    able = dict.fromkeys(ABILITIES[:10], "yes")
    base = option(team(TeamSettings(**able), None), "streaming features").setup_hours  # type: ignore[arg-type]
    lacking = option(team(TeamSettings(**{**able, "streaming": "no"}), None), "streaming features")  # type: ignore[arg-type]
    partly = option(team(TeamSettings(**{**able, "streaming": "partly"}), None), "streaming features")  # type: ignore[arg-type]
    assert lacking.missing == ("streaming",)
    assert lacking.setup_hours == base + LEARNING_HOURS
    assert partly.missing == ()
    assert partly.setup_hours == base + LEARNING_HOURS / 2


def test_hours_that_the_team_does_not_have_make_an_option_inoperable() -> None:
    """An endpoint asks for more hours a month than a team with four has."""
    able = dict.fromkeys(ABILITIES[:10], "yes")
    found = team(TeamSettings(hours_a_month=4, on_call=True, **able), None)  # type: ignore[arg-type]
    assert not option(found, "endpoint").operable
    assert option(found, "monitoring").operable


@given(PROFILE, st.sampled_from(ABILITIES[:10]))
def test_learning_something_never_makes_a_team_less_able(profile: dict[str, object], name: str) -> None:
    """With one ability more, no option that was operable is not, and none takes longer to set up."""
    before = team(TeamSettings.model_validate(profile), None)
    after = team(TeamSettings.model_validate({**profile, name: "yes"}), None)
    for old, new in zip(before.options, after.options, strict=True):
        assert new.operable or not old.operable
        assert new.setup_hours <= old.setup_hours


@given(PROFILE)
def test_a_profile_that_is_asked_for_can_be_pasted(profile: dict[str, object]) -> None:
    """Answers written as TOML are read back as the same settings."""
    questions = {one.setting: one for one in profile_questions()}
    assert set(questions) == set(TeamSettings.model_fields)
    texts = {name: "" if value is None else str(value) for name, value in profile.items()}
    texts["on_call"] = {"": "", "True": "y", "False": "No"}[texts["on_call"]]
    answers = {name: parse_answer(questions[name], text) for name, text in texts.items()}
    pasted = TeamSettings.model_validate(tomllib.loads(profile_toml(answers))["team"])
    declared = TeamSettings.model_validate(profile)
    assert pasted == declared


@pytest.mark.parametrize(
    ("setting", "text"), [("sql", "maybe"), ("on_call", "partly"), ("hours_a_month", "-1"), ("hours_a_month", "inf")]
)
def test_an_answer_that_is_none_is_refused(setting: str, text: str) -> None:
    """The message names what was said and what may be."""
    question = next(one for one in profile_questions() if one.setting == setting)
    with pytest.raises(ValueError, match=f"'{text}' is"):
        parse_answer(question, text)


def test_hours_are_printed_as_assumptions() -> None:
    """Every option that runs something new says its hours, as its team would have them."""
    said = assumptions(team(Settings(), None))
    assert any(line.startswith("endpoint: ") and "hours to set up" in line for line in said)
    assert not any(line.startswith("nightly as today") for line in said)
