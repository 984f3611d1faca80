"""The small shop of the nightly tests after some nights, with ways to alter what was served and what is in the log."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from dayshift.lake import Table
from dayshift.lifecycle.project import Project
from dayshift.lifecycle.verify import VerifyReport, verify
from dayshift.runtimes import nightly
from tests.runtimes.conftest import FIRST, PIPELINE, SETTINGS, Shop

NIGHTS = 9
ALTERED = "altered"
Change = Callable[[pl.DataFrame], pl.DataFrame]


def built(folder: Path, pipeline: str = PIPELINE, settings: str = SETTINGS, nights: int = NIGHTS) -> Shop:
    """A shop after so many nights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.py").write_text(pipeline, encoding="utf-8")
    (folder / "dayshift.toml").write_text(settings, encoding="utf-8")
    shop = Shop(folder)
    for day in range(nights):
        shop.write_day(day)
        nightly.run(shop.open(), shop.night(day))
    return shop


@pytest.fixture(scope="session")
def nine_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine nights: Monday the 5th trains, from then on all are scored."""
    return built(tmp_path_factory.mktemp("verified") / "shop").root


@dataclass
class Altered:
    """A copy of the shop that may be altered."""

    root: Path

    @property
    def project(self) -> Project:
        """The project as the commands open it."""
        return Shop(self.root).open()

    def alter(self, table: Table, change: Change) -> None:
        """Rewrites a table that the pipeline computes, without a word to anybody."""
        rows = change(table.scan().collect())
        table.replace(rows, pl.lit(True), ALTERED, table.last_number(ALTERED) + 1)

    def report(self, sample: int = 0) -> VerifyReport:
        """What verification finds."""
        return verify(self.project, sample=sample)


@pytest.fixture
def shop_copy(nine_nights: Path, tmp_path: Path) -> Altered:
    """The nine nights, for one test alone."""
    shutil.copytree(nine_nights, tmp_path / "shop")
    return Altered(tmp_path / "shop")


def at(days: float) -> dt.datetime:
    """A time of the shop, in days from its first."""
    return FIRST + dt.timedelta(days=days)
