"""What the tests with RQ share: databases of a private Redis, queues, and real workers."""

from __future__ import annotations

import contextlib
import itertools
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
import redis
from rq import Queue
from rq.job import Job

import airlock
import rq_shop
import rq_workers
import tcp_proxy

_numbers = itertools.count()


@pytest.fixture(scope="session")
def new_database(redis_server) -> Callable[[], str]:
    """A function that returns the address of an empty database of the private Redis."""

    def new() -> str:
        number = 63 - next(_numbers) % 48  # the first sixteen are other tests'
        url = f"redis://{redis_server.host}:{redis_server.port}/{number}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    return new


@pytest.fixture(autouse=True)
def _as_the_library_starts(monkeypatch) -> Iterator[None]:
    """No settings of a test before, and no address in the environment."""
    monkeypatch.delenv("RQ_REDIS_URL", raising=False)
    airlock.reset_configuration()
    yield
    airlock.reset_configuration()


@pytest.fixture
def connect() -> Iterator[Callable[..., redis.Redis]]:
    """A function that connects to an address; the connections end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda url, **options: stack.enter_context(redis.Redis.from_url(url, **options))


@pytest.fixture
def url(new_database) -> str:
    """The address of an empty Redis."""
    return new_database()


@pytest.fixture
def connection(url, connect) -> redis.Redis:
    """A connection to it, as an application has one."""
    return connect(url)


@pytest.fixture
def queue(connection) -> Queue:
    """The queue `default` in it."""
    return Queue(connection=connection)


@pytest.fixture
def decorated(connection, monkeypatch):
    """A function with `@job`, on that connection."""
    monkeypatch.setattr(rq_shop.decorator, "connection", connection)
    return rq_shop.decorated


@pytest.fixture
def proxy(redis_server) -> Iterator[tcp_proxy.Proxy]:
    """A proxy in front of the private Redis."""
    with tcp_proxy.Proxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
def far(url, redis_server, proxy, connect) -> Queue:
    """The queue `default`, as it is seen through the proxy."""
    return Queue(connection=connect(url.replace(str(redis_server.port), str(proxy.port))))


class Journal:
    """What the jobs of one test have written down, and what became of them."""

    def __init__(self, worker: rq_workers.Worker) -> None:
        self.case = uuid.uuid4().hex
        self.worker = worker
        self.connection = redis.Redis.from_url(worker.url)
        self.queue = Queue(connection=self.connection)

    def send(self, function, *args, **options) -> Job:
        """Have the worker perform a job, with the test's case first."""
        return self.queue.enqueue_call(function, (self.case, *args), **options)

    def ends(self, job: Job) -> str:
        """Wait for the end of a job, retries included: its status."""
        return self._wait(
            lambda: job.get_status().value, lambda status: status in ("finished", "failed")
        )

    @property
    def lines(self) -> list[str]:
        found = self.connection.lrange(f"journal:{self.case}", 0, -1)
        return [line.decode() for line in found]

    def has(self, *expected: str) -> None:
        """Wait until the journal has these lines, in order, and nothing is left to be done."""
        with contextlib.suppress(TimeoutError):
            self._wait(lambda: self.lines, lambda lines: lines == list(expected))
        # What must not have left would be in the queue, and so before this.
        assert self.ends(self.queue.enqueue(rq_shop.add, 1)) == "finished"
        assert self.lines == list(expected), self.worker.log[-4000:]

    def _wait(self, look, enough):
        deadline = time.monotonic() + 30
        while not enough(found := look()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited for {found!r}. The worker said:\n{self.worker.log}")
            time.sleep(0.01)
        return found


@pytest.fixture(scope="module", params=rq_workers.KINDS.values(), ids=rq_workers.KINDS)
def worker(request, new_database) -> Iterator[rq_workers.Worker]:
    """A worker that performs jobs in scopes, of each kind in turn."""
    with rq_workers.Worker(new_database(), request.param) as started:
        yield started


@pytest.fixture
def open_journal() -> Iterator[Callable[[rq_workers.Worker], Journal]]:
    """A function that opens a journal of its own with a worker; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def open_journal(worker: rq_workers.Worker) -> Journal:
            journal = Journal(worker)
            stack.callback(journal.connection.close)
            return journal

        yield open_journal


@pytest.fixture
def journal(worker, open_journal) -> Journal:
    """A journal of the test's own, with each kind of worker."""
    return open_journal(worker)
