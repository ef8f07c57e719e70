"""Process-wide defaults: what `airlock.scope()` uses where its arguments are left out."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airlock_core.errors import ConfigurationError
from airlock_core.executors import checked_executor
from airlock_core.policies import checked_policy

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.policies import Policy
    from airlock_core.scopes import Scope


@dataclass(frozen=True, slots=True)  # a slot is read in 4 ns, a default of the class in 20
class Configuration:
    """The defaults in force.

    Attributes:
        scope_cls: the class of a new scope, or None for `airlock.Scope`.
        policy: the policy of a scope that is given none.
        executor: the executor where no enclosing scope names one.
        scope_kwargs: further arguments for the scope class.
        strict: whether arguments are checked, and snapshots of them taken, at the `enqueue`.
        require: names of plugins without which nothing may run.
        broker_timeout: how many seconds a flush may wait for a broker that does not answer.
    """

    scope_cls: type[Scope] | None = None
    policy: Policy | None = None
    executor: Callable[[Intent], Any] | None = None
    scope_kwargs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    strict: bool = False
    require: tuple[str, ...] = ()
    broker_timeout: float = 5.0


_lock = threading.Lock()
_defaults = Configuration()
current = _defaults


def configure(**settings: Any) -> Configuration:
    """Set process-wide defaults; what is not named stays as it is.

    Args:
        **settings: `scope_cls` (a subclass of `Scope`), `policy` (a `Policy`), `executor` (a
            callable, or the name of an installed plugin), `scope_kwargs` (a mapping), `strict` (a
            bool), `require` (names of plugins, each of which must load) and `broker_timeout`
            (seconds).

    Returns:
        The configuration that was in force before, for `restore_configuration()`.

    Raises:
        ConfigurationError: an unknown setting, or a value that cannot serve.
        PluginError: a required plugin is missing, or failed to load.
    """
    global current
    values = checked(settings)
    if "require" in settings:
        from airlock_core.plugins import manager

        manager.require(values["require"])
    with _lock:
        before = current
        current = replace(before, **values)
    return before


def get_configuration() -> Configuration:
    """Return the defaults in force."""
    return current


def reset_configuration() -> None:
    """Go back to the defaults that the library (or its pytest plugin) starts with."""
    restore_configuration(_defaults)


def restore_configuration(configuration: Configuration) -> None:
    """Put a configuration back that `configure()` returned."""
    global current
    with _lock:
        current = configuration


def set_defaults(**settings: Any) -> None:
    """Change what `reset_configuration()` goes back to, and go there: for test runners."""
    global _defaults
    with _lock:
        _defaults = replace(_defaults, **checked(settings))
    reset_configuration()


def checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as `configure()` keeps them; nothing is set.

    Raises:
        ConfigurationError: an unknown setting, or a value that cannot serve.
    """
    known = Configuration.__dataclass_fields__
    if unknown := [name for name in settings if name not in known]:
        from difflib import get_close_matches

        close = get_close_matches(unknown[0], known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ConfigurationError(
            f"configure() has no setting {unknown[0]!r}.{hint} It takes: {', '.join(known)}."
        )
    return {name: _CHECKS[name](value) for name, value in settings.items()}


def _scope_cls(value: Any) -> type[Scope] | None:
    from airlock_core.scopes import Scope

    if value is None or (isinstance(value, type) and issubclass(value, Scope)):
        return value
    raise ConfigurationError(f"scope_cls={value!r} must be a subclass of airlock.Scope.")


def _scope_kwargs(value: Any) -> Mapping[str, Any]:
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"scope_kwargs={value!r} must be a mapping of argument names.")
    return MappingProxyType(dict(value))


def _strict(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"strict={value!r} must be True or False.")
    return value


def _require(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError(
            f"require={value!r} must be a list of plugin names, such as ['audit']."
        )
    return tuple(value)


def _broker_timeout(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigurationError(f"broker_timeout={value!r} must be a number of seconds above 0.")
    return float(value)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "scope_cls": _scope_cls,
    "policy": lambda value: None if value is None else checked_policy(value),
    "executor": checked_executor,
    "scope_kwargs": _scope_kwargs,
    "strict": _strict,
    "require": _require,
    "broker_timeout": _broker_timeout,
}
