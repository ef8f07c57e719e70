"""The arguments of an intent as they are logged: by shape, or in full without what is secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from airlock_core.names import shape
from airlock_structlog.settings import Settings

if TYPE_CHECKING:
    from airlock import Intent

REDACTED = "[redacted]"

_PLAIN = (str, int, float, bool, type(None))

# Where the tasks of queues have their functions: Dramatiq's; Huey's and others'; Celery's.
_FUNCTIONS = ("fn", "func", "run")


def logged(intent: Intent, settings: Settings) -> Any:
    """Return what is logged of an intent's arguments."""
    if settings.arguments == "shape":
        return shape(intent.args, intent.kwargs)
    return _without_secrets(_named(intent), settings.redact)


def _named(intent: Intent) -> dict[str, Any]:
    """Name the positional arguments: a password may be among them."""
    names = _parameters(intent.task) if intent.args else ()
    named: dict[str, Any] = {}
    for position, value in enumerate(intent.args):
        named[names[position] if position < len(names) else str(position)] = value
    return {**named, **intent.kwargs}


def _parameters(task: Any) -> tuple[str, ...]:
    try:
        return _parameters_of(task)
    except TypeError:  # it has no hash, as a signature of Celery's
        return _parameters_of.__wrapped__(task)


@lru_cache(maxsize=1024)
def _parameters_of(task: Any) -> tuple[str, ...]:
    functions = (getattr(task, name, None) for name in _FUNCTIONS)
    function = next(filter(callable, functions), task)
    try:
        parameters = list(signature(function).parameters.values())
    except (TypeError, ValueError):
        return ()
    if getattr(task, "takes_context", False) or getattr(task, "pass_context", False):
        parameters = parameters[1:]  # the worker gives it
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(each.name for each in parameters if each.kind in positional)


def _without_secrets(value: Any, redact: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): REDACTED if _is_secret(str(key), redact) else _without_secrets(each, redact)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_secrets(each, redact) for each in value]
    return value if isinstance(value, _PLAIN) else repr(value)


def _is_secret(name: str, redact: Sequence[str]) -> bool:
    name = name.lower()
    return any(part.lower() in name for part in redact)
