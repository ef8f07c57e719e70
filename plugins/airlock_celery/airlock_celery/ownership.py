"""Whose publish is it: asked for by the application, or Celery's or airlock's own business.

Only what the application asks for may be held in a scope. A retry that were held would be lost,
since the exception that follows it discards the scope; so would the next step of a chain.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import FrameType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

#: Stands for every id in `publishing()`.
EVERYTHING = ""

# What airlock, or a call that passes through, is publishing here: nothing (None), everything, or
# the one task of an id.
_publishing: ContextVar[str | None] = ContextVar("airlock_celery", default=None)

# The modules through which an application asks for a publish, and the functions in them that do
# so on Celery's own behalf.
_ASKING = frozenset({"celery.app.task", "celery.canvas", "celery.local"})
# What executes tasks: callbacks, and the next step of a chain, also of a task that runs eagerly.
_TRACER = "celery.app.trace"
_OWN = frozenset({"retry", "replace", "on_replace", "add_to_chord"})


def publishing(
    task_id: str | None, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Call `function`, and let what it publishes through.

    Args:
        task_id: the one task that is let through, or `EVERYTHING`. Where tasks run eagerly it must
            be the one: the bodies of tasks run meanwhile, and what they ask for is the
            application's.
        function: what publishes.
        *args: its arguments.
        **kwargs: its keyword arguments.
    """
    token = _publishing.set(task_id)
    try:
        return function(*args, **kwargs)
    finally:
        _publishing.reset(token)


def asking_frame(app: Any, name: str, options: Mapping[str, Any]) -> FrameType | None:
    """Return the frame of the application's line that asks for a publish.

    Args:
        app: the Celery app.
        name: the name of the task.
        options: the options given to `apply_async`.

    Returns:
        The frame, or None where the publish is not the application's and must go out as it is.
    """
    current = _publishing.get()
    if current is not None and current in (EVERYTHING, options.get("task_id")):
        return None
    running = app.current_worker_task
    itself = running and running.name == name and running.request.id
    if itself and running.request.id == options.get("task_id"):
        return None  # a retry
    return _application_frame()


def _application_frame() -> FrameType | None:
    """Walk out of Celery's frames, to the line that they stand for, where they stand for one."""
    frame: FrameType | None = sys._getframe(2)
    celerys: FrameType | None = None
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        package = module.partition(".")[0]
        if module == _TRACER:
            return None
        if package in ("celery", "kombu"):
            celerys = frame
        elif package != "airlock_celery":
            break
        frame = frame.f_back
    if celerys is not None and (
        celerys.f_globals["__name__"] not in _ASKING or celerys.f_code.co_name in _OWN
    ):
        return None
    return celerys if frame is None else frame  # a greenlet may have no frame below


def is_replacement(error: BaseException) -> bool:
    """Whether it is how `Task.replace()` ends a task: not with a failure, but with `Ignore`."""
    exceptions = sys.modules.get("celery.exceptions")
    if exceptions is None or not isinstance(error, exceptions.Ignore):
        return False
    from celery import Task

    raised = error.__traceback__
    while raised is not None and raised.tb_next is not None:
        raised = raised.tb_next
    return raised is not None and raised.tb_frame.f_code is Task.on_replace.__code__
