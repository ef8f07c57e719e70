"""The Huey of the consumers in the tests: every task is executed in a scope."""

from __future__ import annotations

import os

import redis
from huey import RedisHuey, crontab
from huey.exceptions import CancelExecution, RetryTask

import airlock
import airlock_huey

BROKER = os.environ["AIRLOCK_TEST_BROKER"]

huey = RedisHuey("shop", url=BROKER)
airlock_huey.install_scopes(huey)


def write(case, line):
    with redis.Redis.from_url(BROKER) as client:
        client.rpush(f"journal:{case}", line)


def is_first(case, what="run"):
    with redis.Redis.from_url(BROKER) as client:
        return client.incr(f"{what}:{case}") == 1


@huey.task()
def effect(case, line):
    write(case, line)


@huey.task()
def sees(case, *args, **kwargs):
    write(case, f"{args} {kwargs}")


@huey.task(context=True)
def knows_itself(case, task=None):
    write(case, f"{task.id} {task.priority} {task.retries}")


@huey.task()
def works(case, outcome):
    run = "first" if is_first(case) else "second"
    write(case, f"{run} run")
    airlock.enqueue(effect, case, f"effect of the {run} run")
    if outcome == "fails":
        raise ValueError("out of stock")
    if outcome == "fails at first" and run == "first":
        raise ValueError("out of stock")
    if outcome == "retries" and run == "first":
        raise RetryTask
    if outcome == "retries later" and run == "first":
        raise RetryTask(delay=1)
    if outcome == "cancels":
        raise CancelExecution(retry=False)
    if outcome == "cannot flush at first" and run == "first":
        airlock.enqueue(effect, case, lambda: "what no serializer takes")
    return outcome


@huey.task()
@airlock.scoped()
def decorated(case, fail):
    airlock.enqueue(effect, case, "effect")
    write(case, "run")
    if fail:
        raise ValueError("out of stock")


@huey.task()
def step(case, number, before=None):
    airlock.enqueue(effect, case, f"effect of step {number}")
    write(case, f"step {number} after {before}")
    return number


@huey.task()
def stuck(case):
    airlock.enqueue(effect, case, "effect")
    write(case, "begun")
    while True:
        pass


@huey.task()
def add(left, right=0):
    return left + right


@huey.task()
def total(numbers):
    return sum(numbers)


@huey.periodic_task(crontab())
def every_minute():
    if is_first("periodic"):
        airlock.enqueue(effect, "periodic", "effect of the periodic task")
        write("periodic", "periodic run")
