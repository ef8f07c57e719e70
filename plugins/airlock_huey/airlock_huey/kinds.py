"""What belongs to Huey, told without importing it: no task exists where Huey is not loaded."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any


def _is(thing: object, kind: str) -> bool:
    """Whether it is an instance of a class of Huey's; before Huey 3 there are no groups."""
    cls = getattr(sys.modules.get("huey.api"), kind, None)
    return cls is not None and isinstance(thing, cls)


def is_task(thing: object) -> bool:
    """Whether it is a task with its arguments, such as `send_email.s(1)`, or a pipeline of them."""
    return _is(thing, "Task")


def is_group(thing: object) -> bool:
    """Whether it is a group of tasks."""
    return _is(thing, "group")


def is_chord(thing: object) -> bool:
    """Whether it is a chord: tasks, and a callback that gets their results."""
    return _is(thing, "chord")


def wrapper_in(thing: object) -> Any:
    """Return what `@huey.task()` has made of a function, or None.

    Django's `on_commit_task` hides it in the closure of a plain function, which would wait for a
    commit itself.
    """
    module = sys.modules.get("huey.api")
    if module is None:
        return None
    if isinstance(thing, module.TaskWrapper):
        return thing
    if (
        isinstance(thing, FunctionType)
        and thing.__globals__.get("__name__") == "huey.contrib.djhuey"
        and "task_wrapper" in thing.__code__.co_freevars
    ):
        cells = dict(zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True))
        return cells["task_wrapper"].cell_contents
    return None


def is_carried(thing: object) -> bool:
    """Whether Huey can carry it. Asked of every intent, so that it is quick to say no."""
    if "huey.api" not in sys.modules:
        return False
    return wrapper_in(thing) is not None or is_task(thing) or is_group(thing) or is_chord(thing)


def tasks_in(canvas: Any) -> list[Any]:
    """List the tasks of a group or chord, which may have been given as a generator."""
    if not isinstance(canvas.tasks, list | tuple):
        canvas.tasks = list(canvas.tasks)
    return list(canvas.tasks)
