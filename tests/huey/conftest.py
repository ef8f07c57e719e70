"""What the tests with Huey share: databases of a private Redis, Hueys, and real consumers."""

from __future__ import annotations

import importlib
import itertools
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from huey import RedisHuey

import airlock
import huey_consumers
import tcp_proxy

APPS = Path(__file__).parent / "apps"

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _as_the_library_starts() -> Iterator[None]:
    """No settings of a test before, such as those of Django's."""
    airlock.reset_configuration()
    yield
    airlock.reset_configuration()


@pytest.fixture(scope="session")
def new_database(redis_server) -> Callable[[], str]:
    """A function that returns the address of an empty database of the private Redis."""

    def new() -> str:
        number = 1499 - next(_numbers)  # never one that a consumer still listens to
        url = f"redis://{redis_server.host}:{redis_server.port}/{number}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    return new


@pytest.fixture
def broker(new_database) -> str:
    """The address of an empty broker."""
    return new_database()


@pytest.fixture
def make_huey() -> Iterator[Callable[..., Any]]:
    """A function that makes a Huey; its connections end with the test."""
    made = []

    def make(url: str, cls: type = RedisHuey, **settings) -> Any:
        made.append(cls(f"test{next(_numbers)}", url=url, **settings))
        return made[-1]

    yield make
    for huey in made:
        if hasattr(huey.storage, "pool"):
            huey.storage.pool.disconnect()


@pytest.fixture
def huey(make_huey, broker) -> Any:
    """A Huey on an empty broker."""
    return make_huey(broker)


def a_task_of(huey: Any) -> Any:
    """Make a task that adds two numbers."""

    @huey.task()
    def add(left, right=0):
        return left + right

    return add


@pytest.fixture
def add(huey) -> Any:
    """A task of that Huey."""
    return a_task_of(huey)


@pytest.fixture
def make_task() -> Callable[[Any], Any]:
    """A function that makes such a task of another Huey."""
    return a_task_of


@pytest.fixture
def proxy(redis_server) -> Iterator[tcp_proxy.Proxy]:
    """A line to the private Redis that can be watched and cut."""
    with tcp_proxy.Proxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
def far_huey(make_huey, broker, redis_server, proxy) -> Any:
    """A Huey whose Redis is behind that line."""
    return make_huey(broker.replace(str(redis_server.port), str(proxy.port)))


@pytest.fixture
def far_add(far_huey) -> Any:
    """A task of that Huey."""
    return a_task_of(far_huey)


class Journal:
    """What the tasks of one test have written down, and what became of them."""

    def __init__(self, consumer: huey_consumers.Consumer, shop: Any) -> None:
        self.case = uuid.uuid4().hex
        self.consumer, self.shop = consumer, shop
        self._client = redis.Redis.from_url(consumer.broker)

    @property
    def lines(self) -> list[str]:
        return self.lines_of(self.case)

    def lines_of(self, case: str) -> list[str]:
        return [line.decode() for line in self._client.lrange(f"journal:{case}", 0, -1)]

    def has(self, *expected: str, case: str = "") -> None:
        """Wait until the journal has these lines, in any order, and nothing is left to be done."""
        case = case or self.case
        deadline = time.monotonic() + 30
        while sorted(self.lines_of(case)) != sorted(expected) and time.monotonic() < deadline:
            time.sleep(0.01)
        # What must not have left would be in the queue, and so before these, one for each worker.
        marks = f"after {uuid.uuid4().hex}"
        for _ in range(2):
            self.shop.effect(marks, "all")
        while len(self.lines_of(marks)) < 2:
            assert time.monotonic() < deadline + 30, self.consumer.log[-4000:]
            time.sleep(0.01)
        assert sorted(self.lines_of(case)) == sorted(expected), self.consumer.log[-4000:]

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module", params=["process", "thread", "greenlet"])
def consumer(request, new_database) -> Iterator[huey_consumers.Consumer]:
    """A consumer of each kind."""
    with huey_consumers.Consumer("huey_shop.huey", new_database(), request.param, APPS) as started:
        yield started


@pytest.fixture
def apps() -> Path:
    """The directory of the modules that consumers run."""
    return APPS


@pytest.fixture
def make_shop() -> Iterator[Callable[[str], Any]]:
    """A function that imports the module of tasks for a broker, as another process knows it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(APPS))
        made = []

        def make(broker: str) -> Any:
            patch.setenv("AIRLOCK_TEST_BROKER", broker)
            sys.modules.pop("huey_shop", None)
            made.append(importlib.import_module("huey_shop"))
            return made[-1]

        yield make
        sys.modules.pop("huey_shop", None)
        for module in made:
            module.huey.storage.pool.disconnect()


@pytest.fixture
def shop(make_shop, consumer) -> Any:
    """The module of tasks of a consumer of each kind."""
    return make_shop(consumer.broker)


@pytest.fixture
def make_journal() -> Iterator[Callable[..., Journal]]:
    """A function that opens a journal of its own."""
    journals = []

    def make(consumer: huey_consumers.Consumer, shop: Any) -> Journal:
        journals.append(Journal(consumer, shop))
        return journals[-1]

    yield make
    for journal in journals:
        journal.close()


@pytest.fixture
def journal(make_journal, consumer, shop) -> Journal:
    """What the tasks of one test have written down."""
    return make_journal(consumer, shop)
