"""RQ: `enqueue()` in a loop, airlock, and `enqueue_many()` in one pipeline."""

from __future__ import annotations

from redis import Redis
from rq import Queue
from rq.job import Job

from airlock_rq import RQExecutor

BROKERS = ["redis"]
PEER = None


def task(number: int, name: str) -> None:
    """Do nothing."""


class Library:
    def __init__(self, url: str) -> None:
        self.connection = Redis.from_url(url)
        self.task = task
        self.queue = Queue(connection=self.connection)
        self.executor = RQExecutor(self.queue)

    def loop(self, size: int) -> None:
        for number in range(size):
            self.queue.enqueue(task, number, name="name")

    def bulk(self, size: int) -> None:
        jobs = [Queue.prepare_data(task, (n,), {"name": "name"}) for n in range(size)]
        with self.connection.pipeline() as pipeline:
            self.queue.enqueue_many(jobs, pipeline=pipeline)
            pipeline.execute()

    def floor(self, size: int) -> None:
        for number in range(size):
            job = Job.create(task, (number,), {"name": "name"}, connection=self.connection)
            job.to_dict()

    def arrived(self) -> int:
        return len(self.queue)

    def clear(self) -> None:
        self.connection.flushdb()
