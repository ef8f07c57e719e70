"""The headers of Celery's messages: what they cost, and what stays the application's own."""

from __future__ import annotations

import json

import pytest
import redis
from celery import Celery, _state, chain, signals
from celery.app import amqp
from structlog.contextvars import bind_contextvars

import airlock
import airlock.testing
import airlock_structlog
from airlock_celery import CeleryExecutor, install_context

HEADER = {"airlock_structlog": {"request_id": "r-1"}}
SIGNALS = (signals.before_task_publish, signals.task_prerun, signals.task_postrun)


@pytest.fixture(autouse=True)
def _alone():
    """The plugins of these tests alone, and the signals of Celery as they were."""
    before = [list(signal.receivers) for signal in SIGNALS]
    current = _state._tls.current_app, _state.default_app
    with airlock.testing.plugins():
        airlock.register(CeleryExecutor(), name="celery")
        airlock.register(airlock_structlog.StructlogPlugin())
        install_context()
        bind_contextvars(request_id="r-1")
        yield
    _state._tls.current_app, _state.default_app = current
    for signal, receivers in zip(SIGNALS, before, strict=True):
        signal.receivers[:] = receivers
        signal.sender_receivers_cache.clear()


@pytest.fixture
def broker(new_database):
    return new_database()


@pytest.fixture
def app(broker):
    app = Celery("structlog_messages", broker=broker, set_as_current=False)
    yield app
    app.close()


@pytest.fixture
def add(app):
    @app.task(shared=False, name="shop.add")
    def add(left, right=0):
        return left + right

    return add


@pytest.fixture
def messages(broker):
    """A function that returns the messages in the queue, and their bodies."""

    def messages():
        with redis.Redis.from_url(broker) as client:
            found = [json.loads(line) for line in reversed(client.lrange("celery", 0, -1))]
        return [message["headers"] for message in found]

    return messages


def test_many_calls_of_a_task_are_still_made_after_one(monkeypatch, add, messages):
    """Celery makes two messages of a hundred, also where the context is passed on to children."""
    made = []
    original = amqp.task_message

    def task_message(**parts):
        made.append(parts)
        return original(**parts)

    monkeypatch.setattr(amqp, "task_message", task_message)
    with airlock.scope():
        for number in range(100):
            airlock.enqueue(add, number)

    headers = messages()
    assert (len(headers), len(made)) == (100, 2)
    assert all(header.items() >= HEADER.items() for header in headers)


def test_the_applications_own_canvas_stays_as_it_is(add, messages):
    """A signature that is enqueued twice carries the ids of each request, and no other."""
    steps = chain(add.s(1), add.s(2).set(headers={"mine": "kept"}))
    steps.link_error(add.si(3))
    before = json.dumps(steps)
    with airlock.scope():
        airlock.enqueue(steps)
    bind_contextvars(request_id="r-2")
    with airlock.scope():
        airlock.enqueue(steps)

    assert json.dumps(steps) == before
    assert [header["airlock_structlog"]["request_id"] for header in messages()] == ["r-1", "r-2"]


def test_headers_of_the_application_travel_beside(add, messages):
    """Those of the call, and those of a signature."""
    with airlock.scope():
        airlock.enqueue(add, 1, _dispatch_options={"headers": {"mine": 1}})
        airlock.enqueue(add.s(1).set(headers={"mine": 2}))
        airlock.enqueue(add.s(1), _dispatch_options={"headers": {"mine": 3}})

    headers = messages()
    assert [header["mine"] for header in headers] == [1, 2, 3]
    assert all(header.items() >= HEADER.items() for header in headers)
