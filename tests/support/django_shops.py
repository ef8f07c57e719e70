"""The Django shop of tests/celery/apps in real processes: its worker, its web server, its beat.

with Shop(postgres.create_database("shop"), broker, intercept=True) as shop:
    shop.ends(shop.send("work", customer, "commits", "delay"))
    shop.confirmations(customer)
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psycopg
import redis
from celery import Celery

import celery_workers
import servers

PROJECT = Path(__file__).parent.parent / "celery" / "apps" / "django_shop"
CHILDREN = 2


class Program(servers.Server):
    """Another process of the project."""

    stop_signal = signal.SIGTERM

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables

    def arguments(self) -> list[str]:
        raise NotImplementedError

    def command(self) -> list[str]:
        variables = [f"{name}={value}" for name, value in self.variables.items()]
        return ["env", *variables, sys.executable, *self.arguments()]


class Web(Program):
    """`manage.py runserver`: a thread for each request."""

    ready_when_it_logs = "development server at http"  # Django 6.1 puts "WSGI" before it

    def arguments(self) -> list[str]:
        address = f"{self.host}:{self.port}"
        return ["-u", str(PROJECT / "manage.py"), "runserver", "--noreload", address]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class Beat(Program):
    """`celery -A project beat`, which says each warning."""

    ready_when_it_logs = "beat: Starting..."

    def arguments(self) -> list[str]:
        celery = ["-m", "celery", "-A", "project", "beat"]
        return ["-W", "always", *celery, "--loglevel", "INFO", "--pidfile="]


class Shop:
    """The project on a database and a broker of its own, with a worker of two children."""

    def __init__(self, database: servers.Database, broker: str, *, intercept: bool) -> None:
        self.database = database
        self.variables = {
            "AIRLOCK_TEST_BROKER": broker,
            "AIRLOCK_TEST_DATABASE": json.dumps(database.django),
            "AIRLOCK_TEST_INTERCEPT": "on" if intercept else "off",
            "PYTHONPATH": os.pathsep.join(
                [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
        }
        self._broker = broker
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            migrates = ends.enter_context(
                self._manage("migrate", "--run-syncdb", "--verbosity", "0")
            )
            self.worker = ends.enter_context(
                celery_workers.Worker("project", self._broker, "prefork", PROJECT, **self.variables)
            )
            _succeeds(migrates)
            self._rows = ends.enter_context(psycopg.connect(self.database.url, autocommit=True))
            self._redis = ends.enter_context(redis.Redis.from_url(self._broker))
            self._client = Celery("client", broker=self._broker, set_as_current=False)
            ends.callback(self._client.close)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ends.close()

    def manage(self, *arguments: str) -> None:
        """Run a management command."""
        _succeeds(self._manage(*arguments))

    def send(self, task: str, *args: Any) -> str:
        """Have the worker execute a task of the shop; return its id."""
        # A connection of its own: the pools of this process are closed between tests.
        with self._client.connection_for_write() as connection:
            return self._client.send_task(f"orders.tasks.{task}", args, connection=connection).id

    def work_off(self) -> None:
        """Wait until whatever has been sent so far is done: all children meet."""
        meeting = uuid.uuid4().hex
        for _ in range(CHILDREN):
            self.send("meet", meeting, CHILDREN)
        self.waits_until(lambda: int(self._redis.get(meeting) or 0) == CHILDREN)

    def ends(self, task_id: str) -> tuple[str, Any]:
        """Wait for the end of a task and of what it has sent: its state and its result."""
        ended = "SELECT status, result FROM django_celery_results_taskresult WHERE task_id = %s"
        states = ("SUCCESS", "FAILURE")
        self.waits_until(lambda: any(row[0] in states for row in self.rows(ended, task_id)))
        self.work_off()
        [(status, result)] = self.rows(ended, task_id)
        return status, json.loads(result)

    def orders(self, customer: str) -> list[str]:
        """The names of the orders that were committed."""
        found = self.rows("SELECT name FROM orders_order WHERE customer = %s ORDER BY id", customer)
        return [name for (name,) in found]

    def confirmations(self, customer: str) -> list[tuple[str, bool]]:
        """What the effects were about, and whether they have seen their order."""
        statement = (
            "SELECT name, saw_order FROM orders_confirmation WHERE customer = %s ORDER BY name"
        )
        return self.rows(statement, customer)

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement, as they are committed now."""
        return self._rows.execute(statement, parameters).fetchall()

    def waits_until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + 30
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited in vain. The worker said:\n{self.worker.log[-8000:]}")
            time.sleep(0.01)

    def _manage(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(PROJECT / "manage.py"), *arguments],
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _succeeds(process: subprocess.Popen[str]) -> None:
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
