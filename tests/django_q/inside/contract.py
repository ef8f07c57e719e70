"""The suite that every executor must pass, for that of django-q."""

from __future__ import annotations

import pytest
import redis
from django.db import connection
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ

import airlock
import airlock.testing
import django_q_shop
from airlock_django_q import DjangoQExecutor
from django_q_packages import empty, packages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty():
    empty(None)


class TestDjangoQExecutor(airlock.testing.ExecutorContract):
    """`DjangoQExecutor` on the broker of the project."""

    @pytest.fixture
    def executor(self):
        return DjangoQExecutor()

    @pytest.fixture
    def broken_executor(self, free_port, monkeypatch):
        if Conf.ORM:
            # Its broker is Django's own connection: there is no executor for another.
            with connection.schema_editor() as editor:
                editor.alter_db_table(OrmQ, "django_q_ormq", "gone")
            yield DjangoQExecutor()
            with connection.schema_editor() as editor:
                editor.alter_db_table(OrmQ, "gone", "django_q_ormq")
            return
        broker = get_broker()
        broker.connection = redis.Redis(port=free_port())
        yield DjangoQExecutor(broker=broker)

    @pytest.fixture
    def task(self):
        return django_q_shop.add

    @pytest.fixture
    def foreign_task(self):
        return lambda number: number

    def sent(self, executor):
        return [package["args"][0] for package in packages()]


def test_calling_it_sends_one():
    """The executor is a callable that sends one intent and returns its receipt."""
    executor = DjangoQExecutor()
    with airlock.scope(executor=executor) as scope:
        airlock.enqueue(django_q_shop.add, 1)
        identity = scope.intents[0].id
        assert executor(scope.intents[0]) == identity
        scope.discard()

    assert [package["id"] for package in packages()] == [identity]


def test_calling_it_raises():
    """What would be the intent's failure is raised."""
    executor = DjangoQExecutor()
    with airlock.scope(executor=airlock.testing.RecordingExecutor()) as scope:
        airlock.enqueue(django_q_shop.add, 1, _dispatch_options={"countdown": 1})

    with pytest.raises(airlock.IntentError, match="no option 'countdown'"):
        executor(scope.intents[0])
