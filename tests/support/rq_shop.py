"""The jobs that tests enqueue and real workers perform: RQ finds them by the name of this module."""

from __future__ import annotations

import asyncio
import os
import time

import redis
from rq import Retry, get_current_job
from rq.decorators import job

import airlock

# Workers have it; the tests of this process put the connection of theirs in its place.
connection = redis.Redis.from_url(os.environ.get("RQ_REDIS_URL", "redis://127.0.0.1:1/0"))
decorator = job("default", connection=connection, result_ttl=77, meta={"from": "decorator"})


class Broken(Exception):
    """What goes wrong in a job."""


def note(case: str, line: str) -> None:
    """Write a line into the journal of a test."""
    get_current_job().connection.rpush(f"journal:{case}", line)


@decorator
def decorated(number, timeout=None):
    return number


def add(left, right=0):
    return left + right


def greedy(*args, **kwargs):
    """A function whose own arguments are called like RQ's options."""
    return [args, kwargs]


class Counter:
    """An object whose methods are jobs."""

    def __init__(self, start):
        self.start = start

    def count(self, step):
        return self.start + step

    @staticmethod
    def static(number):
        return number

    @classmethod
    def named(cls, number):
        return f"{cls.__name__} {number}"


def ended(job, connection, result, *more):
    """A callback."""


@decorator
def effect(case, of):
    note(case, f"effect of {of}")


def _act(case, outcome):
    run = 1 if get_current_job().retries_left == 0 or get_current_job().number_of_retries else 0
    airlock.enqueue(effect, case, f"run {run}")
    note(case, f"run {run}")
    if outcome == "failure" or (outcome == "retry once" and run == 0):
        raise Broken
    if outcome == "returned retry" and run == 0:
        return Retry(max=1)
    if outcome == "unflushable":
        airlock.enqueue(effect, lambda: "no pickle", "unflushable")
    return f"result of run {run}"


def scoped(case, outcome):
    """What `--job-class airlock_rq.ScopedJob` gives a scope."""
    return _act(case, outcome)


async def scoped_async(case, outcome):
    """The same, where RQ awaits the job."""
    await asyncio.sleep(0)
    airlock.enqueue(note_async, case)
    return _act(case, outcome)


async def note_async(case):
    """An effect that can only be awaited."""
    await asyncio.sleep(0)
    note(case, "awaited")


@airlock.scoped()
def decorated_scope(case, outcome):
    """What has a scope without a job class."""
    return _act(case, outcome)


def seen(case):
    """Write down how the job arrived."""
    current = get_current_job()
    note(case, f"{current.id} {current.meta} {current.timeout} {current.origin}")


class SlowToPickle:
    """An argument that takes longer to pickle than any job may take."""

    def __reduce__(self):
        time.sleep(60)
        return SlowToPickle, ()


def long_flush(case):
    """Enqueue what cannot be sent within the time limit of the job."""
    airlock.enqueue(effect, case, "before")
    airlock.enqueue(effect, case, SlowToPickle())
    airlock.enqueue(effect, case, "after")
