"""What the tasks of one test have written down, in a Redis of the tests."""

from __future__ import annotations

import time
import uuid

import redis
from django_q.tasks import async_task

import django_q_shop


class Journal:
    """What the tasks of one test have written down."""

    def __init__(self, client: redis.Redis) -> None:
        self.case = uuid.uuid4().hex
        self._client = client

    def has(self, *expected: str) -> None:
        """Wait until the journal has these lines, in any order, and nothing is left to be done."""
        self._waits_for(self.case, expected)
        # What must not have left would be in the queue, and so before these, one for each worker.
        marks = uuid.uuid4().hex
        for _ in range(2):
            async_task(django_q_shop.effect, marks, "mark")
        self._waits_for(marks, ["mark", "mark"])
        assert sorted(self._lines(self.case)) == sorted(expected)

    def _waits_for(self, case, expected):
        deadline = time.monotonic() + 30
        while sorted(self._lines(case)) != sorted(expected):
            assert time.monotonic() < deadline, (self._lines(case), expected)
            time.sleep(0.02)

    def _lines(self, case):
        return [line.decode() for line in self._client.lrange(f"journal:{case}", 0, -1)]
