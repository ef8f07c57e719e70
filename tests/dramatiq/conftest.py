"""What the tests with Dramatiq share: databases of a private Redis, brokers, and real workers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dramatiq
import dramatiq.broker
import pytest
import redis
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker

import airlock
from airlock_dramatiq.brokers import client_of
from airlock_dramatiq.line_pools import pool_for

APPS = Path(__file__).parent / "apps"

_numbers = itertools.count()


@pytest.fixture(scope="session")
def new_database(redis_server) -> Callable[[], str]:
    """A function that returns the address of an empty database of the private Redis."""

    def new() -> str:
        number = 1 + next(_numbers) % 63
        url = f"redis://{redis_server.host}:{redis_server.port}/{number}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    return new


@pytest.fixture(scope="session")
def apps() -> Path:
    """The directory of the modules that workers run."""
    return APPS


@pytest.fixture
def url(new_database) -> str:
    """The address of an empty database."""
    return new_database()


@pytest.fixture(autouse=True)
def _as_the_library_starts() -> Iterator[None]:
    """No settings of a test before, and no global broker of one."""
    airlock.reset_configuration()
    before = dramatiq.broker.global_broker
    yield
    dramatiq.broker.global_broker = before
    airlock.reset_configuration()


@pytest.fixture
def make_broker() -> Iterator[Callable[..., Any]]:
    """A function that makes a broker for an address; its connections end with the test."""
    brokers: list[Any] = []

    def make(url: str, **settings: Any) -> Any:
        if url.startswith("redis://"):
            broker = RedisBroker(url=url, **settings)
        elif url.startswith("amqp://"):
            broker = RabbitmqBroker(url=url, **settings)
        else:
            broker = StubBroker(**settings)
        brokers.append(broker)
        return broker

    yield make
    for broker in brokers:
        if isinstance(broker, RedisBroker):
            # Not client.close(): it leaves a pool alone that was made from an address.
            broker.client.connection_pool.disconnect()
            client_of(broker).connection_pool.disconnect()
        else:
            broker.close()
        if isinstance(broker, RabbitmqBroker):
            pool_for(broker).close()


@pytest.fixture
def broker(make_broker, url) -> RedisBroker:
    """The global broker, on an empty Redis."""
    made = make_broker(url)
    dramatiq.set_broker(made)
    return made


@pytest.fixture
def make_actor() -> Callable[..., dramatiq.Actor]:
    """A function that declares an actor `add`, or another name, on a broker."""

    def make(broker: Any, actor_name: str = "add", **options: Any) -> dramatiq.Actor:
        @dramatiq.actor(broker=broker, actor_name=actor_name, **options)
        def add(left, right=0):
            return left + right

        return add

    return make


@pytest.fixture
def add(broker, make_actor) -> dramatiq.Actor:
    """An actor of the global broker."""
    return make_actor(broker)
