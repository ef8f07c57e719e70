"""Tasks of Django's, for the tests' own process and for a worker's."""

from __future__ import annotations

from typing import Any

import django

import airlock

if django.VERSION >= (6, 0):
    from django.tasks import task
else:
    from django_tasks import task

ran: list[Any] = []


@task
def add(number: int, other: int = 0) -> int:
    """Note that it ran."""
    ran.append((number, other))
    return number + other


def plain(number: int) -> None:
    """Be no task."""


def _row(token: str) -> None:
    from twinapp.models import Row

    Row.objects.create(token=token)


@task
def write(token: str) -> None:
    """Write a row, which tells that the task ran."""
    _row(token)


def breaks() -> None:
    """Fail, as an effect."""
    raise ZeroDivisionError("the effect failed")


def _asks(token: str, end: str) -> Any:
    airlock.enqueue(write, token)
    airlock.enqueue(_row, f"{token} inline")
    if end == "raises":
        raise LookupError("the task failed")
    if end == "flush fails":
        airlock.enqueue(breaks)
    return object() if end == "no JSON" else token


@task
def asks(token: str, end: str = "succeeds") -> Any:
    """Enqueue a task and an effect that runs here, and end in some way."""
    return _asks(token, end)


@task
async def asks_async(token: str, end: str = "succeeds") -> Any:
    """Do so in an event loop, and have an effect awaited."""

    async def awaited() -> None:
        from twinapp.models import Row

        await Row.objects.acreate(token=f"{token} awaited")

    airlock.enqueue(awaited)
    return _asks(token, end)


@task(takes_context=True)
def asks_with_context(context: Any, token: str, end: str = "succeeds") -> Any:
    """Do so where the worker gives the context."""
    return _asks(f"{token} {context.attempt}", end)


@task
@airlock.scoped()
def asks_scoped(token: str, end: str = "succeeds") -> Any:
    """Do so in a scope of the function's own."""
    return _asks(token, end)


@task
@airlock.scoped
async def asks_scoped_async(token: str, end: str = "succeeds") -> Any:
    """Do so in a scope of the coroutine function's own."""
    return _asks(token, end)
