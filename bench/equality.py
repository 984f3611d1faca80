"""Live against nightly against the reference: every feature value and every prediction, bit for bit, through chaos.

    make bench NAME=equality                                     all flights, all payments, 50 kills, 5 restarts of the broker
    python bench/equality.py --cases flights --events 30000 --kills 6 --restarts 1

For each history three projects run the same pipeline file. `nightly` reads it as files, in one load. `disturbed` reads it
live from topics of a real Kafka, while its process is killed and the broker restarted, over and over. `undisturbed` reads
the same topics live, in peace. One champion, trained once, serves in all. Then are compared, value for value:

- what each live run wrote into its lake with what the nightly engine computes from that lake's own log;
- the same with what the independent nightly project wrote, matched by key; and its predictions;
- what stands in each live run's output topic, read committed, with its lake;
- the events in its lake with those that were sent: none lost, none there twice;
- a sample of answers with the reference interpreter, on the live run's log.

The last line is JSON; exit code 1 if anything was wrong. Needs Java and Maven or Kafka's jars; `transactions.parquet` and the
package with the flights.
"""

import argparse
import datetime as dt
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

import _cases  # noqa: E402
import _chaos  # noqa: E402
import polars as pl  # noqa: E402
from _compare import Count, compare, total  # noqa: E402
from _reference import check_sample  # noqa: E402

from dayshift.engines.contract import AS_OF  # noqa: E402
from dayshift.learners.registry import CHAMPION  # noqa: E402
from dayshift.lifecycle.project import Project  # noqa: E402
from dayshift.lifecycle.score import score  # noqa: E402
from dayshift.runtimes.project import open_project  # noqa: E402
from tests.brokers import Cluster, kafka  # noqa: E402

PREDICTION = "prediction"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Wish:
    """What is run: which histories, how much of each, how often it is disturbed, how many answers the reference checks."""

    cases: tuple[str, ...]
    events: int | None
    kills: int
    restarts: int
    sample: int
    seed: int

    def plan(self, number: int) -> _chaos.Plan:
        """The share of a case in kills and restarts."""
        kills, restarts = (
            whole * (number + 1) // len(self.cases) - whole * number // len(self.cases)
            for whole in (self.kills, self.restarts)
        )
        return _chaos.Plan(kills, restarts, self.seed + number)


def main() -> int:
    """Parse, run, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=_cases.NAMES, default=_cases.NAMES)
    parser.add_argument("--events", type=int, help="about so many events of each history, the first in time")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=5)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    wish = Wish(**vars(parser.parse_args()))
    counts: dict[str, Count] = {}
    told: list[_chaos.Told] = []
    with tempfile.TemporaryDirectory(prefix="bench-equality-") as folder, kafka() as cluster:
        for number, name in enumerate(wish.cases):
            (Path(folder) / name).mkdir()
            one = _cases.case(name, Path(folder) / name, wish.events)
            told.append(run(one, cluster, wish, number, counts))
    whole = total(counts.values())
    found = {
        "bench": "equality",
        "values": whole.values,
        "differing": whole.differing,
        "lost": whole.lost,
        "doubled": whole.doubled,
        "kills": sum(one.kills for one in told),
        "broker_restarts": sum(one.broker_restarts for one in told),
        "unasked": whole.unasked,
        "first": whole.first,
        "chaos": [asdict(one) for one in told],
        "checks": {name: asdict(count) for name, count in counts.items()},
    }
    print(json.dumps(found))
    return 0 if whole.clean else 1


def run(case: _cases.Case, cluster: Cluster, wish: Wish, number: int, counts: dict[str, Count]) -> _chaos.Told:
    """One history, in all three ways."""
    say(f"{case.name}: {case.events:,} events of {', '.join(case.streams)}")
    prefix, outputs = f"{case.name}-", {way: f"{case.name}-{way}-out" for way in ("disturbed", "undisturbed")}
    _chaos.topics(cluster, case.streams, prefix, *outputs.values())
    nightly = case.project(case.folder / "nightly", case.files(case.folder / "nightly"))
    _cases.command(nightly, "run", "--now", NOW.isoformat())
    say("nightly: done")
    live = {
        way: case.project(
            case.folder / way, case.topics(cluster.address, prefix, topic, 'commit = "2s"\ncheckpoint = "4s"')
        )
        for way, topic in outputs.items()
    }
    told = _chaos.disturb(case, live["disturbed"], cluster, prefix, wish.plan(number))
    say(f"disturbed: {told}")
    say(f"undisturbed: done in {_chaos.finish(live['undisturbed']):.1f} s")
    expected = answers(open_project(nightly))
    print(f"\n{case.name:<50}{'values':>12}{'differing':>11}{'lost':>6}{'doubled':>9}{'unasked':>9}")
    for way, root in live.items():
        for check, count in judge(case, open_project(root), expected, cluster.address, outputs[way], wish):
            counts[f"{case.name}, {way}: {check}"] = count
            print(
                f"  {way + ': ' + check:<48}{count.values:>12,}{count.differing:>11,}{count.lost:>6,}{count.doubled:>9,}"
                f"{count.unasked:>9,}  {count.first}",
                flush=True,
            )
    return told


def say(text: str) -> None:
    """Progress, with the time."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def answers(project: Project) -> pl.DataFrame:
    """Features and predictions of all questions of a nightly project; those of the champion's own training rows, which a
    night does not score, are scored here by the same function."""
    features = project.features.scan().collect()
    champion = project.registry.load(project.pipeline.name, CHAMPION)
    scored = score(project.pipeline, features, champion, NOW)
    keys = [*project.question_keys, AS_OF]
    whole = features.join(scored.select(*keys, PREDICTION), on=keys)
    written = compare(project.predictions.scan().collect(), whole, keys, [PREDICTION], whole=False)
    assert written.differing == written.doubled == 0, written
    return whole


def judge(
    case: _cases.Case, project: Project, expected: pl.DataFrame, brokers: str, output: str, wish: Wish
) -> Iterable[tuple[str, Count]]:
    """All comparisons of one live run."""
    pipeline, log = project.pipeline, project.lake.as_log()
    keys, columns = [*project.question_keys, AS_OF], list(pipeline.columns)
    features, predictions = project.features.scan().collect(), project.predictions.scan().collect()
    own = pl.concat(list(project.engine.features(pipeline, log)))
    yield "features, nightly engine on its own log", compare(features, own, keys, columns)
    del own
    yield "features, nightly project", compare(features, expected, keys, columns)
    yield "predictions, nightly project", compare(predictions, expected, keys, [PREDICTION])
    yield (
        "predictions in the topic, its lake",
        compare(published(project, brokers, output), predictions, keys, [PREDICTION]),
    )
    for name, frame in case.streams.items():
        there, own_keys = (
            log.scan(name).collect(),
            list(next(s for s in pipeline.sources if s.name == name).key_columns),
        )
        found = compare(there, frame, own_keys, [column for column in frame.columns if column not in own_keys])
        yield f"events of {name}, what was sent", found
    yield "reference, sampled", check_sample(pipeline, log, features, wish.sample, wish.seed)


def published(project: Project, brokers: str, topic: str) -> pl.DataFrame:
    """What a consumer that reads committed transactions finds in a topic: keys, as_of and prediction."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

    settings = {"bootstrap.servers": brokers, "group.id": "judge", "enable.auto.commit": False}
    consumer = Consumer({**settings, "isolation.level": "read_committed", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    rows: list[dict[str, object]] = []
    ended = False
    while not ended:
        for message in consumer.consume(10_000, 1.0):
            if message.error() is None:
                rows.append(json.loads(message.value()))
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                ended = True
    consumer.close()
    keys = project.question_keys
    frame = pl.DataFrame([{name: row[name] for name in (*keys, AS_OF, PREDICTION)} for row in rows])
    return frame.with_columns(pl.col(AS_OF).str.to_datetime(time_zone="UTC", time_unit="us"))


if __name__ == "__main__":
    sys.exit(main())
