"""System checks: `manage.py check` names what is wrong with settings, middleware and databases."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from django.core.checks import ERROR, INFO, WARNING, CheckMessage, Error, Info, Warning

from airlock import ConfigurationError, Policy, Scope
from airlock_core.configuration import checked
from airlock_core.findings import Finding, Level, findings
from airlock_django import settings as airlock_settings
from airlock_django.settings import DEFAULTS, imported

#: Middleware that binds what tasks inherit (ids, users, traces); airlock belongs inside it.
_OUTSIDE = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_guid.middleware.guid_middleware",
    "request_id.middleware.RequestIdMiddleware",
    "cid.middleware.CidMiddleware",
)


def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """E001 to E004: `AIRLOCK` is a mapping of known keys, whose values can serve."""
    from django.conf import settings

    given = getattr(settings, "AIRLOCK", {})
    if not isinstance(given, Mapping):
        return [
            Error(
                f"AIRLOCK must be a dictionary, and is a {type(given).__name__}.",
                hint="AIRLOCK = {'EXECUTOR': ..., ...}",
                id="airlock.E001",
            )
        ]
    messages: list[CheckMessage] = []
    for key in given:
        if key not in DEFAULTS:
            close = get_close_matches(str(key).upper(), DEFAULTS, n=1)
            meant = f"Did you mean {close[0]!r}? " if close else ""
            messages.append(
                Error(
                    f"AIRLOCK has no key {key!r}.",
                    hint=f"{meant}The keys are: {', '.join(DEFAULTS)}.",
                    id="airlock.E002",
                )
            )
    for key, check in _VALUES.items():
        try:
            check(airlock_settings.get(key))
        except (ConfigurationError, TypeError, ValueError) as error:
            messages.append(Error(f"AIRLOCK[{key!r}]: {error}", id="airlock.E003"))
    try:
        airlock_settings.require()
    except Exception as error:
        messages.append(Error(f"AIRLOCK['REQUIRE']: {error}", id="airlock.E004"))
    return messages


def _executor(value: Any) -> None:
    from airlock_core.executors import checked_executor

    checked_executor(imported(value, "EXECUTOR"))


def _policy(value: Any) -> None:
    from airlock_core.policies import checked_policy

    policy = imported(value, "POLICY")
    if policy is not None and not isinstance(policy, Policy):
        checked_policy(policy)


def _scope_class(value: Any) -> None:
    cls = imported(value, "SCOPE_CLASS")
    if not (isinstance(cls, type) and issubclass(cls, Scope)):
        raise ConfigurationError(f"{cls!r} is no subclass of airlock.Scope.")


def _using(value: Any) -> None:
    from airlock_django.scopes import checked_aliases

    checked_aliases(value)


def _status(value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ConfigurationError(f"{value!r} must be an HTTP status such as 400 or 500, or None.")


def _boolean(value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{value!r} must be True or False.")


def _boolean_or_none(value: Any) -> None:
    if value is not None:
        _boolean(value)


def _broker_timeout(value: Any) -> None:
    checked({"broker_timeout": value})


_VALUES: dict[str, Callable[[Any], None]] = {
    "EXECUTOR": _executor,
    "POLICY": _policy,
    "SCOPE_CLASS": _scope_class,
    "USING": _using,
    "STRICT": _boolean_or_none,
    "BROKER_TIMEOUT": _broker_timeout,
    "DISCARD_FROM_STATUS": _status,
    "RAISE_DISPATCH_ERRORS": _boolean,
    "REPORT_ARGUMENTS": _boolean,
}


def check_middleware(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """I001, W001, W002: airlock's middleware is there, once, and inside what binds context."""
    from django.conf import settings

    paths = list(settings.MIDDLEWARE)
    ours = [index for index, path in enumerate(paths) if _is_airlock(path)]
    if not ours:
        return [
            Info(
                "No AirlockMiddleware is in MIDDLEWARE, so requests have no scope.",
                hint="Add 'airlock_django.AirlockMiddleware', or ignore this in a worker.",
                id="airlock.I001",
            )
        ]
    messages: list[CheckMessage] = []
    if len(ours) > 1:
        messages.append(
            Warning(
                "AirlockMiddleware is in MIDDLEWARE more than once.",
                hint="Keep the outermost, which has the authority.",
                id="airlock.W001",
            )
        )
    later = [path for path in paths[ours[0] + 1 :] if path in _OUTSIDE]
    if later:
        messages.append(
            Warning(
                f"AirlockMiddleware stands above {later[0]}, which binds what tasks inherit.",
                hint="Move AirlockMiddleware below it, and above whatever opens transactions.",
                id="airlock.W002",
            )
        )
    return messages


def _is_airlock(path: str) -> bool:
    from django.utils.module_loading import import_string

    from airlock_django.middleware import AirlockMiddleware

    try:
        found = import_string(path)
    except ImportError:  # Django itself says so, and better
        return False
    return isinstance(found, type) and issubclass(found, AirlockMiddleware)


def check_databases(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """W003: with `AUTOCOMMIT` off, nobody can tell when rows are committed."""
    from django.conf import settings

    using = airlock_settings.get("USING")
    if isinstance(using, str):
        using = (using,)
    return [
        Warning(
            f"DATABASES[{alias!r}] has AUTOCOMMIT off: every enqueue beside it is an error.",
            hint="Turn it on and use transaction.atomic(), or leave it out of AIRLOCK['USING'].",
            id="airlock.W003",
        )
        for alias, database in settings.DATABASES.items()
        if database.get("AUTOCOMMIT") is False and (using is None or alias in using)
    ]


_LEVELS = {"error": ERROR, "warning": WARNING, "info": INFO}
_NAMES: dict[int, Level] = {ERROR: "error", WARNING: "warning", INFO: "info"}


def check_plugins(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What other plugins find, such as settings of a queue with which messages can be lost.

    With `DEBUG`, and while tests run, nothing: such settings are those of production.
    """
    from django.conf import settings

    from airlock_django.plugin import plugin

    if settings.DEBUG or airlock_settings.tests_run():
        return []
    return [
        CheckMessage(_LEVELS[found.level], found.text, hint=found.remedy, id=found.id)
        for found in findings(without=plugin)
    ]


def findings_of_django() -> Iterator[Finding]:
    """Run airlock's own checks for `airlock doctor`, where Django's settings are known.

    Django is set up first, which may also make the queue's app.
    """
    from django.apps import apps
    from django.conf import settings

    from airlock_django.tasks.checks import check_tasks

    if not (settings.configured or os.environ.get("DJANGO_SETTINGS_MODULE")):
        return
    if not apps.ready:
        import django

        django.setup()
    if not apps.is_installed("airlock_django"):
        yield Finding(
            "airlock.W004",
            "warning",
            "airlock_django is not in INSTALLED_APPS, so AIRLOCK in the settings does nothing.",
            'Add "airlock_django", or uninstall airlock-django.',
        )
        return
    for check in (check_settings, check_middleware, check_databases, check_tasks):
        for message in check(None):
            if not message.is_silenced():
                level = _NAMES[message.level]
                yield Finding(message.id or "", level, message.msg, message.hint or "")
