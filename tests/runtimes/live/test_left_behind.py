"""What a live run that broke off left behind is told by the plan of the next night."""

from __future__ import annotations

import pytest

from dayshift.cli.frame import run
from dayshift.runtimes import nightly, plans
from tests.runtimes.conftest import Shop
from tests.runtimes.live.taps import Feed
from tests.runtimes.live.test_run import Breaking, Broken, feed_of, go


@pytest.mark.slow
def test_the_plan_of_a_night_tells_what_it_will_settle(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when nothing else is new; the load is there once the night has been, and then there is no more to settle."""
    settings = shop.root / "dayshift.toml"
    settings.write_text(settings.read_text().replace('train = "0 3 * * 1"\n', ""))
    shop.write_day(0)
    nightly.run(shop.open(), shop.night(0))
    assert plans.of_run(shop.open(), shop.night(0)).settles == ()
    shop.write_day(1)
    records = feed_of(shop, range(1, 2))
    for name in ("orders", "returns"):
        (shop.root / "data" / name / "001.csv").unlink()
    with pytest.raises(Broken):
        go(shop.open(), Breaking(records, lambda: 3, after=31))
    last = shop.open().lake.last_load
    plan = plans.of_run(shop.open(), shop.night(1))
    assert (plan.settles, plan.load) == ((last + 1,), last + 2)
    assert not any(one.origins for one in plan.reads)
    capsys.readouterr()
    assert run(["run", "--plan", "-C", str(shop.root), "--now", shop.night(1).isoformat()]) == 0
    told = capsys.readouterr().out
    assert f"load {last + 1} of its journal" in told
    assert "none: nothing is new beside what it settles" in told
    nightly.run(shop.open(), shop.night(1))
    assert shop.open().lake.last_load == last + 1
    assert plans.of_run(shop.open(), shop.night(1)).settles == ()
    go(shop.open(), Feed(records))


def test_a_journal_without_a_whole_record_settles_nothing(shop: Shop) -> None:
    """A run that was killed while it made the file left nothing that was acknowledged."""
    shop.write_day(0)
    project = shop.open()
    assert project.lake.root.path is not None
    folder = project.lake.root.path / "live"
    folder.mkdir(parents=True)
    (folder / "000000000001.journal").write_bytes(b"DAYSHIFT-JOURNAL 1\n1234")
    plan = plans.of_run(project, shop.night(0))
    assert (plan.settles, plan.load) == ((), 1)
