"""The throw-away services are real."""

import pytest

from tests.services import Database


@pytest.mark.postgres
def test_each_test_gets_an_empty_database(postgres: Database) -> None:
    """A new database has no tables of its own, and keeps what is written to it."""
    assert postgres.run("select count(*) from information_schema.tables where table_schema = 'public'") == "0"
    postgres.run("create table t (n int); insert into t values (1), (2)")
    assert postgres.run("select sum(n) from t") == "3"


@pytest.mark.postgres
def test_the_next_test_sees_nothing_of_the_one_before(postgres: Database) -> None:
    """The table of the other test is not here."""
    assert postgres.run("select to_regclass('t') is null") == "t"
