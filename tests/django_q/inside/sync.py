"""Tasks with `sync`, which django-q runs in the process that asks for them."""

from __future__ import annotations

import pytest
from django_q.conf import Conf
from django_q.models import Task
from django_q.tasks import result

import airlock
import django_q_shop
from django_q_packages import empty, packages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty():
    empty(None)


def numbers():
    return [package["args"][0] for package in packages()]


def test_it_runs_at_the_flush():
    """In its place in the order, and its result is where django-q keeps results."""
    with airlock.scope(executor="django_q"):
        airlock.enqueue(django_q_shop.add, 1)
        intent = airlock.enqueue(django_q_shop.add, 2, 3, _dispatch_options={"sync": True})
        airlock.enqueue(django_q_shop.add, 4)
        assert Task.objects.count() == 0

    assert (result(intent.receipt), numbers()) == (5, [1, 4])


def test_it_has_a_scope_of_its_own():
    """What it enqueues leaves when it has succeeded, in the same flush."""
    with airlock.scope():
        airlock.enqueue(django_q_shop.enqueues, 7, _dispatch_options={"sync": True})

    assert numbers() == [7]


def test_one_that_fails_fails_alone():
    """What it had enqueued is discarded, and the others leave."""
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        options = {"sync": True}
        failing = airlock.enqueue(django_q_shop.enqueues, 7, fail=True, _dispatch_options=options)
        airlock.enqueue(django_q_shop.add, 1)

    assert (caught.value.failed, numbers()) == ((failing,), [1])
    assert "out of stock" in str(failing.outcome.error)


def test_without_a_broker(monkeypatch, free_port):
    """With `Q_CLUSTER["sync"]`, as in tests, no broker is asked for an answer."""
    monkeypatch.setattr(Conf, "SYNC", True)
    monkeypatch.setattr(Conf, "ORM", None)
    monkeypatch.setattr(Conf, "REDIS", {"port": free_port()})
    with airlock.scope():
        intent = airlock.enqueue(django_q_shop.add, 2, 3)

    assert result(intent.receipt) == 5
