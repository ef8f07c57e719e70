"""What every test may use: private servers, free ports, and the size of the heavy tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import hypothesis
import pytest

import rabbitmq
import servers

# How much the randomised and the killing tests do: 1 in every run, 10 or 100 for a night.
TEST_SIZE = int(os.environ.get("AIRLOCK_TEST_SIZE", "1"))

hypothesis.settings.register_profile(
    "airlock",
    max_examples=100 * TEST_SIZE,
    deadline=None,  # the machine's load is not a property of the code
    print_blob=True,
)
hypothesis.settings.load_profile("airlock")


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGALRM)


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """Take back the handlers that a queue's worker leaves behind when it ran in this process.

    With RQ's, a later test's `multiprocessing.Pool` could not end its children by SIGTERM.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def test_size() -> int:
    """The factor by which heavy tests are larger than in every run: AIRLOCK_TEST_SIZE, or 1."""
    return TEST_SIZE


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A function that returns a port nobody listens on, each time another."""
    return servers.free_port


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Redis]:
    """A private Redis, one for all tests of this process."""
    with servers.Redis() as redis:
        yield redis


@pytest.fixture(scope="session")
def redis_url(redis_server: servers.Redis) -> str:
    """The address of the private Redis."""
    return redis_server.url


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[rabbitmq.RabbitMQ]:
    """A private RabbitMQ, one for all tests of this process."""
    with rabbitmq.RabbitMQ() as server:
        yield server


@pytest.fixture
def rabbitmq_url(rabbitmq_server: rabbitmq.RabbitMQ) -> str:
    """The address of an empty virtual host of the private RabbitMQ, for one test."""
    return rabbitmq_server.create_vhost()


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """A private PostgreSQL, one for all tests of this process: `postgres.create_database().url`."""
    with servers.Postgres() as server:
        yield server
