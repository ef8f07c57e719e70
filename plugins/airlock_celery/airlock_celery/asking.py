"""What happens to a call that the intercept has met: it is held, or it passes through."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from airlock import get_current_scope
from airlock_celery.calls import Call
from airlock_celery.deprecation import warn_at
from airlock_celery.ownership import EVERYTHING, asking_frame, publishing

if TYPE_CHECKING:
    from airlock_celery.interception import Interception

#: The attribute of an app that holds its interception. (A table of apps would keep them alive.)
INTERCEPTION = "_airlock_interception"


def interception_of(app: Any) -> Interception | None:
    """Return what is installed in an app, or None."""
    found: Interception | None = getattr(app, INTERCEPTION, None)
    return found


def warn(caller: FrameType, thing: Any) -> None:
    """Say at the caller's line that it should be an `airlock.enqueue()`."""
    # At a commit Django calls what the application has asked for elsewhere.
    if not caller.f_globals.get("__name__", "").startswith("django."):
        warn_at(
            caller,
            f"{thing.name} is published directly: write airlock.enqueue(), which leaves when the "
            "work around it has succeeded. (airlock's global intercept is installed in this app.)",
        )


def ask(
    thing: Any,
    original: Callable[..., Any],
    positional: tuple[Any, ...],
    named: dict[str, Any],
    hold: Callable[[Call, FrameType, Any], Any],
) -> Any:
    """Hold a publish that the application asks for in a scope, and let every other one through.

    Args:
        thing: the task or signature.
        original: its `apply_async`.
        positional: the positional arguments of the call.
        named: its keyword arguments.
        hold: makes an intent of the call, and returns what `apply_async` would have returned.
    """
    app = thing.app
    if interception_of(app) is None:
        return original(*positional, **named)
    try:
        call = Call(original, positional, named)
    except TypeError:  # Celery will say so itself
        return original(*positional, **named)
    caller = asking_frame(app, thing.name, call.options)
    if caller is None:
        return original(*positional, **named)
    warn(caller, thing)
    if get_current_scope() is None:
        eager = app.conf.task_always_eager
        passing = call.options.get("task_id") if eager else EVERYTHING
        return publishing(passing, original, *positional, **named)
    return hold(call, caller, thing)
