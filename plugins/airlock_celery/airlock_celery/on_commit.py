"""`delay_on_commit` under the global intercept: a scope waits for the commit anyway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airlock import get_current_scope
from airlock_celery.asking import ask, warn
from airlock_celery.calls import Call
from airlock_celery.ownership import asking_frame
from airlock_core.plugins import manager


def delay(task: Any, original: Callable[..., Any], positional: Any, named: Any) -> Any:
    """Hold `task.delay_on_commit(...)`, and return the result that Celery's own does not know."""
    if not _waits_for_commits():
        return _at_the_commit(task, original, positional, named)
    return ask(task, _later(original), (positional, named), {}, Call.enqueue_task)


def apply_async(task: Any, original: Callable[..., Any], positional: Any, named: Any) -> Any:
    """Hold `task.apply_async_on_commit(...)`."""
    if not _waits_for_commits():
        return _at_the_commit(task, original, positional, named)
    return ask(task, original, positional, named, Call.enqueue_task)


def _at_the_commit(task: Any, original: Callable[..., Any], positional: Any, named: Any) -> Any:
    caller = asking_frame(task.app, task.name, {})
    if caller is not None:
        warn(caller, task)
    return original(*positional, **named)


def _later(original: Callable[..., Any]) -> Callable[..., Any]:
    """Call `delay_on_commit` where it is not held, with the arguments in the form of the other."""

    def delay_on_commit(args: Any = (), kwargs: Any = None) -> Any:
        return original(*args, **(kwargs or {}))

    return delay_on_commit


def _waits_for_commits() -> bool:
    """Whether there is a scope that waits for transactions, as airlock-django's do."""
    return get_current_scope() is not None and manager.pluggy.has_plugin("django")
