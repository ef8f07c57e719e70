"""What travels with a task: in a keyword that only a Huey with `install_scopes()` knows.

Huey's messages have no headers. Such a Huey is made by one module, in the process that sends and in
the consumer, so that what the one puts in the other takes out, before the function is called.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airlock_huey.kinds import is_chord, is_group, tasks_in

#: The keyword.
META = "_airlock_meta"


def with_meta(thing: Any, meta: Mapping[str, Any]) -> Any:
    """Copy a task, group or chord, with `meta` in every task, also those that follow.

    The application may enqueue its own once more, with something else.
    """
    thing = copy.copy(thing)
    if is_group(thing) or is_chord(thing):
        thing.tasks = [with_meta(task, meta) for task in tasks_in(thing)]
        if is_chord(thing):
            thing.callback = with_meta(thing.callback, meta)
        return thing
    thing.kwargs = {**thing.kwargs, META: dict(meta)}
    for name in ("on_complete", "on_error"):
        following = getattr(thing, name)
        if following is not None:
            setattr(thing, name, with_meta(following, meta))
    return thing


def meta_of(task: Any) -> Mapping[str, Any] | None:
    """Return what travelled with a task, or None."""
    found: Mapping[str, Any] | None = (task.kwargs or {}).get(META)
    return found


@contextmanager
def opened(task: Any) -> Iterator[None]:
    """Let a task have its own arguments alone, for as long as its function runs."""
    kwargs = task.kwargs
    if kwargs and META in kwargs:
        task.kwargs = {name: value for name, value in kwargs.items() if name != META}
    try:
        yield
    finally:
        task.kwargs = kwargs  # a retry sends it again
