"""The suite that every executor must pass, for Huey's."""

from __future__ import annotations

import huey.api
import pytest
from huey import FileHuey, MemoryHuey, PriorityRedisHuey, RedisExpireHuey, SqliteHuey
from huey.storage import RedisStorage

import airlock
import airlock.testing
from airlock_huey import HueyExecutor


class TestHueyExecutor(airlock.testing.ExecutorContract):
    """`HueyExecutor` on Redis."""

    @pytest.fixture
    def kept_in(self, huey):
        return huey

    @pytest.fixture
    def executor(self, kept_in):
        self.huey = kept_in
        return HueyExecutor()

    @pytest.fixture
    def broken_executor(self, kept_in, free_port):
        # The broker is the Huey's: there is no executor for another.
        kept_in.storage = RedisStorage("broken", host="127.0.0.1", port=free_port())
        return HueyExecutor()

    @pytest.fixture
    def task(self, make_task, kept_in):
        return make_task(kept_in)

    @pytest.fixture
    def foreign_task(self):
        def plain(number): ...

        return plain

    def sent(self, executor):
        return [task.args[0] for task in self.huey.pending()]


class TestOnAPriorityQueue(TestHueyExecutor):
    """The same on Huey's priority queue."""

    @pytest.fixture
    def kept_in(self, make_huey, broker):
        return make_huey(broker, PriorityRedisHuey)


class TestOnExpiringResults(TestHueyExecutor):
    """The same where results expire."""

    @pytest.fixture
    def kept_in(self, make_huey, broker):
        return make_huey(broker, RedisExpireHuey)


class TestOnSqlite(TestHueyExecutor):
    """The same in a file of SQLite."""

    @pytest.fixture
    def kept_in(self, tmp_path):
        huey = SqliteHuey("shop", filename=str(tmp_path / "huey.db"))
        yield huey
        huey.storage.close()


@pytest.mark.skipif(not hasattr(huey.api, "PostgresHuey"), reason="this Huey has no PostgresHuey")
class TestOnPostgres(TestHueyExecutor):
    """The same in a database of PostgreSQL."""

    @pytest.fixture
    def kept_in(self, postgres):
        made = huey.api.PostgresHuey("shop", dsn=postgres.create_database("huey").url)
        yield made
        made.storage.close()

    @pytest.fixture
    def broken_executor(self, kept_in, free_port):
        kept_in.storage.close()
        kept_in.storage.dsn = f"postgresql://airlock@127.0.0.1:{free_port()}/huey"
        return HueyExecutor()


class TestInAFile(TestHueyExecutor):
    """The same in a directory."""

    @pytest.fixture
    def kept_in(self, tmp_path):
        return FileHuey("shop", path=str(tmp_path))


class TestInMemory(TestHueyExecutor):
    """The same in the memory of the process."""

    @pytest.fixture
    def kept_in(self):
        return MemoryHuey("shop")


def test_calling_it_sends_one(huey, add):
    """The executor is a callable that sends one intent and returns its receipt, or raises."""
    executor = HueyExecutor()
    with airlock.scope(executor=airlock.testing.RecordingExecutor()) as scope:
        airlock.enqueue(add, 1)
    receipt = executor(scope.intents[0])

    assert receipt.id == scope.intents[0].id == huey.pending()[0].id


def test_calling_it_raises_where_it_cannot_be_sent(huey, add):
    """What would be the intent's failure is raised."""
    executor = HueyExecutor()
    with airlock.scope(executor=airlock.testing.RecordingExecutor()) as scope:
        airlock.enqueue(add, 1, _dispatch_options={"countdown": 1})

    with pytest.raises(airlock.IntentError, match="no option 'countdown'"):
        executor(scope.intents[0])
