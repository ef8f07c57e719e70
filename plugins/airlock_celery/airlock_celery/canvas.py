"""The canvases under the global intercept: each is held whole, as one intent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from celery import canvas as celerys

from airlock import IntentError
from airlock_celery.asking import ask
from airlock_celery.calls import Call
from airlock_celery.copies import as_it_is
from airlock_celery.kinds import is_signature, kind_of, registered
from airlock_celery.replacing import Replaced
from airlock_celery.results import held

# The classes with an `apply_async` of their own. A canvas of a single task, and the groups that
# `chunks` makes, come through one of these or through their task.
_CLASSES = ("Signature", "_basemap", "_chain", "group", "_chord")

_replaced: list[Replaced] = []
_apps = 0


def intercept() -> None:
    """Replace the methods of Celery's canvas classes, for all apps; each call looks whose it is."""
    global _apps
    _apps += 1
    if not _replaced:
        _replaced.extend(
            Replaced(getattr(celerys, name), "apply_async", _apply_async) for name in _CLASSES
        )


def release() -> None:
    """Put them back when the last app is done."""
    global _apps
    _apps -= 1
    if not _apps:
        while _replaced:
            _replaced.pop().restore()


def _apply_async(signature: Any, original: Any, positional: Any, named: Any) -> Any:
    if kind_of(signature) == "task" and registered(signature) is not None:
        return original(*positional, **named)  # its task is asked, with everything merged
    if _is_empty(signature):
        return original(*positional, **named)  # nothing would be sent
    return ask(signature, original, positional, named, _hold)


def _is_empty(signature: Any) -> bool:
    kind = kind_of(signature)
    if kind == "chain":
        return all(is_signature(step) and _is_empty(step) for step in signature.tasks)
    return kind == "group" and not signature.tasks


def _hold(call: Call, caller: FrameType, signature: Any) -> Any:
    """Make an intent of a canvas as it is now.

    Returns:
        What Celery would have returned, with the ids that the worker will see.
    """
    kind = kind_of(signature)
    copy = as_it_is(signature)
    if kind in ("task", "map"):
        return call.enqueue_as(caller, copy, copy.AsyncResult)
    if copy.app.conf.task_protocol == 1:
        raise IntentError(
            f"{signature.name} cannot be held with task_protocol=1, which links the steps of a "
            "canvas. Set task_protocol=2, Celery's default since 4.0."
        )
    if kind == "chord" and (body := call.kwargs.pop("body", None)) is not None:
        copy.body = celerys.maybe_signature(body, app=copy.app, clone=True)
    if kind == "group":
        # Freezing reverses the members of a group inside; sending it alone does not.
        copy.tasks = list(_flat(copy.tasks, copy.app))
    given = call.options.pop("task_id", None) or copy.options.get("task_id")
    if given is not None and kind == "group":
        copy.options["task_id"] = given
    result = copy.freeze(given)
    return held(result, call.enqueue(caller, copy))


def _flat(tasks: Iterable[Any], app: Any) -> Iterator[Any]:
    for task in tasks:
        part = celerys.maybe_signature(task, app=app)
        if kind_of(part) == "group":
            yield from _flat(part.tasks, app)
        elif not _is_empty(part):
            yield part
