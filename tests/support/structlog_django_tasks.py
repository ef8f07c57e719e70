"""Tasks of Django's whose worker logs with structlog, and the request that gives it work."""

from __future__ import annotations

from typing import Any

import django
from django.db import transaction

import airlock
import structlog_lines
from structlog_lines import mark

if django.VERSION >= (6, 0):
    from django.tasks import task
else:
    from django_tasks import task

structlog_lines.configure()


@task
def seen(case: str, step: str) -> None:
    mark(case, step)


@task
async def awaited(case: str, step: str) -> None:
    mark(case, step)


@task(takes_context=True)
def in_context(context: Any, case: str, step: str) -> None:
    mark(case, step)


@task
def parent(case: str, step: str) -> None:
    mark(case, step)
    airlock.enqueue(seen, case, f"{step}, child")


@task
def everything(case: str, **kwargs: Any) -> None:
    mark(case, f"keywords {sorted(kwargs)}")


def send(case: str) -> None:
    """Do what a request does, and then what has no request."""
    django.setup()
    structlog_lines.bind(case)
    with airlock.scope(), transaction.atomic():
        airlock.enqueue(seen, case, "plain")
        airlock.enqueue(awaited, case, "awaited")
        airlock.enqueue(in_context, case, "in context")
        airlock.enqueue(parent, case, "parent")
        airlock.enqueue(everything, case, one=1)
    structlog_lines.unbind()
    seen.enqueue(case, "clean")
