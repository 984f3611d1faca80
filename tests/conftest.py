"""Fixtures that all tests share: real services, real data, and the budget of the property tests."""

import contextlib
import os
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import services

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("OMP_NUM_THREADS", "1")  # beside other tests, two threads a model take twice as long as one
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=_SLOW)
settings.register_profile(
    "ci", max_examples=50, deadline=None, suppress_health_check=_SLOW, derandomize=True, database=None
)
settings.register_profile("thorough", max_examples=2_000, deadline=None, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

_numbers = count(1)


def _absent(reason: str, *, required: bool) -> None:
    if required:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def same_seed() -> None:
    """The global generator of `random` starts every test in the same state."""
    random.seed(20130101)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[services.Server]:
    """A PostgreSQL server of this session's own; skips without PostgreSQL, fails under DAYSHIFT_REQUIRE_SERVICES=1."""
    binaries = services.find_postgres()
    if binaries is None:
        required = os.environ.get("DAYSHIFT_REQUIRE_SERVICES") == "1"
        _absent("PostgreSQL is not installed: apt-get install postgresql", required=required)
    assert binaries is not None
    with services.postgres(binaries) as server:
        yield server


@pytest.fixture(scope="session")
def chromium_program() -> str:
    """A Chromium's program; skips without one, fails under DAYSHIFT_REQUIRE_SERVICES=1."""
    program = services.find_chromium()
    if program is None:
        required = os.environ.get("DAYSHIFT_REQUIRE_SERVICES") == "1"
        _absent("Chromium is not installed: apt-get install chromium", required=required)
    assert program is not None
    return program


@pytest.fixture
def postgres(postgres_server: services.Server) -> Iterator[services.Database]:
    """A new, empty PostgreSQL database: `.uri` to connect, `.run(sql)` to look at it from outside."""
    name = f"test_{next(_numbers)}"
    admin = postgres_server.database("postgres")
    admin.run(f"create database {name}")
    yield postgres_server.database(name)
    admin.run(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def kafka() -> Iterator[services.Cluster]:
    """A Kafka broker of this session's own; skips without Java or Maven, fails under DAYSHIFT_REQUIRE_SERVICES=1."""
    with contextlib.ExitStack() as held:
        try:
            cluster = held.enter_context(services.kafka())
        except services.NoKafka as reason:
            _absent(f"no Kafka: {reason}", required=os.environ.get("DAYSHIFT_REQUIRE_SERVICES") == "1")
        yield cluster


@pytest.fixture
def topic(kafka: services.Cluster) -> str:
    """A new, empty topic of one partition."""
    return kafka.topic(f"test-{next(_numbers)}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of large real data: DAYSHIFT_SHARED_DATA (then it must exist), or `../shared/data`; skips without it."""
    named = os.environ.get("DAYSHIFT_SHARED_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not (folder / "README.md").exists():
        _absent(f"no shared data at {folder}: set DAYSHIFT_SHARED_DATA to its folder", required=bool(named))
    return folder


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new model registry, to be copied: making its database takes seconds."""
    from dayshift.learners.registry import Registry

    folder = tmp_path_factory.mktemp("empty") / "registry"
    assert Registry(folder).versions("nobody") == []
    return folder
