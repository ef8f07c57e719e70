"""What the tests with structlog share: databases of a private Redis, and settings as they start."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
import redis
import structlog

import airlock
from airlock_structlog import settings

_numbers = itertools.count()


@pytest.fixture(scope="session")
def new_database(redis_server) -> Callable[[], str]:
    """A function that returns the address of an empty database of the private Redis."""

    def new() -> str:
        number = 1299 - next(_numbers)  # never one that a worker still listens to
        url = f"redis://{redis_server.host}:{redis_server.port}/{number}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    return new


@pytest.fixture(autouse=True)
def _as_the_libraries_start() -> Iterator[None]:
    """Nothing is bound, and nothing configured, but what a test does itself."""
    airlock.reset_configuration()
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    settings.reset()
    airlock.reset_configuration()
