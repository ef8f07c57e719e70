"""How Celery shows arguments in a message's headers, for the tools that watch workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Shown as Python shows them; subclasses may not be.
_NUMBERS = frozenset({int, float, bool, type(None)})
# Celery abbreviates what is longer than 1,024 characters; this is far from it.
_SHORT = 200


def representation(app: Any) -> Callable[[Any], str]:
    """Return what shows arguments as the messages of an app do.

    Args:
        app: the Celery app.
    """
    from celery.utils.saferepr import saferepr

    longest: int = app.amqp.argsrepr_maxsize
    levels = getattr(app.conf, "task_repr_maxlevels", None)
    options = {} if levels is None else {"maxlevels": levels}
    short = min(_SHORT, longest // 2)

    def represent(arguments: Any) -> str:
        quick = _quick(arguments)
        if quick is not None and len(quick) < short:
            return quick
        shown: str = saferepr(arguments, longest, **options)
        return shown

    return represent


def _quick(arguments: Any) -> str | None:
    """Show simple arguments, where Celery's general way takes 7 µs for each of the two."""
    if type(arguments) is tuple:
        parts = [_one(value) for value in arguments]
        if None in parts:
            return None
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"  # type: ignore[arg-type]
    pairs = []
    for key, value in arguments.items():
        left, right = _one(key), _one(value)
        if left is None or right is None:
            return None
        pairs.append(f"{left}: {right}")
    return f"{{{', '.join(pairs)}}}"


def _one(value: Any) -> str | None:
    kind = type(value)
    if kind is str:
        return None if "'" in value else f"'{value}'"
    return str(value) if kind in _NUMBERS else None
