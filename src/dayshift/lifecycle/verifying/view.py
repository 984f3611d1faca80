"""What was served and the log that it must follow from, as of one moment.

The versions of the tables are pinned before anything is read, and the log ends with the last load that the features
table answers. So a run that writes meanwhile, nightly or live, changes nothing of what is seen here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.definition import Calendar
from dayshift.diagnostics import NotReady, Refused, UsageError
from dayshift.engines.contract import AS_OF, FINGERPRINT, LOAD, POLICY, POSITION, TIME
from dayshift.engines.local.cuts import Cut
from dayshift.lake.log import LakeLog
from dayshift.lake.schema import fit
from dayshift.lifecycle.features import APP as FEATURES
from dayshift.lifecycle.horizon import answerable_from
from dayshift.lifecycle.predictions import APP as PREDICTIONS
from dayshift.lifecycle.verifying.past import forgotten
from dayshift.semantics.instants import microseconds

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

AT_ONCE = 250_000
"""So many rows are compared at a time."""
_ENDS = -(2**63), 2**63 - 1
Between = tuple[int, int] | None


@dataclass(frozen=True)
class View:
    """Loads `loads[0]` to `loads[1]`, questions with `between[0] <= as_of < between[1]` (microseconds; None: all).

    `floor_us`: questions before this time cannot be answered any more, None: all can. `forgotten`: the columns of
    features that look at deleted events, however late they are asked. `scored`: the last load that was predicted for.
    """

    project: Project
    log: LakeLog
    loads: tuple[int, int]
    between: Between
    floor_us: int | None
    forgotten: tuple[str, ...]
    features_version: int
    scored: int
    predictions_version: int

    @property
    def names(self) -> list[str]:
        """The columns that name a question: its place in the log, its time, its keys."""
        return list(dict.fromkeys([LOAD, POSITION, AS_OF, *self.project.question_keys]))

    @property
    def entities_forgotten(self) -> bool:
        """Whether a calendar asked for entities of which the log may not know any more that they were ever shown."""
        asker = self.project.pipeline.asker.name
        return (
            isinstance(self.project.pipeline.predict, Calendar)
            and self.project.lake.complete_from_us(asker) is not None
        )

    @property
    def columns(self) -> list[str]:
        """The columns of features that can be compared."""
        return [name for name in self.project.pipeline.columns if name not in self.forgotten]

    def asked(self, *, answerable: bool = True) -> pl.Expr:
        """Which rows of a table are questions of this view."""
        time = pl.col(AS_OF).to_physical()
        chosen = pl.col(LOAD).is_between(*self.loads)
        if self.between is not None:
            chosen = chosen & time.is_between(*self.between, closed="left")
        return chosen if self.floor_us is None or not answerable else chosen & self._has_events()

    def _has_events(self) -> pl.Expr:
        """Whether the log still holds what a question needs: the windows' events, and the one that asks."""
        assert self.floor_us is not None
        found = pl.col(AS_OF).to_physical() >= self.floor_us
        whole = self.project.lake.complete_from_us(self.project.pipeline.asker.name)
        asks = whole is not None and not isinstance(self.project.pipeline.predict, Calendar)
        return found & (pl.col(POSITION) >= whole) if asks else found

    def answers(self) -> pl.LazyFrame:
        """The rows of features that were served: as known, not in hindsight."""
        return self.everything().filter((pl.col(POLICY) == "as_known") & self.asked())

    def everything(self) -> pl.LazyFrame:
        """All rows of features."""
        return self.project.features.scan(version=self.features_version)

    def predictions(self) -> pl.LazyFrame:
        """The predictions from features of this definition."""
        if self.predictions_version < 0:
            names = {name: kind for name, kind in self.everything().collect_schema().items() if name in self.names}
            kinds = {**names, "prediction": pl.Float64(), "model_version": pl.String(), "scored_at": TIME}
            return pl.LazyFrame(schema=kinds)
        rows = self.project.predictions.scan(version=self.predictions_version)
        return rows.filter((pl.col(FINGERPRINT) == self.project.fingerprint) & self.asked())

    def pieces(self) -> Iterator[tuple[Cut, pl.DataFrame]]:
        """What the history engine makes of the log, piece by piece, each with the stretch of the log that it fills.

        The stretches leave no gap, so that a row which belongs to no question is met as well.
        """
        stored = self.everything().collect_schema()
        low: tuple[int, int] | None = None
        held: pl.DataFrame | None = None
        for frame in self._recomputed():
            for part in frame.iter_slices(AT_ONCE):
                right = fit(part.filter(self.asked()), stored, f"table '{self.project.features.name}'")
                held = right if held is None else pl.concat([held, right])
                if not held.height:
                    continue
                last = held.select(LOAD, POSITION).row(-1)
                cut = Cut(low, last)
                yield cut, held.filter(cut.before_high())
                held, low = held.filter(~cut.before_high()), last
            del frame
        yield Cut(low, None), self.everything().head(0).collect() if held is None else held

    def _recomputed(self) -> Iterator[pl.DataFrame]:
        between = self.between
        if self.floor_us is not None:
            low, high = between or _ENDS
            between = max(low, self.floor_us), high
        return self.project.engine.features(self.project.pipeline, self.log, loads=self.loads, between=between)


def look(project: Project, loads: tuple[int, int] | None, between: Between) -> View:
    """Pins what is to be verified.

    Raises:
        NotReady: DS710, nothing was served yet; DS403, the lake is damaged.
        UsageError: DS780, there are no such loads.
    """
    done = min(project.features.last_number(FEATURES), project.lake.last_load)
    if not done:
        raise NotReady("DS710", "there is nothing to verify: no question was answered yet", hint="dayshift run")
    first, last = (1, done) if loads is None else loads
    if not 1 <= first <= last <= done:
        raise UsageError(
            "DS780",
            f"loads {first}:{last} cannot be verified",
            facts=(_answered(done), *(("the first comes before the last",) if first > last else ())),
            hint=f"dayshift verify --loads 1:{done}",
        )
    floor_us, missing = _floor(project)
    return View(
        project=project,
        log=LakeLog(project.lake, done),
        loads=(first, last),
        between=between,
        floor_us=floor_us,
        forgotten=missing,
        features_version=project.features.version,
        scored=project.predictions.last_number(PREDICTIONS),
        predictions_version=project.predictions.version,
    )


def nothing_there(view: View) -> UsageError:
    """What is said of a range without any question: to compare nothing proves nothing."""
    ends = view.everything().select(pl.col(AS_OF).min().alias("first"), pl.col(AS_OF).max().alias("last"))
    first, last = ends.collect(engine="streaming").row(0)
    asked = f"questions were asked from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC" if last else None
    return UsageError(
        "DS780",
        "there is nothing to verify: no question was asked in this range",
        facts=(asked or "no question was asked yet", _answered(view.log.last_load)),
        hint=f"dayshift verify --since {last:%Y-%m-%d}" if last else "dayshift run",
    )


def _answered(done: int) -> str:
    return f"loads whose questions were answered: {done if done == 1 else f'1 to {done}'}"


def _floor(project: Project) -> tuple[int | None, tuple[str, ...]]:
    """From which time on questions can be answered, and the columns that no question can be answered for."""
    missing: tuple[str, ...] = ()
    try:
        earliest = answerable_from(project)
    except Refused:
        missing = forgotten(project)
        earliest = answerable_from(project, remembered=True)
    asker = project.pipeline.asker.name
    known = project.lake.complete_from_us(asker) if asker in project.lake.sources else None
    if earliest is None:
        return known if known is None else _ENDS[0], missing
    return microseconds(earliest), missing
