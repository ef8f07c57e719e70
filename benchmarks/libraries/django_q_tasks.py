"""django-q2: `async_task()` in a loop, and airlock. It has no call for many tasks."""

from __future__ import annotations

import logging

from django_project import set_up

BROKERS = ["redis", "postgresql"]
PEER = None


def task(number: int, name: str) -> None:
    """Do nothing."""


class Library:
    task = staticmethod(task)

    def __init__(self, url: str) -> None:
        rows = url.startswith("postgresql")
        where = {"orm": "default"} if rows else {"redis": url}
        database = url if rows else "sqlite://"
        set_up(
            database, "django_q", Q_CLUSTER={"name": "bench", "timeout": 60, "retry": 90} | where
        )
        logging.getLogger("django-q").setLevel(logging.WARNING)  # it prints a line for each task
        from django_q.brokers import get_broker
        from django_q.conf import Conf

        from airlock_django_q import DjangoQExecutor

        if not rows:
            Conf.REDIS = url
        self.broker = get_broker("bench")
        self.executor = DjangoQExecutor(broker=self.broker)

    def loop(self, size: int) -> None:
        from django_q.tasks import async_task

        for number in range(size):
            async_task(task, number, name="name", q_options={"broker": self.broker})

    def floor(self, size: int) -> None:
        from django.utils import timezone
        from django_q.humanhash import uuid
        from django_q.signing import SignedPackage

        for number in range(size):
            name, task_id = uuid()
            package = {"id": task_id, "name": name, "func": task, "args": (number,)}
            package |= {"kwargs": {"name": "name"}, "started": timezone.now()}
            SignedPackage.dumps(package)

    def arrived(self) -> int:
        count: int = self.broker.queue_size()
        return count

    def clear(self) -> None:
        self.broker.delete_queue()
