"""The suite that every executor must pass, for Dramatiq's, on each kind of broker."""

from __future__ import annotations

import dramatiq
import pika
import pytest

import airlock
import airlock.testing
from airlock_dramatiq import DramatiqExecutor
from dramatiq_messages import first_arguments, sent


class Contract(airlock.testing.ExecutorContract):
    """What is the same on each."""

    @pytest.fixture
    def executor(self):
        return DramatiqExecutor()

    @pytest.fixture
    def foreign_task(self):
        def plain(number): ...

        return plain


class TestOnRedis(Contract):
    """`DramatiqExecutor` with a `RedisBroker`."""

    @pytest.fixture
    def broken_executor(self, add, make_broker, free_port):
        # The broker is the actor's: there is no executor for another.
        add.broker = make_broker(f"redis://127.0.0.1:{free_port()}/0")
        add.broker.declare_actor(add)
        return DramatiqExecutor()

    @pytest.fixture
    def task(self, url, add):
        self.url = url
        return add

    def sent(self, executor):
        return first_arguments(self.url)


class TestOnRabbitMQ(Contract):
    """`DramatiqExecutor` with a `RabbitmqBroker`, with and without confirmations."""

    @pytest.fixture(autouse=True, params=[False, True], ids=["fast", "confirms"])
    def confirms(self, request):
        return request.param

    @pytest.fixture
    def broken_executor(self, task, make_broker, free_port):
        task.broker = make_broker(f"amqp://127.0.0.1:{free_port()}//")
        task.broker.declare_actor(task)
        return DramatiqExecutor()

    @pytest.fixture
    def task(self, rabbitmq_url, make_broker, make_actor, confirms):
        self.url = rabbitmq_url
        return make_actor(make_broker(rabbitmq_url, confirm_delivery=confirms))

    def sent(self, executor):
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        channel = connection.channel()
        found = []
        try:
            while (received := channel.basic_get("default"))[0] is not None:
                found.append(dramatiq.Message.decode(received[2]).args[0])
        except pika.exceptions.ChannelClosedByBroker:
            return []  # no queue yet: nothing was ever sent
        finally:
            connection.close()  # what was not acknowledged is there again
        return found


class TestOnStub(Contract):
    """`DramatiqExecutor` with a `StubBroker`."""

    @pytest.fixture
    def task(self, make_broker, make_actor):
        self.broker = make_broker("stub")
        return make_actor(self.broker)

    def sent(self, executor):
        waiting = list(self.broker.queues["default"].queue)
        return [dramatiq.Message.decode(data).args[0] for data in waiting]


def test_calling_it_sends_one(url, add):
    """The executor is a callable that sends one intent and returns its receipt, or raises."""
    executor = DramatiqExecutor()
    with airlock.scope(executor=airlock.testing.RecordingExecutor()) as scope:
        airlock.enqueue(add, 1)
    receipt = executor(scope.intents[0])

    assert receipt.message_id == scope.intents[0].id == sent(url)[0].message_id
