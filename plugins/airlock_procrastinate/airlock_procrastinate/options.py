"""The options of a job: those of `task.configure()`, under procrastinate's own names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from typing import Any

from airlock import IntentError

# What PostgreSQL would turn into text or refuse, when the job leaves.
_KINDS: dict[str, type] = {
    "queue": str,
    "lock": str,
    "queueing_lock": str,
    "priority": int,
    "schedule_at": datetime,
    "schedule_in": Mapping,
}


@cache
def option_names() -> frozenset[str]:
    """Return what `_dispatch_options` may hold with the installed procrastinate."""
    from procrastinate.tasks import ConfigureTaskOptions

    return frozenset(ConfigureTaskOptions.__annotations__) - {"task_kwargs"}


def check_options(options: Mapping[str, Any]) -> None:
    """Raise `IntentError` where `task.configure()` does not take one of these options."""
    known = option_names()
    for name, value in options.items():
        if name == "task_kwargs":
            raise IntentError(
                "_dispatch_options cannot hold 'task_kwargs'. Give the task's arguments to "
                "enqueue() itself."
            )
        if name not in known:
            close = get_close_matches(str(name), known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise IntentError(
                f"procrastinate has no option {name!r}.{hint} It has: {', '.join(sorted(known))}."
            )
        kind = _KINDS.get(name)
        wrong = not isinstance(value, kind or object) or isinstance(value, bool)
        if kind is not None and value is not None and wrong:
            raise IntentError(
                f"{name}={value!r} in _dispatch_options must be of type {kind.__name__}."
            )
