"""The canvases under the global intercept: each is held whole, as one intent."""

from __future__ import annotations

from types import FrameType
from typing import Any

from celery import canvas as celerys

from airlock_celery.asking import ask
from airlock_celery.calls import Call
from airlock_celery.kinds import kind_of, registered
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
    kind = kind_of(signature)
    if kind == "task" and registered(signature) is not None:
        return original(*positional, **named)  # its task is asked, with everything merged
    if kind in ("chain", "group") and not signature.tasks:
        return original(*positional, **named)  # nothing would be sent
    return ask(signature, original, positional, named, _hold)


def _hold(call: Call, caller: FrameType, signature: Any) -> Any:
    """Make an intent of a canvas as it is now.

    Returns:
        What Celery would have returned, with the ids that the worker will see.
    """
    kind = kind_of(signature)
    if kind == "map":
        list(signature.kwargs["it"])  # a generator is asked now, and remembers
        return call.enqueue_as(caller, signature, signature.AsyncResult)
    copy = signature.clone()
    if kind == "task":
        return call.enqueue_as(caller, copy, copy.AsyncResult)
    if kind == "chord" and (body := call.kwargs.pop("body", None)) is not None:
        copy.body = celerys.maybe_signature(body, app=copy.app, clone=True)
    given = call.options.pop("task_id", None)
    if given is not None and kind == "group":
        copy.options["task_id"] = given
    result = copy.freeze(given)
    return held(result, call.enqueue(caller, copy))
