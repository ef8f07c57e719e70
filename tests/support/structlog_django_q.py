"""Functions whose cluster logs with structlog, and the request that gives it work."""

from __future__ import annotations

from django_q.tasks import async_task

import airlock
import structlog_lines
from structlog_lines import mark

structlog_lines.configure()


def seen(case, step):
    mark(case, step)


def parent(case, step):
    mark(case, step)
    airlock.enqueue(seen, case, f"{step}, child")


def send(case: str) -> None:
    """Do what a request does, and then what has no request."""
    structlog_lines.bind(case)
    with airlock.scope():
        airlock.enqueue(seen, case, "plain")
        airlock.enqueue(parent, case, "parent")
    structlog_lines.unbind()
    for number in range(4):
        async_task(seen, case, f"clean {number}")
