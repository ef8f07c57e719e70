"""Whose a ready-made task is: it knows neither its Huey nor the function it was made from."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary, ref

from airlock import IntentError
from airlock_huey.kinds import is_chord, is_group, tasks_in, wrapper_in

# By task class. Weakly, as a class and its wrapper refer to each other.
_wrappers: WeakKeyDictionary[type, ref[Any]] = WeakKeyDictionary()


def huey_of(thing: Any) -> Any:
    """Return the Huey that carries a task; of a group or chord, that of its first task.

    Raises:
        IntentError: no Huey in this process knows it.
    """
    wrapper = wrapper_in(thing)
    if wrapper is not None:
        return wrapper.huey
    if is_chord(thing):
        return huey_of(thing.callback)
    if is_group(thing):
        members = tasks_in(thing)
        if not members:
            raise IntentError("an empty group has nothing to send. Enqueue it where it has tasks.")
        return huey_of(members[0])
    wrapper = wrapper_of(thing)
    if wrapper is None:
        raise IntentError(
            f"{thing!r} belongs to no Huey in this process. Make it from a function that has "
            "@huey.task() above it: its_name.s(...)."
        )
    return wrapper.huey


def wrapper_of(task: Any) -> Any:
    """Return what `@huey.task()` made, from which this task was made; None where it is gone."""
    cls = type(task)
    found = _found(cls)
    for look in (_in_its_module, _anywhere):
        if found is None:
            for wrapper in look(cls):
                _wrappers[wrapper.task_class] = ref(wrapper)
            found = _found(cls)
    return found


def _found(cls: type) -> Any:
    known = _wrappers.get(cls)
    return None if known is None else known()


def _in_its_module(cls: type) -> Iterator[Any]:
    """Yield the tasks that stand where nearly all do: in the module of their function."""
    module = sys.modules.get(cls.__module__)
    for value in list(vars(module).values()) if module is not None else ():
        wrapper = wrapper_in(value) if _may_be(type(value)) else None
        if wrapper is not None:
            yield wrapper


def _may_be(kind: type) -> bool:
    # Not isinstance(): the lazy objects of other libraries would wake up.
    return issubclass(kind, sys.modules["huey.api"].TaskWrapper) or kind.__name__ == "function"


def _anywhere(cls: type) -> Iterator[Any]:
    """Yield every task of the process: in classes, closures and tests. It takes a moment, once."""
    wrapper_class = sys.modules["huey.api"].TaskWrapper
    for thing in gc.get_objects():
        if issubclass(type(thing), wrapper_class) and hasattr(thing, "task_class"):
            yield thing
