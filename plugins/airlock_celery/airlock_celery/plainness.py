"""Whether Celery alone makes a task's message: nothing of the application's has a part in it."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

from airlock_celery.receiving import pass_on
from airlock_celery.replacing import original


def is_plain(task: Any, app: Any) -> bool:
    """Whether two calls of a task differ in their arguments and ids alone.

    Not where the application or a library overrides what makes a message, listens to it being
    made, or routes by arguments; where the message depends on the time; nor inside a task, whose
    children know their parent.

    Args:
        task: a Celery task.
        app: its app.
    """
    from celery import Task
    from celery.app.amqp import AMQP

    cls, amqp = task.__class__, app.amqp  # that of a proxy is the task's
    return (
        all(_is_celerys(original(cls, name), Task, name) for name in _OF_A_TASK)
        and not _is_peculiar(task)
        and _sends_plainly(app)
        and _is_celerys(getattr(amqp.create_task_message, "__func__", None), AMQP, "as_task_v2")
        and _is_celerys(type(amqp)._create_task_sender, AMQP, "_create_task_sender")
        and amqp.send_task_message.__qualname__.startswith("AMQP._create_task_sender.")
        and _routes_by_name(amqp)
        and not _is_listened_to()
        and not app.conf.task_send_sent_event
        and not app.current_worker_task
    )


def _is_celerys(method: Any, cls: type, name: str) -> bool:
    """Whether a method is the one that Celery's module defines, and nothing is put around it.

    What traces every publish, such as Sentry's integration, puts its own into Celery's class.
    """
    function = getattr(method, "__func__", method)  # of a class method
    return (
        type(function) is FunctionType
        and method is vars(cls)[name]
        and function.__globals__ is vars(sys.modules[cls.__module__])
    )


_OF_A_TASK = ("apply_async", "shadow_name", "_get_exec_options")


def _is_peculiar(task: Any) -> bool:
    """Whether its message depends on the time, or its arguments are not sent as they are."""
    return bool(
        task.expires
        or getattr(task, "__v2_compat__", False)
        or getattr(task, "__self__", None) is not None
        or getattr(task, "_dump_pydantic_arguments", None) is not None
    )


def _sends_plainly(app: Any) -> bool:
    from celery import Celery

    from airlock_celery.by_name import SendTask

    own = app.__dict__.get("send_task")
    return _is_celerys(type(app).send_task, Celery, "send_task") and (
        own is None or isinstance(own, SendTask)
    )


def _routes_by_name(amqp: Any) -> bool:
    from celery.app.routes import MapRoute, Router

    router = amqp.router
    return type(router) is Router and all(type(route) is MapRoute for route in router.routes)


def _is_listened_to() -> bool:
    from celery import signals

    told = (signals.before_task_publish, signals.after_task_publish, signals.task_sent)
    # Our own has nothing to say outside of tasks, and inside of one nothing is plain.
    return any(receiver is not pass_on for signal in told for _, receiver in signal.receivers)
