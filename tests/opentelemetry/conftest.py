"""What the tests with OpenTelemetry share: databases of a private Redis."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import redis

_numbers = itertools.count()


@pytest.fixture(scope="session")
def new_database(redis_server) -> Callable[[], str]:
    """A function that returns the address of an empty database of the private Redis."""

    def new() -> str:
        number = 1199 - next(_numbers)  # never one that a worker still listens to
        url = f"redis://{redis_server.host}:{redis_server.port}/{number}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    return new
