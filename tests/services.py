"""Throw-away services for the tests: a PostgreSQL server, Kafka (`tests.brokers`) and a Chromium (`tests.exports.chromium`).

They live as long as the tests that use them.

The PostgreSQL server listens on a free port of the loopback address, keeps its files in a temporary folder, trusts everybody who
can reach it and never flushes to disk. It refuses to run as root, so as root it runs as the user `postgres`.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.brokers import Cluster, NoKafka, free_ports, kafka, kafka_jars

PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
QUIET = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=40")
START_SECONDS = 60
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
__all__ = [
    "Cluster",
    "Database",
    "NoKafka",
    "Server",
    "find_chromium",
    "find_postgres",
    "free_port",
    "free_ports",
    "kafka",
    "kafka_jars",
    "postgres",
]


@dataclass(frozen=True)
class Database:
    """One empty database of the throw-away server."""

    uri: str
    psql: Path

    def run(self, statements: str) -> str:
        """The output of psql for these statements, without headers; raises CalledProcessError at the first error."""
        command = [str(self.psql), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.uri]
        done = subprocess.run(command, input=statements, text=True, check=True, capture_output=True)
        return done.stdout.strip()


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL server."""

    binaries: Path
    port: int

    def database(self, name: str) -> Database:
        """The database of this name; the server's own is `postgres`."""
        return Database(f"postgresql://postgres@127.0.0.1:{self.port}/{name}", self.binaries / "psql")


def find_postgres() -> Path | None:
    """The folder that holds initdb, postgres and psql, or None when PostgreSQL is not installed.

    `DAYSHIFT_POSTGRES_BIN` names it; then the usual places are searched, the newest version first; then the PATH.
    """
    candidates = [Path(os.environ["DAYSHIFT_POSTGRES_BIN"])] if "DAYSHIFT_POSTGRES_BIN" in os.environ else []
    for pattern in PLACES:
        candidates += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    for folder in candidates:
        if all((folder / name).exists() for name in ("initdb", "postgres", "psql")):
            return folder
    return None


def find_chromium() -> str | None:
    """The program of a Chromium or Chrome on the PATH, or None without one."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def free_port() -> int:
    """A port of the loopback address that nobody listens on at this moment."""
    return free_ports(1)[0]


def _owner() -> str | None:
    """The user to run as: None is ourselves; root has to become somebody else."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _answers(server: Server) -> bool:
    with contextlib.suppress(subprocess.CalledProcessError):
        return server.database("postgres").run("select 1") == "1"
    return False


def _start(binaries: Path, folder: Path, user: str | None) -> tuple[subprocess.Popen[bytes], Server]:
    server = Server(binaries, free_port())
    options = [part for setting in QUIET for part in ("-c", setting)]
    listen = ["-h", "127.0.0.1", "-p", str(server.port), "-k", ""]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "cluster", *listen, *options],
            stdout=log,
            stderr=log,
            user=user,
            cwd=folder,
        )
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if _answers(server):
            return process, server
        time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")


@contextlib.contextmanager
def postgres(binaries: Path) -> Iterator[Server]:
    """A new PostgreSQL server; stopped and its files removed at the end."""
    user = _owner()
    folder = Path(tempfile.mkdtemp(prefix="dayshift-postgres-"))
    try:
        if user:
            shutil.chown(folder, user)
        cluster = ["-D", str(folder / "cluster"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run([str(binaries / "initdb"), *cluster], check=True, capture_output=True, user=user, cwd=folder)
        process, server = _start(binaries, folder, user)
        try:
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _found_kafka() -> str:
    try:
        return f"yes, {kafka_jars()}"
    except NoKafka as reason:
        return f"no: {reason}"


def main() -> None:
    """Say which services and data the tests can use on this machine, and how the others are had."""
    binaries = find_postgres()
    found = (
        f"yes, {binaries}"
        if binaries
        else "no: apt-get install postgresql, or set DAYSHIFT_POSTGRES_BIN to its bin folder"
    )
    folder = Path(os.environ.get("DAYSHIFT_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    print(f"PostgreSQL (started by the tests on a free port): {found}")
    print(f"Apache Kafka (started by the tests on free ports): {_found_kafka()}")
    browser = find_chromium()
    print(
        f"Chromium (opened by the tests, headless): {f'yes, {browser}' if browser else 'no: apt-get install chromium'}"
    )
    print(
        f"large real data: {'yes, ' + str(folder) if folder.exists() else 'no: set DAYSHIFT_SHARED_DATA to its folder'}"
    )
    print("a broker of your own, until Ctrl-C: make broker")
    print("DAYSHIFT_REQUIRE_SERVICES=1 makes an absent service a failure; without it its tests are skipped")


if __name__ == "__main__":
    main()
