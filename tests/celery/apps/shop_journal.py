"""What the tasks of the test apps write down, in Redis, for the tests to read."""

import os

import redis

BROKER = os.environ["AIRLOCK_TEST_BROKER"]

_client = redis.Redis.from_url(BROKER)


def note(case: str, line: str) -> None:
    """Add a line to the journal of one test."""
    _client.rpush(f"journal:{case}", line)
