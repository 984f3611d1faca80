"""Long histories: some entities with their whole past, and why a history is read whole where that cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import dayshift as ds
from dayshift.adviser.history import History, Situation, read_history
from dayshift.adviser.some_entities import SomeEntities, columns_by_source, some_entities
from dayshift.adviser.volume import volume
from dayshift.definition import Calendar
from dayshift.engines.contract import FrameLog
from tests.adviser.history_worlds import DAY_US, Orders, log, pipeline, sources

ROWS, CARDS = 20_000, 5_000


def world(loads: int = 1) -> FrameLog:
    """Orders of many cards, and verdicts that name the card too; in several loads some verdicts come late."""
    made = Orders(rows=ROWS)
    card = np.arange(ROWS) * 7919 % CARDS
    load = (np.arange(ROWS) * loads // ROWS + 1).astype(np.int64)
    late = DAY_US * (1 + np.arange(ROWS) % 3)
    loaded = pl.Series("_load", load), pl.Series("_load", np.minimum(load + (late > DAY_US), loads))
    orders = made.orders(card=pl.Series(card), shop=pl.Series(card % 7)).with_columns(loaded[0])
    verdicts = made.verdicts(known_us=late, card=pl.Series(card), brought=loaded[1])
    verdicts = verdicts.with_columns(_load="brought").drop("brought").sort("_load", "_position")
    return log(orders, verdicts)


def asked(by: str = "card", **changes: Any) -> ds.Pipeline:
    asks, tells = sources(orders={"shop": int}, verdicts={"card": int})
    more = (tells.by("card").over("30d", closed="right").mean("bad"), asks.by(by).over("7d").count())
    return pipeline(asks, tells, *more, **changes)


def by_question(history: History, situation: Situation) -> pl.DataFrame:
    features = history.features(situation).cast(pl.Float64)
    return features.with_columns(history.questions["id"], label=pl.Series(history.label)).sort("id")


@pytest.mark.parametrize("loads", [1, 4])
@pytest.mark.parametrize("situation", [Situation("event"), Situation("midnight"), Situation("event", DAY_US // 2)])
def test_what_is_replayed_of_an_entity_is_what_all_events_say_of_it(loads: int, situation: Situation) -> None:
    """Features and labels of the questions that are left are bit-equal to those of the whole history."""
    whole = read_history(asked(), world(loads))
    some = read_history(asked(), world(loads), most=ROWS)
    assert ROWS * 0.4 < some.as_of.size < ROWS * 0.6
    theirs, ours = (by_question(each, situation) for each in (whole, some))
    assert ours.equals(theirs.join(ours.select("id"), on="id", how="semi").sort("id"))


def test_what_is_not_replayed_is_counted_all_the_same() -> None:
    """Volume is that of all events, and a note says how many entities stand for them."""
    some = read_history(asked(), world(), most=ROWS)
    assert {name: len(times) for name, (times, _) in some.sources_times().items()} == {"orders": ROWS, "verdicts": ROWS}
    assert some.notes[0].startswith(f"of {2 * ROWS:,} events those of 2,")
    assert "50.0% by the hash of 'card'" in some.notes[0]
    assert volume(some, None, None).events == 2 * ROWS


def test_a_short_history_is_read_as_it_is() -> None:
    """Up to the limit the log is the very same and nothing is said."""
    events = world()
    assert some_entities(asked(), events, 2 * ROWS) == (events, ())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"by": "shop"}, "no column of the question keeps every window"),
        ({"metric": "precision@100_per_day"}, "precision@100_per_day counts rows"),
    ],
)
def test_where_windows_would_be_emptied_everything_is_read(changes: dict[str, str], why: str) -> None:
    """Windows kept by two different columns, or a metric that counts rows: the history is read whole, and the advice says why."""
    events = world()
    found, said = some_entities(asked(**changes), events, ROWS)
    assert found is events
    assert said[0].startswith(f"all of its {2 * ROWS:,} events were replayed")
    assert why in said[0]


def test_few_entities_do_not_stand_for_all() -> None:
    """A column of few values is no sample, however many events each has."""
    made = Orders(rows=ROWS)
    asks, tells = sources()
    found, said = some_entities(pipeline(asks, tells), log(made.orders(), made.verdicts()), ROWS)
    assert not isinstance(found, SomeEntities)
    assert "entities of 'card' would be left" in said[0]


def test_the_column_is_the_one_that_every_window_is_kept_by() -> None:
    """Alone or with others; by another name in another source; none where a source would be drawn by two columns."""
    asks, tells = sources(orders={"shop": int}, verdicts={"card": int, "payer": int})
    assert columns_by_source(pipeline(asks, tells)) == {"orders": "card"}
    both = asks.by("card", "shop").over("1d").count()
    assert columns_by_source(pipeline(asks, tells, both)) == {"orders": "card"}
    renamed = tells.by(payer="card").over("7d").count()
    assert columns_by_source(pipeline(asks, tells, renamed)) == {"orders": "card", "verdicts": "payer"}
    assert columns_by_source(pipeline(asks, tells, renamed, tells.by("card").over("7d").count())) == {}
    daily = ds.Pipeline("p", predict=Calendar(asks, "1d", ("card",)), features=tells.by("card").over("7d").count())
    assert columns_by_source(daily) == {"orders": "card", "verdicts": "card"}
