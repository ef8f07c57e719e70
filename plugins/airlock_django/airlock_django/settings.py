"""The `AIRLOCK` setting: its keys, their defaults, and how they become airlock's configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import airlock
from airlock import ConfigurationError, Intent
from airlock_core.loading import choice, selected
from airlock_core.plugins import manager

#: Every key of `AIRLOCK`, with its default.
DEFAULTS: dict[str, Any] = {
    # What carries intents: a dotted path, the name of a plugin, or a callable.
    "EXECUTOR": None,
    # Judges the intents of every scope that names no policy: a dotted path or a policy.
    "POLICY": None,
    # The class of every scope: a dotted path or a class.
    "SCOPE_CLASS": "airlock_django.scopes.DjangoScope",
    # The databases to wait for; None means each that is in a transaction at the enqueue.
    "USING": None,
    # Check and copy arguments at the enqueue; None means with DEBUG, and while tests run.
    "STRICT": None,
    # Plugins without which nothing may run.
    "REQUIRE": (),
    # How many seconds a flush may wait for a broker that does not answer.
    "BROKER_TIMEOUT": 5.0,
    # The first HTTP status whose response discards the request's intents; None for no such.
    "DISCARD_FROM_STATUS": 400,
    # Raise what could not be sent after a commit, instead of logging it.
    "RAISE_DISPATCH_ERRORS": False,
    # Show arguments in reports and in the debug toolbar in full; never without DEBUG.
    "REPORT_ARGUMENTS": False,
    # What airlock-structlog carries and logs, in capitals: KEYS, ARGUMENTS, REDACT, EVENTS.
    "STRUCTLOG": None,
}


def user_settings() -> Mapping[str, Any]:
    """Return `settings.AIRLOCK` as it stands."""
    from django.conf import settings

    given = getattr(settings, "AIRLOCK", None)
    return given if isinstance(given, Mapping) else {}


def get(key: str) -> Any:
    """Return a setting, or its default."""
    return user_settings().get(key, DEFAULTS[key])


class Unavailable(airlock.Policy):
    """Stands for settings that cannot be used, such as a path that cannot be imported.

    It refuses every intent, clearly. Running inline, or without the policy that was meant, would
    send what must not be sent; `manage.py check` says the same.
    """

    def __init__(self, error: Exception) -> None:
        """Remember why."""
        self.error = error

    def check(self, intent: Intent) -> None:
        """Refuse the intent at its own line, as an executor."""
        raise ConfigurationError(
            f"{intent.name} cannot be enqueued: {self.error} Run `manage.py check`."
        ) from self.error

    on_enqueue = check  # as a policy

    def __call__(self, intent: Intent) -> Any:
        """Refuse."""
        self.check(intent)


def imported(value: Any, key: str) -> Any:
    """Return what a dotted path names; anything but a dotted path as it is.

    Where a policy or an executor is wanted and the path names a class, one is made of it.

    Raises:
        ConfigurationError: it cannot be imported or made; the message says what to correct.
    """
    if not isinstance(value, str) or "." not in value:
        return value
    from django.utils.module_loading import import_string

    try:
        found = import_string(value)
    except Exception as error:  # a module may raise anything while it is imported
        raise ConfigurationError(
            f"AIRLOCK[{key!r}] = {value!r} cannot be imported: {error}. Correct the path, or "
            "install the distribution that it belongs to."
        ) from error
    if not isinstance(found, type) or key == "SCOPE_CLASS":
        return found
    try:
        return found()
    except TypeError as error:
        raise ConfigurationError(
            f"AIRLOCK[{key!r}] = {value!r} is a class that cannot be made without arguments: "
            f"{error}. Name an instance instead."
        ) from error


_may_follow = False


def apply() -> None:
    """Make the settings airlock's configuration. Called by the app config, and on each override."""
    global _may_follow
    _may_follow = get("STRICT") is None
    using = get("USING")
    try:
        airlock.configure(
            executor=imported(get("EXECUTOR"), "EXECUTOR"),
            policy=imported(get("POLICY"), "POLICY"),
            scope_cls=imported(get("SCOPE_CLASS"), "SCOPE_CLASS"),
            broker_timeout=get("BROKER_TIMEOUT"),
        )
    except ConfigurationError as error:
        unavailable = Unavailable(error)
        airlock.configure(executor=unavailable, policy=unavailable)
    airlock.configure(
        scope_kwargs={} if using is None else {"using": using},
        strict=_strict(),
    )
    require()


def require() -> None:
    """Raise `PluginError` unless every plugin of `REQUIRE` and `AIRLOCK_REQUIRE` is loaded.

    At the start, not at the first request: a missing audit policy must not fail open. Nor may our
    own plugin, without which effects leave before the commit.
    """
    if not any(selected(["django"], choice())):
        raise airlock.PluginError(
            f"AIRLOCK_PLUGINS={choice()} leaves out the plugin 'django', without which no scope "
            "waits for the commit. Add it, or take airlock_django out of INSTALLED_APPS."
        )
    if get("REQUIRE"):
        airlock.configure(require=get("REQUIRE"))
    if os.environ.get("AIRLOCK_REQUIRE"):
        manager.load()


def _strict() -> bool:
    from django.conf import settings

    given = get("STRICT")
    if given is not None:
        return bool(given)
    return bool(settings.DEBUG) or airlock.get_configuration().strict


def tests_run() -> bool:
    """Whether Django's test environment is set up.

    `mail.outbox` is there exactly then: https://docs.djangoproject.com/en/stable/topics/testing/tools/#email-services
    """
    from django.core import mail

    return hasattr(mail, "outbox")


def follow_test_runner() -> None:
    """Be strict while Django's test environment is set up, unless a setting says otherwise.

    Asked by each scope, since the environment is set up after the apps are; answered once, so that
    what a test configures itself stays.
    """
    global _may_follow
    if _may_follow and tests_run():
        _may_follow = False
        airlock.configure(strict=True)
