"""The `AIRLOCK` setting: its keys, their defaults, and how they become airlock's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import airlock
from airlock import ConfigurationError, Intent

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
    # The first HTTP status whose response discards the request's intents; None for no such.
    "DISCARD_FROM_STATUS": 400,
    # Raise what could not be sent after a commit, instead of logging it.
    "RAISE_DISPATCH_ERRORS": False,
}


def user_settings() -> Mapping[str, Any]:
    """Return `settings.AIRLOCK` as it stands."""
    from django.conf import settings

    given = getattr(settings, "AIRLOCK", None)
    return given if isinstance(given, Mapping) else {}


def get(key: str) -> Any:
    """Return a setting, or its default."""
    return user_settings().get(key, DEFAULTS[key])


class Unavailable:
    """Stands for an executor or policy that cannot be imported: refuses every intent, clearly.

    Running inline instead would send what must not be sent; `manage.py check` says the same.
    """

    def __init__(self, error: Exception) -> None:
        """Remember why."""
        self.error = error

    def check(self, intent: Intent) -> None:
        """Refuse the intent at its own line."""
        raise ConfigurationError(
            f"{intent.name} cannot be enqueued: {self.error}. Run `manage.py check`."
        ) from self.error

    def __call__(self, intent: Intent) -> Any:
        """Refuse."""
        self.check(intent)


def imported(value: Any, key: str) -> Any:
    """Return what a dotted path names; anything but a dotted path as it is.

    Raises:
        ConfigurationError: it cannot be imported; the message says what to correct.
    """
    if not isinstance(value, str) or "." not in value:
        return value
    from django.utils.module_loading import import_string

    try:
        return import_string(value)
    except ImportError as error:
        raise ConfigurationError(
            f"AIRLOCK[{key!r}] = {value!r} cannot be imported: {error}. Correct the path, or "
            "install the distribution that it belongs to."
        ) from error


def apply() -> None:
    """Make the settings airlock's configuration. Called by the app config, and on each override."""
    using = get("USING")
    executor: Any
    try:
        executor = imported(get("EXECUTOR"), "EXECUTOR")
        airlock.configure(executor=executor)
        airlock.configure(policy=imported(get("POLICY"), "POLICY"))
        airlock.configure(scope_cls=imported(get("SCOPE_CLASS"), "SCOPE_CLASS"))
    except ConfigurationError as error:
        airlock.configure(executor=Unavailable(error))
    airlock.configure(
        scope_kwargs={} if using is None else {"using": using},
        strict=_strict(),
    )
    require()


def require() -> None:
    """Raise `PluginError` unless every plugin of `REQUIRE` is loaded."""
    if get("REQUIRE"):
        airlock.configure(require=get("REQUIRE"))


def _strict() -> bool:
    from django.conf import settings

    given = get("STRICT")
    if given is not None:
        return bool(given)
    return bool(settings.DEBUG) or airlock.get_configuration().strict


def follow_test_runner() -> None:
    """Be strict while Django's test environment is set up, unless a setting says otherwise.

    `mail.outbox` is there exactly then: https://docs.djangoproject.com/en/stable/topics/testing/tools/#email-services
    """
    if airlock.get_configuration().strict or get("STRICT") is not None:
        return
    from django.core import mail

    if hasattr(mail, "outbox"):
        airlock.configure(strict=True)
