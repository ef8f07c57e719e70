"""Losses: settings of a Celery app with which messages can be lost, or run twice."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airlock_core.findings import Finding, Level

# How long Redis keeps a message that was not acknowledged from other workers, unless told.
_VISIBILITY = 3600

_SKIP_CHECKS = "CELERY_SKIP_CHECKS"


def findings_of_process() -> Iterator[Finding]:
    """Examine every app of this process, but for the one that Celery makes where there is none."""
    if "celery" not in sys.modules:
        return
    from celery import _state

    for app in sorted(_state._get_active_apps(), key=lambda app: str(app.main)):
        if app.main != "default" or app is not _state.default_app:
            yield from findings(app)


def findings(app: Any) -> list[Finding]:
    """Examine one app.

    Its tasks are imported, as a worker does it; no connection is opened.
    """
    try:
        with _no_checks_of_django():
            app.loader.import_default_modules()
    except Exception as error:
        text = f"its tasks cannot be imported: {error!r}."
        return [_found(app, "E004", "error", text, "A worker would not start. Correct the import.")]
    return [*_of_broker(app), *_of_acknowledgement(app), *_of_limits(app), *_of_contents(app)]


@contextmanager
def _no_checks_of_django() -> Iterator[None]:
    """Keep Celery from running Django's system checks with the import: this may be one of them."""
    before = os.environ.get(_SKIP_CHECKS)
    os.environ[_SKIP_CHECKS] = "1"
    try:
        yield
    finally:
        del os.environ[_SKIP_CHECKS]
        if before is not None:
            os.environ[_SKIP_CHECKS] = before


def _found(app: Any, number: str, level: Level, text: str, remedy: str) -> Finding:
    where = f"The Celery app {app.main!r}: " if app.main else "The Celery app: "
    return Finding(f"airlock.celery.{number}", level, where + text, remedy)


def _of_broker(app: Any) -> Iterator[Finding]:
    options = app.conf.broker_transport_options or {}
    kind = _kind(app)
    if app.conf.task_always_eager:
        yield _found(
            app,
            "E001",
            "error",
            "task_always_eager is on: tasks run in their caller, and no message ever leaves.",
            "Leave it to the tests.",
        )
    if kind == "memory":
        yield _found(
            app,
            "E002",
            "error",
            "the broker is memory://: its messages end with the process.",
            "Set broker_url to a broker that other processes reach.",
        )
    if kind == "amqp" and not options.get("confirm_publish"):
        yield _found(
            app,
            "W001",
            "warning",
            "publisher confirms are off: RabbitMQ may lose a message that Celery took for sent.",
            'broker_transport_options = {"confirm_publish": True}',
        )
    if kind == "amqp" and app.conf.task_default_delivery_mode in (1, "transient"):
        yield _found(
            app,
            "W002",
            "warning",
            "task_default_delivery_mode is transient: messages are gone when RabbitMQ restarts.",
            'task_default_delivery_mode = "persistent", which is the default.',
        )
    if kind == "redis" and not options.get("socket_timeout"):
        yield _found(
            app,
            "W003",
            "warning",
            "there is no socket_timeout: outside of airlock's flush, a task that is sent to a "
            "Redis that does not answer waits for ever.",
            'broker_transport_options = {"socket_timeout": 5, "socket_connect_timeout": 5}',
        )


def _of_acknowledgement(app: Any) -> Iterator[Finding]:
    early = [task for task in _tasks(app) if not task.acks_late]
    if early and not app.conf.task_acks_late:
        yield _found(
            app,
            "W004",
            "warning",
            f"task_acks_late is off: a worker that is killed loses what it runs: {_names(early)}.",
            "task_acks_late = True, where tasks can run twice; acks_late=False on one that cannot.",
        )
    unsafe = [
        task
        for task in _tasks(app)
        if task.acks_late
        and not task.reject_on_worker_lost
        and not getattr(task, "retry_on_worker_lost", False)  # Celery 5.7
    ]
    if unsafe:
        yield _found(
            app,
            "W005",
            "warning",
            "acks_late without reject_on_worker_lost: where a worker's process is killed, as by "
            f"the system when memory is short, the task is taken for done: {_names(unsafe)}.",
            "task_reject_on_worker_lost = True",
        )


def _of_limits(app: Any) -> Iterator[Finding]:
    """Hold how long tasks may take against what does not wait for them."""
    tasks = _tasks(app)
    endless = [task for task in tasks if not _limit(app, task)]
    if _kind(app) == "redis":
        options = app.conf.broker_transport_options or {}
        visible = options.get("visibility_timeout", _VISIBILITY)
        # A retry waits in a worker, not acknowledged either, and so does a countdown.
        late = [
            task
            for task in tasks
            if (task.acks_late and (_limit(app, task) or visible) >= visible)
            or (task.default_retry_delay or 0) >= visible
        ]
        if late:
            yield _found(
                app,
                "W006",
                "warning",
                f"Redis gives a message to a second worker after {visible} s (visibility_timeout), "
                f"and a task may take as long, or has no time limit: {_names(late)}.",
                "Give the tasks a task_time_limit below it, or make it longer in "
                "broker_transport_options. It must also be longer than any countdown.",
            )
    if endless and not app.conf.task_acks_late:
        yield _found(
            app,
            "I001",
            "info",
            "there is no time limit: a task that hangs keeps its worker's process, and is lost "
            f"with it: {_names(endless)}.",
            "task_time_limit = 1800, in seconds; time_limit on a task that takes longer.",
        )
    expires = app.conf.result_expires
    seconds = expires.total_seconds() if isinstance(expires, timedelta) else expires
    longest = max((_limit(app, task) or 0 for task in tasks), default=0)
    if app.conf.result_backend and seconds and seconds <= longest:
        yield _found(
            app,
            "W007",
            "warning",
            f"results are gone after {seconds:g} s (result_expires), and a task may take "
            f"{longest:g} s: a chord whose other tasks take that long never runs its callback.",
            "Make result_expires longer than a whole chord takes.",
        )


def _of_contents(app: Any) -> Iterator[Finding]:
    from kombu.serialization import prepare_accept_content, registry

    accepted = prepare_accept_content(app.conf.accept_content)  # type: ignore[no-untyped-call]
    refused = [
        task
        for task in _tasks(app)
        if registry.name_to_type.get(task.serializer, task.serializer) not in accepted
    ]
    if accepted and refused:
        yield _found(
            app,
            "E003",
            "error",
            "a worker throws away what it does not accept, and accept_content has not the "
            f"serializer of: {_names(refused)}.",
            "Add the serializer to accept_content, or send JSON.",
        )


def _kind(app: Any) -> str:
    # For Redis and Sentinel alike, and whatever the alias, as rediss or pyamqp.
    return str(app.connection_for_write().transport.driver_type)


def _tasks(app: Any) -> list[Any]:
    """List the application's own tasks, by name."""
    return [task for name, task in sorted(app.tasks.items()) if not name.startswith("celery.")]


def _limit(app: Any, task: Any) -> float | None:
    limit: float | None = task.time_limit or app.conf.task_time_limit
    return limit


def _names(tasks: Collection[Any]) -> str:
    names = [task.name for task in tasks]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
