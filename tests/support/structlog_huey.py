"""A Huey whose consumer logs with structlog, and the request that gives it work."""

from __future__ import annotations

import os

from huey import RedisHuey
from huey.api import chord, group

import airlock
import airlock_huey
import structlog_lines
from structlog_lines import mark

structlog_lines.configure()
huey = RedisHuey("structlog", url=os.environ["AIRLOCK_TEST_BROKER"])
airlock_huey.install_scopes(huey)


@huey.task()
def seen(case, step, *results):
    mark(case, step)


@huey.task(context=True, retries=1)
def retried(case, step, task):
    mark(case, f"{step}, retries left {task.retries}")
    if task.retries:
        raise ValueError(step)


@huey.task()
def parent(case, step):
    mark(case, step)
    airlock.enqueue(seen, case, f"{step}, child")


@huey.task()
def fails(case, step):
    raise ValueError(step)


@huey.task()
def everything(case, **kwargs):
    mark(case, f"keywords {sorted(kwargs)}")


def send(case: str) -> None:
    """Do what a request does, and then what has no request."""
    once_more = seen.s(case, "enqueued twice")
    structlog_lines.bind(case)
    with airlock.scope():
        airlock.enqueue(seen, case, "plain")
        airlock.enqueue(everything, case, one=1)
        airlock.enqueue(retried, case, "retried")
        airlock.enqueue(parent, case, "parent")
        airlock.enqueue(seen.s(case, "piped 1").then(seen, case, "piped 2"))
        airlock.enqueue(fails.s(case, "fails").error(seen, case, "on error"))
        airlock.enqueue(group([seen.s(case, "grouped 1"), seen.s(case, "grouped 2")]))
        members = [seen.s(case, "member 1"), seen.s(case, "member 2")]
        airlock.enqueue(chord(members, seen.s(case, "callback")))
        airlock.enqueue(once_more)
    structlog_lines.unbind()
    huey.enqueue(once_more)
    for number in range(4):
        seen(case, f"clean {number}")
