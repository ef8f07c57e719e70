"""What the `enqueue` line refuses, and in which words."""

from __future__ import annotations

import asyncio
import functools
import operator
import re

import pytest

import airlock
import django_q_shop
from airlock_django_q import DjangoQExecutor


def nothing(): ...


in_main = functools.partial(nothing)
in_main.__module__ = "__main__"


class Sends:
    """What looks like a task of another queue."""

    def delay(self): ...


def with_job(): ...


with_job.delay = nothing


def refused(task, *args, _dispatch_options=None, **kwargs):
    """Enqueue what is refused, and return why."""
    with airlock.scope(executor="django_q") as scope:
        with pytest.raises(airlock.IntentError) as caught:
            airlock.enqueue(task, *args, _dispatch_options=_dispatch_options, **kwargs)
        assert len(scope) == 0
    return str(caught.value)


def accepted(task, *args, _dispatch_options=None, **kwargs):
    """Enqueue what is not refused, and throw it away."""
    with airlock.scope(executor="django_q") as scope:
        airlock.enqueue(task, *args, _dispatch_options=_dispatch_options, **kwargs)
        scope.discard()


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (lambda: None, "cannot be sent to a worker: .*Define it in a module"),
        (django_q_shop.unpicklable(), "cannot be sent to a worker"),
        (functools.partial(lambda: None), "cannot be sent to a worker"),
        ("__main__.send", "is in __main__"),
        ("shop tasks", "is no dotted path"),
        ("", "is no dotted path"),
        (42, "is no function"),
        (None, "is no function"),
        (Sends(), "is a task of another queue"),
        (with_job, "is a task of another queue"),
        (django_q_shop.asynchronous, "is an `async def`, which django-q does not await"),
    ],
)
def test_tasks_that_no_worker_could_call(task, why):
    """What cannot be imported elsewhere, belongs elsewhere, or is no function."""
    message = refused(task)
    assert re.search(why, message), message


@pytest.mark.parametrize(
    "task",
    [
        django_q_shop.add,
        "django_q_shop.add",
        "a.module.that.only.workers.have",
        functools.partial(django_q_shop.add, 1),
        operator.add,
        operator.itemgetter(0),
        dict.fromkeys,
        Sends,
        "ä.ö".upper,
    ],
)
def test_tasks_that_a_worker_can_call(task):
    """Functions, builtins, classes, methods and partials of them: whatever can be pickled."""
    accepted(task)


def test_tasks_of_other_queues():
    """Those of Celery, Huey, Dramatiq and RQ are to go home."""
    import celery
    import dramatiq
    import huey
    import rq.decorators
    from django_q.models import OrmQ  # a class whose module begins like a queue's
    from dramatiq.brokers.stub import StubBroker

    dramatiq.set_broker(StubBroker())
    others = [
        celery.Celery().task(nothing),
        celery.Celery().task(nothing).s(),
        huey.MemoryHuey().task()(nothing),
        dramatiq.actor(nothing),
        rq.decorators.job("default", connection=object())(with_job),
    ]

    assert all("another queue" in refused(task) for task in others)
    accepted(OrmQ)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"countdown": 3}, "django-q has no option 'countdown'. It has: ack_failure, broker"),
        ({"time_out": 3}, "Did you mean 'timeout'"),
        ({"q_options": {}}, "cannot hold 'q_options'"),
        ({"args": ()}, "cannot hold 'args'"),
        ({"iter_count": 3}, "has no option 'iter_count'"),
        ({"timeout": "3"}, "timeout='3' in _dispatch_options must be: int"),
        ({"timeout": 1.5}, "timeout=1.5 in _dispatch_options must be: int"),
        ({"timeout": True}, "timeout=True in _dispatch_options must be: int"),
        ({"sync": "yes"}, "must be: bool"),
        ({"cluster": 7}, "must be: str"),
        ({"cluster": ""}, "must have 1 to 100 characters"),
        ({"group": "g" * 101}, "must have 1 to 100 characters"),
        ({"task_name": "n" * 101}, "must have 1 to 100 characters"),
        ({"cluster": "a\0b"}, "cannot be stored in a database"),
        ({"group": "\ud800"}, "cannot be stored in a database"),
        ({"broker": "reports"}, "must be a broker, .*option 'cluster'"),
        ({"hook": lambda task: None}, "cannot be sent to a worker"),
        ({"hook": 3}, "is no function"),
        ({"chain": "django_q_shop.add"}, "must be: list or tuple"),
        ({"chain": [(lambda: None, ())]}, "cannot be sent to a worker"),
        ({"chain": [django_q_shop.asynchronous]}, "is an `async def`"),
        ({"chain": [()]}, r"\(\) is no step of a chain"),
        ({"chain": [(django_q_shop.add, 1)]}, "is no step of a chain"),
        ({"chain": [(django_q_shop.add, (), {}, 1)]}, "is no step of a chain"),
        ({3: 4}, "has no option 3"),
    ],
)
def test_options_that_django_q_does_not_take(options, why):
    """What the worker would stumble over is said here."""
    message = refused(django_q_shop.add, 1, _dispatch_options=options)
    assert re.search(why, message), message


@pytest.mark.parametrize(
    "options",
    [
        {"hook": "django_q_shop.hook", "group": 7, "cached": True, "timeout": -1},
        {"hook": django_q_shop.hook, "chain": ["django_q_shop.add", (django_q_shop.add, (1,))]},
        {"timeout": None, "hook": None, "cluster": None},
    ],
)
def test_options_that_it_takes(options):
    """By django-q's own names, and None is as if left out."""
    accepted(django_q_shop.add, 1, _dispatch_options=options)


def test_strict_looks_at_the_arguments():
    """With `strict`, what does not fit or cannot be pickled is refused; without, not yet."""
    accepted(django_q_shop.add)
    accepted(django_q_shop.add, django_q_shop.unpicklable())
    airlock.configure(strict=True)

    assert "does not take these arguments" in refused(django_q_shop.add)
    message = refused(django_q_shop.add, django_q_shop.unpicklable())
    assert "django-q cannot make a package of django_q_shop.add" in message
    assert "Pass plain values" in message


def test_it_works_in_an_event_loop():
    """No check touches the database, which may not be asked there."""

    async def main():
        async with airlock.scope(executor="django_q") as scope:
            airlock.enqueue(django_q_shop.add, 1)
            scope.discard()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"cluster": ""}, "needs the name of a cluster"),
        ({"cluster": 3}, "needs the name of a cluster"),
        ({"broker": "reports"}, "needs a broker"),
        ({"broker": type("B", (), {"enqueue": print})(), "cluster": "x"}, "one of them"),
    ],
)
def test_executors_that_cannot_serve(arguments, why):
    """A wrong default is an error where the executor is made."""
    with pytest.raises(airlock.ConfigurationError, match=why):
        DjangoQExecutor(**arguments)
