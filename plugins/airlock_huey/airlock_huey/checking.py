"""What can be known at the `enqueue` line: options, arguments, and whether they can be encoded."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from inspect import signature
from typing import TYPE_CHECKING, Any

from airlock import IntentError
from airlock_core.calls import check_arguments
from airlock_huey.kinds import is_carried, is_chord, is_task, tasks_in, wrapper_in
from airlock_huey.owners import huey_of, wrapper_of

if TYPE_CHECKING:
    from airlock import Intent

# What Huey would stumble over when the task leaves, or not before it is to be executed.
_KINDS: dict[str, tuple[type, ...]] = {
    "eta": (datetime,),
    "delay": (int, float, timedelta),
    "expires": (int, float, timedelta, datetime),
    "priority": (int, float),
    "retries": (int,),
    "retry_delay": (int, float),
    "id": (str,),
}


def check_kind(intent: Intent) -> None:
    """Raise `IntentError` where Huey cannot carry the task, or knows no such option."""
    task, options = intent.task, intent.dispatch_options
    wrapper = wrapper_in(task)
    if wrapper is None:
        _check_ready_made(intent)
    check_options(options)
    _check_priority(task if wrapper is None else wrapper.task_class, huey_of(task), options)


def _check_ready_made(intent: Intent) -> None:
    task = intent.task
    if not is_carried(task):
        raise IntentError(
            f"{intent.name} is no Huey task. Put @huey.task() above its function, and enqueue what "
            "that makes of it."
        )
    if intent.args or intent.kwargs:
        raise IntentError(
            f"{intent.name} has its arguments already. Give them to .s(), or enqueue the task "
            "itself with its arguments."
        )
    if intent.dispatch_options and not is_task(task):
        raise IntentError(
            f"a {type(task).__name__} takes no _dispatch_options. Give them to its tasks: "
            ".s(..., priority=1)."
        )


def check_options(options: Mapping[str, Any]) -> None:
    """Raise `IntentError` where Huey's `schedule()` does not take one of these options."""
    if not options:
        return
    schedule = sys.modules["huey.api"].TaskWrapper.schedule
    known = sorted(set(signature(schedule).parameters) - {"self", "args", "kwargs"})
    for name in options:
        if name in ("args", "kwargs"):
            raise IntentError(
                f"_dispatch_options cannot hold {name!r}. Give the task's arguments to enqueue() "
                "itself."
            )
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise IntentError(
                f"Huey has no option {name!r}.{hint} _dispatch_options takes: {', '.join(known)}."
            )
    if options.get("eta") is not None and options.get("delay") is not None:
        raise IntentError("_dispatch_options cannot hold both 'eta' and 'delay'. Give one.")
    for name, kinds in _KINDS.items():
        value = options.get(name)
        if value is not None and not isinstance(value, kinds):
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise IntentError(f"{name}={value!r} in _dispatch_options must be: {expected}.")


def _check_priority(task: Any, huey: Any, options: Mapping[str, Any]) -> None:
    """Refuse a priority where the storage has none: it would not be sent at all."""
    if getattr(huey.storage, "priority", True):
        return
    default = getattr(task, "priority", None) or getattr(task, "default_priority", None)
    given = options.get("priority")
    if given or (given is None and default):
        raise IntentError(
            f"{type(huey).__name__} has no priorities. Leave priority out, or use another Huey, "
            "such as PriorityRedisHuey."
        )


def check_call(message: Any, huey: Any) -> None:
    """Raise `IntentError` where sending this would fail, or would fail in the worker.

    Args:
        message: a task, group or chord, as it would be given to `huey.enqueue()`.
        huey: its Huey.
    """
    for task in _tasks(message):
        wrapper = wrapper_of(task)
        if wrapper is not None and task is message:
            # Of a chord's callback, and of a pipeline's next steps, nobody knows the arguments yet.
            own = {"task": task} if wrapper.context else {}
            check_arguments(wrapper.func, tuple(task.args), {**task.kwargs, **own})
        try:
            huey.serialize_task(task)
        except Exception as error:
            raise IntentError(
                f"{task.name} cannot be encoded by {type(huey.serializer).__name__}: {error}. Pass "
                "plain values such as ids, or give Huey another serializer."
            ) from error


def _tasks(message: Any) -> Iterator[Any]:
    if is_task(message):
        yield message
        return
    for member in tasks_in(message):
        yield from _tasks(member)
    if is_chord(message):
        yield message.callback
