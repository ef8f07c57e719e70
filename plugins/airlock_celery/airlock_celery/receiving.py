"""What travelled with a message: in place around its task, and in what the task itself sends."""

from __future__ import annotations

from typing import Any

from airlock import received
from airlock_core.propagation import propagators

# On a task's request: what is to be taken away again when the task has ended.
_RECEIVED = "_airlock_received"


def install_context() -> None:
    """Put what the messages bring in place around every execution of a task in this process.

    Request ids and traces, as far as plugins carry them. It is there from before the task's body,
    with or without a scope, until Celery has logged how it ended; and it travels on with what a
    task sends that is no intent, such as what replaces it. `install_global_intercept()` does this,
    too. Call it once, where the app is made; a second call does nothing.
    """
    from celery.signals import before_task_publish, task_postrun, task_prerun

    task_prerun.connect(_begin, weak=False, dispatch_uid="airlock_celery")
    task_postrun.connect(_end, weak=False, dispatch_uid="airlock_celery")
    before_task_publish.connect(pass_on, weak=False, dispatch_uid="airlock_celery")


def _begin(*, task: Any, **_: Any) -> None:
    context = received(task.request.headers)
    context.__enter__()
    setattr(task.request, _RECEIVED, context)


def _end(*, task: Any, **_: Any) -> None:
    context = getattr(task.request, _RECEIVED, None)
    if context is not None:
        setattr(task.request, _RECEIVED, None)
        context.__exit__(None, None, None)


def pass_on(*, headers: Any = None, **_: Any) -> None:
    """Give what a task received to a message that it sends; outside of tasks, do nothing.

    What an intent brings of its own stays.
    """
    from celery import current_task

    brought = current_task.request.headers if current_task else None
    if brought and isinstance(headers, dict):
        for propagator in propagators():
            if propagator.key in brought:
                headers.setdefault(propagator.key, brought[propagator.key])
