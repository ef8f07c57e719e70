"""What is carried to the worker, and how much of an intent is logged."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from airlock import ConfigurationError

#: What travels without being named: the names that django-structlog binds.
KEYS = ("correlation_id", "request_id", "user_id")


@dataclass(frozen=True)
class Settings:
    """The settings in force.

    Attributes:
        keys: what travels of structlog's context variables, in addition to `correlation_id`,
            `request_id` and `user_id`.
        arguments: how an intent's arguments are logged: by `"shape"`, their names and types, or in
            `"full"`.
        redact: whose values are not logged in full: arguments and keys with one of these in their
            names, whatever the case.
        events: whether anything is logged; what travels does so in either case.
    """

    keys: tuple[str, ...] = ()
    arguments: Literal["shape", "full"] = "shape"
    redact: tuple[str, ...] = (
        "api_key", "authorization", "cookie", "credential", "passw", "secret", "token",
    )  # fmt: skip
    events: bool = True

    @property
    def carried(self) -> tuple[str, ...]:
        """Every name that travels."""
        return (*KEYS, *self.keys)


_configured: dict[str, Any] = {}
# Settings, and the value of AIRLOCK["STRUCTLOG"] that they were made with.
_current: tuple[Settings, object] = Settings(), None


def configure(**settings: Any) -> None:
    """Set what is to be other than by default; what is not named stays as it is.

    Args:
        **settings: the attributes of `Settings`. They win over those of `AIRLOCK["STRUCTLOG"]` in
            the settings of Django, which has the same in capitals.

    Raises:
        ConfigurationError: an unknown setting, or a value that cannot serve.
    """
    global _current
    _configured.update(_checked(settings, "airlock_structlog.configure()"))
    _current = _made(_of_django()), _of_django()


def reset() -> None:
    """Forget what `configure()` was told."""
    _configured.clear()
    configure()


def current() -> Settings:
    """Return the settings in force.

    Raises:
        ConfigurationError: `AIRLOCK["STRUCTLOG"]` cannot serve.
    """
    global _current
    settings, given = _current
    now = _of_django()
    if now is not given:  # another one is told by `override_settings`, too
        settings = _made(now)
        _current = settings, now
    return settings


def _of_django() -> Any:
    """Look up `AIRLOCK["STRUCTLOG"]`, where Django is loaded and configured."""
    module = sys.modules.get("django.conf")
    if module is None or not module.settings.configured:
        return None
    airlocks = getattr(module.settings, "AIRLOCK", None)
    return airlocks.get("STRUCTLOG") if isinstance(airlocks, Mapping) else None


def _made(of_django: Any) -> Settings:
    if not isinstance(of_django, Mapping | None):
        raise ConfigurationError(f"AIRLOCK['STRUCTLOG'] = {of_django!r} must be a dictionary.")
    named = {str(name).lower(): value for name, value in (of_django or {}).items()}
    return Settings(**{**_checked(named, "AIRLOCK['STRUCTLOG']"), **_configured})


def _checked(settings: Mapping[str, Any], where: str) -> dict[str, Any]:
    found = {}
    for name, value in settings.items():
        if name not in Settings.__dataclass_fields__:
            close = get_close_matches(name, Settings.__dataclass_fields__, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ConfigurationError(
                f"{where} has no setting {name!r}.{hint} It takes: "
                f"{', '.join(Settings.__dataclass_fields__)}."
            )
        found[name] = _CHECKS[name](name, value, where)
    return found


def _names(name: str, value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{where}: {name}={value!r} must be a list of names.")
    names = tuple(value)
    for one in names:
        if not isinstance(one, str) or not one:
            raise ConfigurationError(f"{where}: {name}={value!r} must be a list of names.")
    if name == "keys" and "event" in names:
        raise ConfigurationError(
            f"{where}: 'event' cannot travel, since structlog has the message there. Bind it by "
            "another name."
        )
    return names


def _arguments(name: str, value: Any, where: str) -> Any:
    if value not in ("shape", "full"):
        raise ConfigurationError(f"{where}: {name}={value!r} must be 'shape' or 'full'.")
    return value


def _events(name: str, value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where}: {name}={value!r} must be True or False.")
    return value


_CHECKS = {"keys": _names, "redact": _names, "arguments": _arguments, "events": _events}
