"""The tasks inside a pipeline, group or chord, for policies that go by tasks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airlock_huey.kinds import is_chord, is_group, is_task, tasks_in, wrapper_in
from airlock_huey.owners import wrapper_of


def members(thing: Any) -> list[Any] | None:
    """List what is inside; None where it is a plain task, or nothing of Huey's."""
    wrapper = wrapper_in(thing)
    if wrapper is not None:
        return None if wrapper is thing else [wrapper]
    if is_task(thing):
        return list(_inside(thing))
    if is_chord(thing):
        return [*tasks_in(thing), thing.callback]
    if is_group(thing):
        return tasks_in(thing)
    return None


def _inside(task: Any) -> Iterator[Any]:
    """Yield what a task was made from, which has its full name, and what follows it."""
    wrapper = wrapper_of(task)
    if wrapper is not None:
        yield wrapper
    for following in (task.on_complete, task.on_error):
        if following is not None:
            yield following
