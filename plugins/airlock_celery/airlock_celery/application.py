"""A Celery application that is ready for production, in one call."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from airlock import ConfigurationError
from airlock_celery import logs as worker_logs
from airlock_celery.defaults import SETTINGS, transport_options
from airlock_celery.receiving import install_context

if TYPE_CHECKING:
    from celery import Celery

    from airlock_celery.logs import Style


def production_app(
    name: str | None = None,
    *,
    namespace: str = "CELERY",
    logs: Style | None = "json",
    **overrides: Any,
) -> Celery:
    """Make a Celery app with safe defaults, structured logs and the project's own settings.

    Where Django is in use, its settings are read and the tasks of its apps are found. What the
    settings say wins over airlock's defaults, and `overrides` win over both.

    Args:
        name: the name of the app; by default that of the package of Django's settings.
        namespace: what the names of Celery's settings begin with among those of Django.
        logs: how the worker logs: `json`, `key-value` or `console`, which need structlog. None
            leaves logging to Celery or to the project.
        **overrides: settings of Celery, by their names in lower case.

    Returns:
        The app.

    Raises:
        ConfigurationError: a setting or a style of logs that does not exist, or no structlog.
    """
    from celery import Celery

    _check_names(overrides)
    if logs is not None:
        worker_logs.install(logs)
    module = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    app = Celery(name or module.partition(".")[0] or None)
    app.on_after_configure.connect(_complete(app), weak=False)
    app.conf.update(overrides)
    if module or _django_is_configured():
        app.config_from_object("django.conf:settings", namespace=namespace)
        app.autodiscover_tasks()
    install_context()
    return app


def _check_names(overrides: dict[str, Any]) -> None:
    from celery.app.defaults import SETTING_KEYS

    for name in overrides:
        if name not in SETTING_KEYS:
            close = get_close_matches(name, SETTING_KEYS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ConfigurationError(
                f"production_app() was given {name!r}, which is no setting of Celery.{hint}"
            )


def _django_is_configured() -> bool:
    conf = sys.modules.get("django.conf")
    return conf is not None and conf.settings.configured


def _complete(app: Any) -> Callable[..., None]:
    """Make what fills in the defaults when the settings of an app have been read."""

    def complete(source: Any, **_: Any) -> None:
        # Just above Celery's own. (`app.add_defaults()` would win over the project's settings.)
        source.maps.insert(len(source.maps) - 1, dict(SETTINGS))
        kind = app.connection_for_write().transport.driver_type
        source.broker_transport_options = {
            **transport_options(kind, source.task_time_limit),
            **(source.broker_transport_options or {}),
        }

    return complete
