"""How things are named in messages, logs and reports."""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType
from typing import Any


def name_of(thing: object) -> str:
    """Name a policy, executor or function for a message: its own name, or that of its class."""
    name = getattr(thing, "__qualname__", None)
    return name if isinstance(name, str) else type(thing).__qualname__


def task_name(task: Any) -> str:
    """Name a task: a string is its own name, a queue's task has one, a function its path."""
    return own_name(task) or f"{type(task).__module__}.{type(task).__qualname__}"


def own_name(task: Any) -> str | None:
    """Name a task where the name is its own, and not that of its class."""
    if isinstance(task, str):
        return task
    name = getattr(task, "name", None)
    # Django's tasks are named as their functions are, without the module that tells them apart.
    if isinstance(name, str) and name != getattr(getattr(task, "func", None), "__name__", None):
        return name
    name = getattr(task, "actor_name", None)
    if isinstance(name, str):
        return name
    function = getattr(task, "func", task)
    qualname = getattr(function, "__qualname__", None)
    if not isinstance(qualname, str):
        return None
    return f"{getattr(function, '__module__', None) or '?'}.{qualname}"


def path_of(task: Any) -> str | None:
    """Return where the function of a queue's task is defined, whatever the task is named."""
    for attribute in ("fn", "func", "run"):  # Dramatiq's; Huey's and others'; Celery's
        function = getattr(task, attribute, None)
        qualname = getattr(function, "__qualname__", None)
        if isinstance(qualname, str):
            return f"{getattr(function, '__module__', None) or '?'}.{qualname}"
    return None


def origin_text(code: CodeType | None, lasti: int) -> str:
    """Render a code object and an instruction as `file:line in function`."""
    if code is None:
        return "unknown"
    line: int | None = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= lasti < end:
            line = number
            break
    return f"{code.co_filename}:{line} in {code.co_qualname}"


def shape(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Render arguments by type, so that a log never holds a secret: `int, user_id=str`."""
    parts = [type(value).__name__ for value in args]
    parts += [f"{key}={type(value).__name__}" for key, value in kwargs.items()]
    return ", ".join(parts)
