"""What the tasks of the test apps write down, in Redis, for the tests to read."""

import os

import redis

BROKER = os.environ["AIRLOCK_TEST_BROKER"]
JOURNAL = os.environ.get("AIRLOCK_TEST_JOURNAL", BROKER)  # where the broker is no Redis

client = redis.Redis.from_url(JOURNAL)


def note(case: str, line: str) -> None:
    """Add a line to the journal of one test."""
    client.rpush(f"journal:{case}", line)


def is_first(case: str, what: str) -> bool:
    """Whether nobody has asked this before, in a test, of the same thing."""
    return bool(client.set(f"first:{case}:{what}", "1", nx=True))
