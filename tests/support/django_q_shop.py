"""The functions that the tests have django-q call."""

from __future__ import annotations

import os

import redis
from django.db import transaction

import airlock


def write(case, line):
    with redis.Redis.from_url(os.environ["AIRLOCK_TEST_JOURNAL"]) as client:
        client.rpush(f"journal:{case}", line)


def is_first(case):
    with redis.Redis.from_url(os.environ["AIRLOCK_TEST_JOURNAL"]) as client:
        return client.incr(f"runs:{case}") == 1


def add(left, right=0):
    return left + right


def effect(case, line):
    write(case, line)


def sees(case, *args, **kwargs):
    write(case, f"{args} {kwargs}")


def works(case, outcome):
    run = "first" if is_first(case) else "second"
    write(case, f"{run} run")
    with transaction.atomic():
        airlock.enqueue(effect, case, f"effect of the {run} run")
    if outcome == "fails" or (outcome == "fails at first" and run == "first"):
        raise ValueError("out of stock")
    if outcome == "cannot flush" or (outcome == "cannot flush at first" and run == "first"):
        airlock.enqueue(effect, case, unpicklable())
    return outcome


def unpicklable():
    return lambda: "what cannot be pickled"


@airlock.scoped()
def decorated(case, outcome):
    return works(case, outcome)


def stuck(case):
    airlock.enqueue(effect, case, "effect")
    write(case, "begun")
    while True:
        pass


def hook(task):
    write(task.args[0], f"hook of {task.func} saw {task.success}")


@airlock.scoped()
def effective_hook(task):
    airlock.enqueue(effect, task.args[0], "effect of the hook")


def raises(*args):
    raise ValueError("out of stock")


def enqueues(number, fail=False):
    """For tasks that run in the process of the test."""
    airlock.enqueue(add, number)
    if fail:
        raise ValueError("out of stock")


async def asynchronous(number): ...
