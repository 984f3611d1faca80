"""A shop that goes live."""

from __future__ import annotations

import pytest

from dayshift.lifecycle.project import Project
from tests.runtimes.conftest import Shop
from tests.runtimes.live.taps import Record
from tests.runtimes.live.test_run import DAYS, feed_of, nights


@pytest.fixture
def later(shop: Shop) -> tuple[Project, list[Record]]:
    """A shop after some nights, and what happens in the two days behind them."""
    project = nights(shop, DAYS)
    for day in range(DAYS, DAYS + 2):
        shop.write_day(day)
    return project, feed_of(shop, range(DAYS, DAYS + 2))
