"""One intent on its way: the task that it stands for, as Huey itself would make it."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airlock_huey.checking import check_kind
from airlock_huey.envelopes import with_meta
from airlock_huey.execution import has_scopes
from airlock_huey.kinds import is_chord, is_task, wrapper_in

if TYPE_CHECKING:
    from airlock import Intent
    from airlock_huey.collecting import Collector, Command


def send_now(intent: Intent, huey: Any) -> Any:
    """Hand an intent to a Huey that runs it here, with the context variables of its `enqueue`.

    Returns:
        Huey's own result.
    """
    return intent.run(_send_now, intent, huey)


def collect(intent: Intent, collector: Collector) -> tuple[Any, list[Command]]:
    """Make the messages of an intent, with the context variables of its `enqueue` line.

    Returns:
        Huey's own result, and what is to be sent.
    """
    return intent.run(_collect, intent, collector)


def given_id(intent: Intent) -> str | None:
    """Return the id that the caller chose, or that a task has been given when it was made."""
    given: str | None = intent.dispatch_options.get("id")
    if given is None and is_task(intent.task):
        given = intent.task.id
    if given is None and is_chord(intent.task):
        given = intent.task.callback.id
    return given


def message_of(intent: Intent, huey: Any) -> Any:
    """Make what `huey.enqueue()` takes: a task, or a whole group or chord.

    Raises:
        IntentError: Huey cannot carry it, or knows no such option.
    """
    check_kind(intent)
    wrapper = wrapper_in(intent.task)
    if wrapper is None and not is_task(intent.task):
        return intent.task
    options = _for_the_task(intent, huey)
    if wrapper is not None:
        # Never wrapper.s(...), which takes the task's own `retries` or `priority` for its options.
        return wrapper.task_class(intent.args, dict(intent.kwargs), **options)
    return _with_options(intent.task, options)


def _send_now(intent: Intent, huey: Any) -> Any:
    message = _sealed(intent, huey)
    return _receipt(huey, message, huey.enqueue(message))


def _collect(intent: Intent, collector: Collector) -> tuple[Any, list[Command]]:
    message = _sealed(intent, collector.huey)
    result, commands = collector.collect(message)
    return _receipt(collector.huey, message, result), commands


def _sealed(intent: Intent, huey: Any) -> Any:
    """Make the message, with the intent's `meta` where the consumer can take that out again."""
    message = message_of(intent, huey)
    if intent.has_meta and has_scopes(huey):
        return with_meta(message, intent.meta)
    return message


def _receipt(huey: Any, message: Any, result: Any) -> Any:
    """Return a handle also where Huey keeps no results: it can still revoke the task."""
    return huey._result_handle(message) if result is None and is_task(message) else result


def _for_the_task(intent: Intent, huey: Any) -> dict[str, Any]:
    """Turn options of `schedule()` into those of a task, as `schedule()` does."""
    options = dict(intent.dispatch_options)
    options["id"] = intent.id
    eta, delay = options.pop("eta", None), options.pop("delay", None)
    if isinstance(delay, timedelta):
        delay = delay.total_seconds()
    if eta is not None or delay is not None:
        from huey.utils import normalize_time

        options["eta"] = normalize_time(eta, delay, huey.utc)
    return options


def _with_options(task: Any, options: dict[str, Any]) -> Any:
    """Return a task as it is, or a copy where the options say otherwise."""
    changed = {
        name: value
        for name, value in options.items()
        if value is not None and getattr(task, name) != value
    }
    if not changed:
        return task
    task = copy.copy(task)
    for name, value in changed.items():
        setattr(task, name, value)
    task.revoke_id = f"r:{task.id}"
    return task
