"""procrastinate: `defer()` in a loop, airlock, and `batch_defer()`."""

from __future__ import annotations

import json

import procrastinate

BROKERS = ["postgresql"]
PEER = None


class Library:
    executor = None  # the task goes home by itself

    def __init__(self, url: str) -> None:
        connector = procrastinate.SyncPsycopgConnector(conninfo=url, min_size=1, max_size=1)
        self.app = procrastinate.App(connector=connector)
        self.task = self.app.task(name="bench.task")(_task)
        self.app.open()
        if self._value("SELECT to_regclass('procrastinate_jobs') AS value") is None:
            self.app.schema_manager.apply_schema()

    def loop(self, size: int) -> None:
        for number in range(size):
            self.task.defer(number=number, name="name")

    def bulk(self, size: int) -> None:
        self.task.batch_defer(*({"number": number, "name": "name"} for number in range(size)))

    def floor(self, size: int) -> None:
        deferrer = self.task.configure()
        for number in range(size):
            json.dumps(deferrer.make_new_job(number=number, name="name").task_kwargs)

    def arrived(self) -> int:
        count: int = self._value("SELECT count(*) AS value FROM procrastinate_jobs")
        return count

    def clear(self) -> None:
        self.app.connector.get_sync_connector().execute_query("TRUNCATE procrastinate_jobs CASCADE")

    def _value(self, query: str):
        return self.app.connector.get_sync_connector().execute_query_one(query)["value"]


def _task(number: int, name: str) -> None:
    """Do nothing."""
