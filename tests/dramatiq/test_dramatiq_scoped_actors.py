"""Actors that run in scopes, in real workers, on Redis and on RabbitMQ."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import dramatiq
import pytest
import redis

import airlock
from dramatiq_workers import Worker

KINDS = ["before", "after", "in_the_loop", "with_its_own", "by_class"]


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def worker(request, new_database, apps):
    journal = new_database()
    if request.param == "redis":
        url = new_database()
    else:
        url = request.getfixturevalue("rabbitmq_server").create_vhost("worker")
    with Worker("scoped_actors", url, apps, journal) as started:
        yield started


class Journal:
    """What the actors of one test have written down."""

    def __init__(self, worker: Worker, broker: Any) -> None:
        self.case = uuid.uuid4().hex
        self.worker, self.broker = worker, broker
        self._client = redis.Redis.from_url(worker.journal)

    def actor(self, name: str, queue: str = "default") -> dramatiq.Actor:
        """An actor of the worker, as another process knows it."""
        if name not in self.broker.actors:
            dramatiq.actor(
                lambda *args: None, actor_name=name, queue_name=queue, broker=self.broker
            )
        return self.broker.actors[name]

    def send(self, name: str, *args: Any) -> None:
        """Have the worker execute an actor, with the test's case first."""
        self.actor(name).send(self.case, *args)

    @property
    def lines(self) -> list[str]:
        return [line.decode() for line in self._client.lrange(f"journal:{self.case}", 0, -1)]

    def has(self, *expected: str) -> None:
        """Wait until the journal has these lines, in any order; further ones have had their time."""
        self.waits(lambda: len(self.lines) >= len(expected))
        # What must not have left would be in the queue, and so before this.
        for queue in ("effects", "default"):
            self.actor("effect", "effects")
            last = f"after {uuid.uuid4().hex}"
            if queue == "effects":
                self.actor("effect").send(last, "all")
                self.waits(lambda: self._client.llen(f"journal:{last}"))  # noqa: B023
            else:
                self.actor("finished").send(last)
                self.waits(lambda: self._client.get(f"finished:{last}"))  # noqa: B023
        assert sorted(self.lines) == sorted(expected), self.worker.log[-4000:]

    def waits(self, enough: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 30
        while not enough():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.lines}. The worker said:\n{self.worker.log[-6000:]}")
            time.sleep(0.01)

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def journal(worker, make_broker):
    broker = make_broker(worker.broker)
    dramatiq.set_broker(broker)
    made = Journal(worker, broker)
    yield made
    made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_success_flushes(journal, kind):
    """What an actor enqueues leaves when it has succeeded."""
    journal.send(kind, "success")

    journal.has("run 0", "effect of run 0")


@pytest.mark.parametrize("kind", KINDS)
def test_failure_discards(journal, kind):
    """What an actor enqueues is discarded when it fails; Dramatiq retries it, in vain."""
    journal.send(kind, "failure")

    journal.has("run 0", "run 1")


@pytest.mark.parametrize("outcome", ["retry", "asks for a retry"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_discards_and_happens(journal, kind, outcome):
    """What the first run enqueued is discarded; the second happens, and flushes."""
    journal.send(kind, outcome)

    journal.has("run 0", "run 1", "effect of run 1")


def test_a_flush_that_fails_fails_the_message(journal):
    """What cannot be sent makes the actor fail: the message is retried."""
    journal.send("unflushable_at_first")

    journal.has("run 0", "run 1", "effect of run 1")
    assert "DispatchError: actor unflushable_at_first" in journal.worker.log


def test_an_actor_that_is_called_is_a_function(journal):
    """An actor that another calls runs in the scope of the caller, where its effects stay."""
    journal.send("calls_another")

    journal.has("run 0", "effect of the inner one")


def test_a_time_limit_discards(journal):
    """An actor that runs into its time limit has failed, and its effects are discarded."""
    journal.send("too_slow")

    journal.waits(lambda: "TimeLimitExceeded" in journal.worker.log)
    journal.has("run 0")


def test_async_actors_may_await_effects(journal):
    """The scope of an `async def` is one with `async with`."""
    journal.send("awaits_effects")

    journal.has("run 0", "awaited")


def test_the_worker_sees_id_options_and_meta(journal):
    """`intent.id` is the message's id in the worker; options and meta arrive."""
    with airlock.scope():
        request = journal.actor("request")
        intent = airlock.enqueue(request, journal.case, _dispatch_options={"max_age": 60_000})
        intent.meta["traceparent"] = "00-1-2-01"
        known = intent.id

    journal.waits(lambda: journal.lines)
    assert json.loads(journal.lines[0]) == {
        "id": known,
        "airlock": {"traceparent": "00-1-2-01"},
        "max_age": 60_000,
    }


def test_a_delayed_message_arrives(journal):
    """A message with a delay comes from the delayed queue, when its time has come."""
    started = time.monotonic()
    with airlock.scope():
        airlock.enqueue(journal.actor("request"), journal.case, _dispatch_options={"delay": 500})

    journal.waits(lambda: journal.lines)
    assert time.monotonic() - started >= 0.5


def test_compositions_are_executed(journal):
    """A pipeline, a group and a message that an actor enqueues are executed whole."""
    journal.send("composes")

    # The result of the pipeline's first step is added to the arguments of its second.
    journal.has("sum 3", "sum 6", "sum 10", "sum 20", "sum 100")


def test_a_thousand_messages_arrive(journal):
    """What left in one pipeline is executed like any other message, each once."""
    with airlock.scope():
        for number in range(1000):
            airlock.enqueue(journal.actor("add"), journal.case, number)

    journal.has(*(f"sum {number}" for number in range(1000)))
