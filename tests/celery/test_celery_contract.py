"""The suite that every executor must pass, for Celery's."""

from __future__ import annotations

import pytest

import airlock
import airlock.testing
from airlock_celery import CeleryExecutor
from celery_messages import sent


class TestCeleryExecutor(airlock.testing.ExecutorContract):
    """`CeleryExecutor` on Redis."""

    @pytest.fixture
    def executor(self, broker):
        self.broker = broker
        return CeleryExecutor()

    @pytest.fixture
    def broken_executor(self, app, free_port):
        # The broker is the app's: there is no executor for another.
        app.conf.broker_url = f"redis://127.0.0.1:{free_port()}/0"
        return CeleryExecutor()

    @pytest.fixture
    def task(self, add):
        return add

    @pytest.fixture
    def foreign_task(self):
        def plain(number): ...

        return plain

    def sent(self, executor):
        return [message.args[0] for message in sent(self.broker)]


def test_calling_it_sends_one(broker, add):
    """The executor is a callable that sends one intent and returns its receipt, or raises."""
    executor = CeleryExecutor()
    with airlock.scope(executor=airlock.testing.RecordingExecutor()) as scope:
        airlock.enqueue(add, 1)
    receipt = executor(scope.intents[0])

    assert receipt.id == scope.intents[0].id == sent(broker)[0].id
