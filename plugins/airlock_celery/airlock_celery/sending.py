"""One intent on its way: the call of `apply_async` that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from airlock_celery.headers import carry_along, headers_of, with_meta
from airlock_celery.kinds import is_signature, kind_of
from airlock_celery.lending import lending
from airlock_celery.messages import Messages
from airlock_celery.ownership import EVERYTHING, publishing

if TYPE_CHECKING:
    from airlock import Intent


def apply(intent: Intent) -> Any:
    """Run the task of an intent here, with the context variables of its `enqueue` line.

    Returns:
        Celery's `EagerResult`.
    """
    return intent.run(_apply_eagerly, intent)


def collect(intent: Intent, app: Any, messages: Messages) -> Any:
    """Make the messages of an intent, with the context variables of its `enqueue` line.

    Args:
        intent: the intent of a task or signature.
        app: its app.
        messages: where they are collected.

    Returns:
        Celery's own result: an `AsyncResult`, or a `GroupResult`.
    """
    return intent.run(_apply_collecting, intent, app, messages)


def given_id(intent: Intent) -> str | None:
    """Return the id that the caller chose, in the options or by freezing a signature."""
    given = intent.dispatch_options.get("task_id")
    if given is None and is_signature(intent.task):
        given = _frozen_id(intent.task)
    return given


def _apply_eagerly(intent: Intent) -> Any:
    # Nothing but the task itself: what it asks for while it runs is the application's.
    return publishing(intent.id, _call(intent, dict(intent.dispatch_options)))


def _apply_collecting(intent: Intent, app: Any, messages: Messages) -> Any:
    options = dict(intent.dispatch_options)
    options.pop("connection", None)  # the producer is one to that broker
    return publishing(EVERYTHING, lending, app, messages, _call(intent, options))


def _call(intent: Intent, options: dict[str, Any]) -> Callable[[], Any]:
    task, task_id = intent.task, intent.id
    options["task_id"] = task_id
    if intent.has_meta:
        headers = headers_of(intent)
        carry_along(options, intent.meta)
        if is_signature(task):
            task = with_meta(task, intent.meta)
        if "headers" in options or not is_signature(task):
            options["headers"] = headers
    if is_signature(task) and kind_of(task) == "chain":
        task = _with_id(task, task_id)
    return partial(task.apply_async, intent.args, dict(intent.kwargs), **options)


def _frozen_id(signature: Any) -> str | None:
    """Return the id of the result that a frozen signature stands for."""
    kind = kind_of(signature)
    if kind == "chord":
        return _frozen_id(signature.body) if is_signature(signature.body) else None
    given: str | None = signature.options.get("task_id")
    if given is None and kind == "chain" and signature.tasks:
        last = signature.tasks[-1]  # before Celery 5.5 a frozen chain does not know it
        given = _frozen_id(last) if is_signature(last) else None
    return given


def _with_id(chain: Any, task_id: str) -> Any:
    """Give the id to a group at the end of a chain, which would make one of its own."""
    last: Any = chain.tasks[-1] if chain.tasks else None
    if not is_signature(last) or kind_of(last) != "group" or "task_id" in last.options:
        return chain
    chain = chain.clone()
    chain.tasks[-1].options["task_id"] = task_id
    return chain
