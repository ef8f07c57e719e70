"""What the tests with Celery share: databases of a private Redis, apps, and real workers."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kombu.pools
import pytest
import redis
from celery import Celery, _state

import airlock
import celery_workers
from airlock.integrations.celery import install_global_intercept, uninstall_global_intercept

APPS = Path(__file__).parent / "apps"

_numbers = itertools.count()


@pytest.fixture(scope="session")
def new_database(redis_server) -> Callable[[], str]:
    """A function that returns the address of an empty database of the private Redis."""

    def new() -> str:
        number = 1999 - next(_numbers)  # never one that a worker still listens to
        url = f"redis://{redis_server.host}:{redis_server.port}/{number}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    return new


@pytest.fixture(scope="session")
def apps() -> Path:
    """The directory of the modules that workers run."""
    return APPS


@pytest.fixture(autouse=True)
def _current_app() -> Iterator[None]:
    """No test's app stays the current one, and no shared task of a test reaches later apps."""
    before = _state._tls.current_app, _state.default_app
    shared = set(_state._on_app_finalizers)
    yield
    _state._tls.current_app, _state.default_app = before
    _state._on_app_finalizers &= shared


@pytest.fixture(autouse=True)
def _as_the_library_starts() -> Iterator[None]:
    """No settings of a test before, such as those of Django's."""
    airlock.reset_configuration()
    yield
    airlock.reset_configuration()


@pytest.fixture
def broker(new_database) -> str:
    """The address of an empty broker."""
    return new_database()


@pytest.fixture
def make_app() -> Iterator[Callable[..., Celery]]:
    """A function that makes an app, not the current one; its connections end with the test."""
    apps = []

    def make(broker: str, **settings) -> Celery:
        app = Celery(f"test_{next(_numbers)}", broker=broker, set_as_current=False)
        app.conf.update(settings)
        apps.append(app)
        return app

    yield make
    for app in apps:
        consumer = getattr(app.backend, "result_consumer", None)
        if consumer is not None:
            # Results that outlive the test would connect once more when they are let go.
            app.backend.remove_pending_result = lambda result: result
            with contextlib.suppress(AttributeError):  # it was never started
                consumer.stop()
        app.close()
    for pool in list(kombu.pools.connections.values()):
        pool.force_close_all()
    kombu.pools.reset()


@pytest.fixture
def app(make_app, broker) -> Celery:
    """An app on an empty broker."""
    return make_app(broker)


@pytest.fixture
def make_intercepted(make_app) -> Iterator[Callable[..., Celery]]:
    """A function that makes an app with the intercept, which is taken out after the test."""
    apps = []

    def make(broker: str, wrap_task_execution: bool = True, **settings) -> Celery:
        apps.append(make_app(broker, **settings))
        install_global_intercept(apps[-1], wrap_task_execution)
        return apps[-1]

    yield make
    for app in apps:
        uninstall_global_intercept(app)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Every intercepted call warns; the tests about that say so themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@pytest.fixture
def add(app):
    """A task of that app. (Celery would give a shared task to every app of the process.)"""

    @app.task(shared=False, name="shop.add")
    def add(left, right=0):
        return left + right

    return add


class Journal:
    """What the tasks of one test have written down, and what became of them."""

    def __init__(self, worker: celery_workers.Worker, app: Celery) -> None:
        self.case = uuid.uuid4().hex
        self.worker = worker
        self.app = app
        self._client = redis.Redis.from_url(worker.journal)

    def send(self, task: str, *args, **options) -> str:
        """Have the worker execute a task, with the test's case first; return the task's id."""
        return self.app.send_task(task, (self.case, *args), **options).id

    def ends(self, task_id: str) -> tuple[str, Any]:
        """Wait for the end of a task, retries and replacements included: its state and result."""
        key = f"celery-task-meta-{task_id}"
        meta = self._wait(
            lambda: self._client.get(key), lambda meta: meta is not None and b'"RETRY"' not in meta
        )
        found = json.loads(meta)
        return found["status"], found["result"]

    @property
    def lines(self) -> list[str]:
        return [line.decode() for line in self._client.lrange(f"journal:{self.case}", 0, -1)]

    def has(self, *expected: str) -> list[str]:
        """Wait until the journal has these lines, in any order, and nothing is left to be done."""
        with contextlib.suppress(TimeoutError):
            self._wait(lambda: self.lines, lambda lines: sorted(lines) == sorted(expected))
        # What must not have left would be in the queue, and so before this.
        last = self.app.send_task("shop.effect", (f"after {self.case}", "all"))
        self.ends(last.id)
        assert sorted(self.lines) == sorted(expected), self.worker.log[-4000:]
        return self.lines

    def waits_for_lines(self, number: int) -> None:
        """Wait until the journal has so many lines."""
        self._wait(lambda: self.lines, lambda lines: len(lines) >= number)

    def _wait(self, look: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + 30
        while not enough(found := look()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited for {found!r}. The worker said:\n{self.worker.log}")
            time.sleep(0.01)
        return found

    def close(self) -> None:
        self._client.close()


def _worker(app: str) -> Callable[..., Iterator[celery_workers.Worker]]:
    @pytest.fixture(scope="module", params=["prefork", "threads", "solo"])
    def worker(request, new_database) -> Iterator[celery_workers.Worker]:
        with celery_workers.Worker(app, new_database(), request.param, APPS) as started:
            yield started

    return worker


scoped_worker = _worker("scoped_shop")
intercepted_worker = _worker("intercepted_shop")


@pytest.fixture
def make_journal(make_app) -> Iterator[Callable[[celery_workers.Worker], Journal]]:
    """A function that opens a journal of its own, with a client for a worker's broker."""
    journals = []

    def make(worker: celery_workers.Worker) -> Journal:
        journals.append(Journal(worker, make_app(worker.broker)))
        return journals[-1]

    yield make
    for journal in journals:
        journal.close()
