"""Private servers for the tests: real Redis and PostgreSQL, on free ports.

RabbitMQ, which takes more words, is in rabbitmq.py.

    with Redis() as redis:
        redis.url                          # "redis://127.0.0.1:40001/0"

    with Postgres() as postgres:
        shop = postgres.create_database("shop")
        shop.url, shop.django              # for psycopg, for Django's DATABASES

They end with their `with` block, and also when the process that started them is killed. Nothing on
this machine that listens already is ever used.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

HOST = "127.0.0.1"
SECONDS_TO_START = 60
SECONDS_TO_STOP = 20

# A shell whose standard input ends when the tests' process does, however that ends. It waits for
# this, then ends the server: $1 is the signal, $2 the process, $3 the directory.
KEEPER = 'read -r _; kill -s "$1" "$2" && sleep 1; kill -s KILL "$2" && sleep 1; rm -rf "$3"'


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def find_program(name: str, debian_package: str) -> str:
    """Return the path of a server's program: on PATH, or where Debian puts it.

    Raises:
        MissingProgramError: it is not on this machine.
    """
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    # Before PATH, where Debian's rabbitmq-server is one that serves root and its own user alone.
    folders = ["/usr/lib/rabbitmq/bin", os.environ.get("PATH", os.defpath), *map(str, newest_first)]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise MissingProgramError(
            f"{name} is not on this machine, and the tests start their own from it. "
            f"Run scripts/servers.sh, or: apt-get install --no-install-recommends {debian_package}"
        )
    return found


class MissingProgramError(Exception):
    """A server's program is not installed; the message says what to install."""


class Server:
    """A server that this process starts and ends. It is ready when `start()` returns."""

    ready_when_it_logs: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    host = HOST
    port: int
    directory: Path

    def command(self) -> list[str]:
        """Return the command that serves `self.port` from `self.directory`."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Fill `self.directory` with what the server needs before it first starts."""

    def environment(self) -> dict[str, str] | None:
        """Return the variables that the server sees; None is those of the tests."""
        return None

    @property
    def process_user(self) -> str | None:
        """The user that the server runs as; None is the user of the tests."""
        return None

    def start(self) -> Self:
        """Start it, and wait until it accepts connections."""
        self.directory = Path(tempfile.mkdtemp(prefix=f"airlock-{type(self).__name__.lower()}-"))
        try:
            if self.process_user is not None:
                shutil.chown(self.directory, self.process_user)
            self.prepare()
            self._serve()
        except BaseException:
            shutil.rmtree(self.directory)
            raise
        return self

    def stop(self) -> None:
        """End it, and remove what it wrote. Ending it twice does nothing."""
        self._end()
        shutil.rmtree(self.directory, ignore_errors=True)

    def restart(self) -> None:
        """Start it again on its port, with what it has on its disk. It is ended first if it runs."""
        self._end()
        self._serve(self.port)

    def kill(self) -> None:
        """Kill it without a warning, as a crash would. `stop()` still removes what it wrote."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Make it hang: it answers nothing and closes nothing. A PostgreSQL only accepts no more."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause()`."""
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def run(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        """Run a program of the server's as the server's user, in a process group of its own."""
        user = self.process_user
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            cwd=self.directory,
            env=self.environment(),
            user=user,
            group=None if user is None else pwd.getpwnam(user).pw_gid,
            extra_groups=None if user is None else [],
            start_new_session=True,
            **options,
        )

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        return (self.directory / "log").read_text(errors="replace")

    def _serve(self, port: int | None = None) -> None:
        for _ in range(3):  # another process may take the port before the server does
            self.port = port or free_port()
            self._launch()
            try:
                if self._becomes_ready():
                    return
            except BaseException:
                self._end()
                raise
            self._end()
        raise RuntimeError(f"{type(self).__name__} did not start. It said:\n{self.log}")

    def _launch(self) -> None:
        with (self.directory / "log").open("wb") as log:
            self.process = self.run(self.command(), stdout=log, stderr=log)
        end = [self.stop_signal.name.removeprefix("SIG"), str(self.process.pid)]
        self._keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "keeper", *end, str(self.directory)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _becomes_ready(self) -> bool:
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline:
            if self.ready_when_it_logs in self.log:
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.02)
        return False

    def _end(self) -> None:
        self._keeper.kill()
        self._keeper.communicate()
        self.process.send_signal(self.stop_signal)
        self.resume()  # where it hangs, it ends once it goes on
        try:
            self.process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.kill()


class Redis(Server):
    """A Redis that keeps nothing on disk."""

    ready_when_it_logs = "Ready to accept connections"
    stop_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        """The address of its database 0, of 2000."""
        return f"redis://{self.host}:{self.port}/0"

    def command(self) -> list[str]:
        """Return the command that serves `self.port`."""
        settings = f"--port {self.port} --bind {self.host} --databases 2000 --appendonly no --save"
        return [find_program("redis-server", "redis-server"), *settings.split(), ""]


@dataclass(frozen=True)
class Database:
    """One database of a private PostgreSQL."""

    name: str
    host: str
    port: int
    user: str

    @property
    def url(self) -> str:
        """Its address, for psycopg and SQLAlchemy's `postgresql+psycopg`."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.name}"

    @property
    def django(self) -> dict[str, Any]:
        """Its entry in Django's DATABASES."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.name,
            "HOST": self.host,
            "PORT": self.port,
            "USER": self.user,
        }


class Postgres(Server):
    """A PostgreSQL that trusts its user and does not wait for the disk."""

    ready_when_it_logs = "database system is ready to accept connections"
    stop_signal = signal.SIGINT  # ends the connections that are open, too

    user = "airlock"

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    @property
    def process_user(self) -> str | None:
        """For root, which PostgreSQL refuses: the user that its package made, or nobody."""
        if os.geteuid() != 0:
            return None
        with contextlib.suppress(KeyError):
            return pwd.getpwnam("postgres").pw_name
        return "nobody"

    def create_database(self, name: str = "test") -> Database:
        """Create an empty database. Its name begins with `name` and is new."""
        import psycopg

        database = Database(f"{name}_{next(self._numbers)}", self.host, self.port, self.user)
        with psycopg.connect(
            Database("postgres", self.host, self.port, self.user).url
        ) as connection:
            connection.autocommit = True
            connection.execute(f'CREATE DATABASE "{database.name}"'.encode())
        return database

    def prepare(self) -> None:
        """Make the cluster."""
        options = f"--username {self.user} --auth trust --no-sync --encoding UTF8 --locale C"
        initdb = self.run(
            [find_program("initdb", "postgresql"), "-D", "data", *options.split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = initdb.communicate()
        if initdb.returncode:
            raise RuntimeError(f"initdb failed. It said:\n{said.decode(errors='replace')}")

    def command(self) -> list[str]:
        """Return the command that serves `self.port`."""
        settings = {
            "listen_addresses": self.host,
            "unix_socket_directories": str(self.directory),
            "max_connections": "200",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        options = itertools.chain.from_iterable(("-c", f"{k}={v}") for k, v in settings.items())
        postgres = find_program("postgres", "postgresql")
        return [postgres, "-D", "data", "-p", str(self.port), *options]
