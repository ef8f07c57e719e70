"""`install_global_intercept(app)`: every `.delay()` of an app goes through airlock, to migrate."""

from __future__ import annotations

import threading
from typing import Any

from airlock import ConfigurationError

_lock = threading.RLock()


def install_global_intercept(app: Any, wrap_task_execution: bool = True) -> None:
    """Have every `.delay()` and `.apply_async()` of an app's tasks and canvases go through airlock.

    Inside a scope they are held as intents, outside they pass through; either way the caller's
    line gets a `DeprecationWarning`. A tool for migrating: new code calls `airlock.enqueue()`. It
    may be called before or after the tasks are made, and again with the same arguments. Other
    apps in the process are left alone.

    Args:
        app: the Celery app.
        wrap_task_execution: also run each execution of a task in a scope, so that what it asks for
            leaves if it succeeds, and is discarded if it fails or is retried.

    Raises:
        ConfigurationError: `app` is no Celery app, or has the intercept with another setting.
    """
    from airlock_celery.asking import interception_of
    from airlock_celery.interception import Interception

    app = _checked(app)
    with _lock:
        installed = interception_of(app)
        if installed is None:
            Interception(app, wrap_task_execution).install()
        elif installed.wraps_execution != wrap_task_execution:
            raise ConfigurationError(
                f"{app!r} has the global intercept already, with wrap_task_execution="
                f"{installed.wraps_execution}. Install it once, or call "
                "uninstall_global_intercept(app) first."
            )


def uninstall_global_intercept(app: Any) -> None:
    """Take the intercept out again; where it is not installed, do nothing.

    Args:
        app: the Celery app.

    Raises:
        ConfigurationError: `app` is no Celery app.
    """
    from airlock_celery.asking import interception_of

    with _lock:
        installed = interception_of(_checked(app))
        if installed is not None:
            installed.uninstall()


def _checked(app: Any) -> Any:
    from celery import Celery

    if not isinstance(app, Celery):
        raise ConfigurationError(
            f"install_global_intercept() takes the Celery app, and got {app!r}. Call it below "
            "`app = Celery(...)`."
        )
    # celery.current_app stands for another app in another thread.
    resolve = getattr(app, "_get_current_object", None)
    return app if resolve is None else resolve()
