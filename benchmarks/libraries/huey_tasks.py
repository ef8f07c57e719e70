"""Huey: the call of a task in a loop, and airlock. It has no call for many tasks."""

from __future__ import annotations

from huey import RedisHuey

BROKERS = ["redis"]
PEER = None  # its executor sends nothing without a delay since Huey 3.5


class Library:
    executor = None  # the task goes home by itself

    def __init__(self, url: str) -> None:
        self.huey = RedisHuey("bench", url=url)
        self.task = self.huey.task()(_task)

    def loop(self, size: int) -> None:
        for number in range(size):
            self.task(number, name="name")

    def floor(self, size: int) -> None:
        for number in range(size):
            self.huey.serialize_task(self.task.s(number, name="name"))

    def arrived(self) -> int:
        return len(self.huey)

    def clear(self) -> None:
        self.huey.flush()


def _task(number: int, name: str) -> None:
    """Do nothing."""
