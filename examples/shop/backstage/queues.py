"""What the demo has to know of each queue: how its worker starts, and what its broker was given."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from backstage.redis_server import RedisServer


class Queue:
    """A queue of the shop. It is asked what happened while its broker is still there.

    Args:
        folder: the shop's data folder.

    Attributes:
        worker: what the interpreter is to run as its worker.
        ready: what the worker's log says when it has started.
        title: its name in a sentence.
        broker: what its broker is.
        server: the server that the broker is, where it is one.
    """

    worker: tuple[str, ...]
    ready: str
    title: str
    broker: str
    server: RedisServer | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Make what the evidence needs, before any program has started."""

    def sent(self) -> list[str]:
        """Return the task id of each message that the broker was given, whoever gave it."""
        raise NotImplementedError

    def waiting(self) -> int:
        """Return how many messages no worker has taken."""
        raise NotImplementedError


class Celery(Queue):
    """Its messages are files, and stay in a folder when a worker has taken them."""

    worker = (
        *("-m", "celery", "-A", "shop.queues.celery", "worker", "--pool=solo", "--loglevel=INFO"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
    ready = r" ready\."
    title, broker = "a Celery", "a folder"

    def sent(self) -> list[str]:
        messages = {}
        for place in ("waiting", "taken"):
            for path in (self.folder / "broker" / place).glob("*.msg"):
                try:
                    messages[path.name] = json.loads(path.read_text())["headers"]["id"]
                except FileNotFoundError:  # taken just now, and so in the second folder
                    pass
        return list(messages.values())

    def waiting(self) -> int:
        return len(list((self.folder / "broker" / "waiting").iterdir()))


class Huey(Queue):
    """Its messages are rows. A trigger keeps a copy of each."""

    worker = (
        *("-m", "huey.bin.huey_consumer", "shop.worker.huey", "--graceful-signal=TERM"),
        *("--delay=0.05", "--max-delay=0.05"),
    )
    ready = "The following commands are available"
    title, broker = "a Huey", "an SQLite file"

    @property
    def _file(self) -> Path:
        return self.folder / "huey.sqlite3"

    def prepare(self) -> None:
        from huey.storage import SqliteStorage

        SqliteStorage("shop", filename=str(self._file)).close()
        with closing(sqlite3.connect(self._file)) as database:
            database.executescript("""
                CREATE TABLE sent (data blob);
                CREATE TRIGGER keep AFTER INSERT ON task
                BEGIN INSERT INTO sent VALUES (new.data); END;
            """)

    def sent(self) -> list[str]:
        from huey.serializer import Serializer

        decode = Serializer().deserialize
        with closing(sqlite3.connect(self._file, timeout=20)) as database:
            return [decode(data).id for (data,) in database.execute("SELECT data FROM sent")]

    def waiting(self) -> int:
        with closing(sqlite3.connect(self._file, timeout=20)) as database:
            return int(database.execute("SELECT count(*) FROM task").fetchone()[0])


class OnRedis(Queue):
    """Its broker is a private Redis, whose log of commands is kept."""

    server: RedisServer
    broker = "a private Redis"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = RedisServer(folder / "redis")


class RQ(OnRedis):
    """Its messages are the ids of jobs in a list."""

    # SimpleWorker performs a job in its own process, and does not fork: so it does on a Mac, too.
    worker = (
        *("-m", "rq.cli", "worker", "--config=shop.worker", "--worker-class=rq.SimpleWorker"),
        *("--job-class=shop.queues.rq.Job", "shop"),
    )
    ready = "Listening on shop"
    title = "an RQ"

    def sent(self) -> list[str]:
        pushes = (
            words for words in self.server.writes() if words[0].upper() in (b"RPUSH", b"LPUSH")
        )
        return [id_.decode() for _, key, *ids in pushes if key == b"rq:queue:shop" for id_ in ids]

    def waiting(self) -> int:
        return self.server.ask("LLEN", "rq:queue:shop")


class Dramatiq(OnRedis):
    """Its messages are in a hash until a worker has executed them."""

    worker = ("-m", "dramatiq", "shop.worker", "--processes=1", "--threads=1")
    ready = "Worker process is ready for action"
    title = "a Dramatiq"

    def sent(self) -> list[str]:
        sets = (words for words in self.server.writes() if words[0].upper() == b"HSET")
        # A key, and then for each message a name and the message itself.
        messages = (words[3::2] for words in sets if words[1] == b"dramatiq:shop.msgs")
        return [json.loads(message)["message_id"] for many in messages for message in many]

    def waiting(self) -> int:
        return self.server.ask("HLEN", "dramatiq:shop.msgs")


QUEUES: Mapping[str, type[Queue]] = {
    "celery": Celery,
    "rq": RQ,
    "dramatiq": Dramatiq,
    "huey": Huey,
}
