"""Throw-away Apache Kafka for the tests: one broker, or three that can fail over, in KRaft mode, on free ports.

The jars come from Maven Central once and stay in the user's cache; from then on no network is needed. Each broker is a
JVM with a small heap and its files in a temporary folder. `setpriv` ties it to this Python, so that even a killed test
run leaves none behind.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

POM = Path(__file__).with_name("kafka-pom.xml")
JAVA_AT_LEAST = 17
START_SECONDS = 120
SMALL_HEAP = ("-Xms64m", "-Xmx256m")
STEADY_HEAP = ("-Xms512m", "-Xmx512m")
"""Of a broker that is measured: it does not stop to let its heap grow."""
JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xlog:cds=off")
QUIET = r"""
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
  user_tests="test-secret";
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.backoff.ms=200
log.retention.ms=-1
log.initial.task.delay.ms=500
broker.heartbeat.interval.ms=250
broker.session.timeout.ms=2000
controller.quorum.fetch.timeout.ms=1000
controller.quorum.election.timeout.ms=500
controller.quorum.request.timeout.ms=1000
"""
# A broker dies with the thread that started it, so one thread that lives as long as Python starts them all.
_starter = ThreadPoolExecutor(1, thread_name_prefix="brokers")


class NoKafka(Exception):
    """Kafka cannot be started here; the text says why and how it can."""


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback address that nobody listens on at this moment."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def kafka_jars() -> Path:
    """The folder with Kafka's jars, fetched from Maven Central when this user has none of this version yet.

    Raises:
        NoKafka: Java or Maven is missing or too old, or Maven Central cannot be reached.
    """
    java = shutil.which("java")
    version = _java_version(java) if java else 0
    if version < JAVA_AT_LEAST:
        found = f"Java {version} is too old" if java else "Java is not installed"
        raise NoKafka(f"{found}: apt-get install default-jre-headless maven (Kafka needs Java {JAVA_AT_LEAST})")
    folder = _cache()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _fetch(folder)
    return folder


def _cache() -> Path:
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    text = POM.read_text(encoding="utf-8")
    version = re.search(r"kafka_[\d.]+</artifactId>\s*<version>([\d.]+)<", text)
    assert version
    return caches / "dayshift" / f"kafka-{version[1]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _java_version(java: str) -> int:
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NoKafka("Maven is not installed, and Kafka's jars are not in the cache: apt-get install maven")
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=folder.parent) as name:
        jars = Path(name) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        done = subprocess.run(
            [maven, "-q", "-B", "-f", str(POM), *goal], capture_output=True, text=True, check=False, cwd=name
        )
        if done.returncode or not any(jars.glob("kafka_*.jar")):
            said = (done.stdout + done.stderr).strip().splitlines()
            raise NoKafka(f"Maven could not fetch Kafka: {said[0] if said else 'no jar came'}")
        jars.rename(folder)


def certificate() -> Path:
    """A folder of the cache with `keystore.p12` (password `test-secret`) and `certificate.pem` for 127.0.0.1, made once.

    Raises:
        NoKafka: Java is missing.
    """
    folder = kafka_jars().with_name("kafka-certificate")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(prefix="certificate-", dir=folder.parent) as name:
                made = Path(name) / "made"
                made.mkdir()
                store = ["-keystore", str(made / "keystore.p12"), "-storepass", "test-secret", "-alias", "tests"]
                names = ["-dname", "CN=127.0.0.1", "-ext", "SAN=IP:127.0.0.1", "-validity", "36500", "-keyalg", "EC"]
                subprocess.run(["keytool", "-genkeypair", *store, *names], check=True, capture_output=True)
                export = ["keytool", "-exportcert", "-rfc", *store, "-file", str(made / "certificate.pem")]
                subprocess.run(export, check=True, capture_output=True)
                made.rename(folder)
    return folder


@dataclass
class Broker:
    """One broker of a cluster, running or not."""

    node: int
    port: int
    sasl_port: int
    folder: Path
    jars: Path
    heap: tuple[str, ...] = SMALL_HEAP
    _running: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._running is not None and self._running.poll() is None

    def start(self) -> None:
        """Starts the process; `Cluster.wait` waits until it answers."""
        assert not self.running
        options = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{self.jars}/*"]
        command = ["java", *self.heap, *JVM, *options, "kafka.Kafka", str(self.folder / "server.properties")]
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        with (self.folder / "log").open("ab") as log:
            self._running = _starter.submit(
                lambda: subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
            ).result()

    def stop(self) -> None:
        """Ends it in order, as an operator would; kills it when it takes longer than 30 seconds."""
        if self._running is not None and self.running:
            self._running.terminate()
            try:
                self._running.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """Ends it at once, as a power failure would."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()

    def wait(self, until: float, ports: Collection[int]) -> None:
        """Returns when it answers and knows the brokers at these ports; RuntimeError when that never comes."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        address = f"127.0.0.1:{self.port}"
        admin = AdminClient({"bootstrap.servers": address, "log_level": 0, "reconnect.backoff.max.ms": 200})
        while time.monotonic() < until and self.running:
            with contextlib.suppress(KafkaException):
                if set(ports) <= {one.port for one in admin.list_topics(timeout=1).brokers.values()}:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"Kafka broker {self.node} {'does not answer' if self.running else 'ended'}:\n{self.said()}")

    def said(self) -> str:
        """The end of its log."""
        return (self.folder / "log").read_text(errors="replace")[-4_000:]


@dataclass(frozen=True)
class Cluster:
    """Running brokers; `brokers[n]` can be stopped, killed and started again."""

    brokers: tuple[Broker, ...]

    @property
    def address(self) -> str:
        """What a client is told: every broker's host and port."""
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    @property
    def sasl_address(self) -> str:
        """The same for clients that log in as `tests` with `test-secret` (SASL PLAIN over TLS, see `certificate`)."""
        return ",".join(f"127.0.0.1:{broker.sasl_port}" for broker in self.brokers)

    def restart(self, node: int = 0, *, kill: bool = False) -> None:
        """Stops or kills a broker, starts it again and waits until it answers."""
        broker = self.brokers[node]
        if kill:
            broker.kill()
        else:
            broker.stop()
        broker.start()
        self.wait()

    def wait(self) -> None:
        """Returns when every broker whose process lives answers; RuntimeError when one ended, or one did not in time."""
        until = time.monotonic() + START_SECONDS
        running = [broker for broker in self.brokers if broker.running]
        for broker in running:
            broker.wait(until, {one.port for one in running})

    def topic(self, name: str, partitions: int = 1, **config: str) -> str:
        """Makes a topic, copied to every broker; `config` as Kafka names it, with `_` for the points. Its name."""
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.cimpl import NewTopic

        given = {setting.replace("_", "."): value for setting, value in config.items()}
        wanted = NewTopic(name, partitions, len(self.brokers), config=given)
        admin = AdminClient({"bootstrap.servers": self.address})
        for made in admin.create_topics([wanted]).values():
            made.result()
        return name


@contextlib.contextmanager
def kafka(brokers: int = 1, heap: tuple[str, ...] = SMALL_HEAP) -> Iterator[Cluster]:
    """A new Kafka cluster of one or three brokers, each with such a heap; killed and its files removed at the end.

    Raises:
        NoKafka: it cannot be started here.
    """
    jars = kafka_jars()
    folder = Path(tempfile.mkdtemp(prefix="dayshift-kafka-"))
    cluster = Cluster(())
    try:
        cluster = _formatted(jars, folder, brokers, heap)
        for broker in cluster.brokers:
            broker.start()
        cluster.wait()
        yield cluster
    finally:
        for broker in cluster.brokers:
            broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _formatted(jars: Path, folder: Path, brokers: int, heap: tuple[str, ...]) -> Cluster:
    """Brokers with their settings and formatted storage, not started."""
    ports = free_ports(3 * brokers)
    clients, logins, controllers = ports[:brokers], ports[brokers : 2 * brokers], ports[2 * brokers :]
    voters = ",".join(f"{n + 1}@127.0.0.1:{port}" for n, port in enumerate(controllers))
    made = []
    keystore = certificate() / "keystore.p12"
    for n in range(brokers):
        home = folder / str(n + 1)
        home.mkdir()
        (home / "server.properties").write_text(
            f"{QUIET}listener.name.sasl.ssl.keystore.location={keystore}\n"
            "listener.name.sasl.ssl.keystore.password=test-secret\n"
            f"process.roles=broker,controller\nnode.id={n + 1}\nlog.dirs={home}/storage\n"
            f"listeners=PLAINTEXT://127.0.0.1:{clients[n]},SASL://127.0.0.1:{logins[n]},"
            f"CONTROLLER://127.0.0.1:{controllers[n]}\n"
            f"controller.quorum.voters={voters}\n"
            f"offsets.topic.replication.factor={brokers}\ntransaction.state.log.replication.factor={brokers}\n"
            f"transaction.state.log.min.isr={min(brokers, 2)}\ndefault.replication.factor={brokers}\n"
            f"min.insync.replicas={min(brokers, 2)}\n"
        )
        made.append(Broker(n + 1, clients[n], logins[n], home, jars, heap))
    _format(jars, made)
    return Cluster(tuple(made))


def _format(jars: Path, brokers: list[Broker]) -> None:
    """Kafka's own tool formats the first broker's storage; the others' differ in their names only, and save a JVM each."""
    first = brokers[0].folder
    command = ["java", *SMALL_HEAP, *JVM, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{jars}/*"]
    command += ["kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c"]
    done = subprocess.run([*command, str(first / "server.properties")], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}")
    for broker in brokers[1:]:
        shutil.copytree(first / "storage", broker.folder / "storage")
        properties = broker.folder / "storage" / "meta.properties"
        text = re.sub(r"node\.id=\d+", f"node.id={broker.node}", properties.read_text())
        properties.write_text(re.sub(r"directory\.id=\S+", f"directory.id={'A' * 20}{broker.node}g", text))


def main(topics: Sequence[str]) -> int:
    """One broker with such topics until Ctrl-C, for whoever has none; 3 when it cannot be started here."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # either way its files are removed
    print("starting Apache Kafka; the first time Maven fetches it, which takes a while", file=sys.stderr)
    try:
        with kafka() as cluster:
            made = ", ".join(cluster.topic(name) for name in topics) or 'none (make broker TOPICS="payments scores")'
            print(f"Kafka listens at {cluster.address}; topics: {made}")
            print("in dayshift.toml, in [sources.NAME] or [live.outputs.NAME]:")
            print(f'\nbrokers = "{cluster.address}"\n', flush=True)
            print("Ctrl-C stops it and removes its files", file=sys.stderr)
            while cluster.brokers[0].running:
                time.sleep(0.2)
            print(f"the broker ended:\n{cluster.brokers[0].said()}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 0
    except (NoKafka, RuntimeError) as error:
        print(error, file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
