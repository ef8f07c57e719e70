"""A scope around each execution of a task: success flushes, failure and retry discard."""

from __future__ import annotations

from functools import partial
from typing import Any

from airlock import ConfigurationError, received, scope
from airlock_huey.envelopes import meta_of, opened

_INSTALLED = "_airlock_scopes"


def install_scopes(huey: Any) -> None:
    """Run every task of a Huey in a scope, periodic ones included.

    What a task enqueues leaves when it has succeeded. An error of the flush is the task's own: its
    `retries` are for it, too. What plugins carry along, such as a request id, travels with the
    tasks of this Huey and is in place around each. So call it once, where the Huey is made, for
    those who send and for the consumer; a second call does nothing.

    Args:
        huey: the Huey, in this process.

    Raises:
        ConfigurationError: it is no Huey, or one that executes tasks in a way unknown here.
    """
    if not callable(getattr(huey, "_execute", None)):
        raise ConfigurationError(
            f"install_scopes({huey!r}) needs a Huey, such as huey.RedisHuey('shop'), and knows "
            "Huey 2.5 to 3.5. Elsewhere, put @airlock.scoped() below @huey.task()."
        )
    if not has_scopes(huey):
        setattr(huey, _INSTALLED, True)
        huey._execute = partial(_execute, huey._execute)


def has_scopes(huey: Any) -> bool:
    """Whether `install_scopes()` was called for a Huey."""
    return hasattr(huey, _INSTALLED)


def _execute(original: Any, task: Any, *arguments: Any) -> Any:
    """Stand in for `huey._execute()`, whose hooks run outside of what a task may fail with."""
    if "execute" in vars(task):  # a retry in immediate mode, inside of the first try
        return original(task, *arguments)
    task.execute = partial(_in_a_scope, task, task.execute)
    try:
        with received(meta_of(task)):
            return original(task, *arguments)
    finally:
        del task.execute


def _in_a_scope(task: Any, body: Any) -> Any:
    with opened(task), scope(name=f"task {task.__module__}.{task.name}"):
        return body()
