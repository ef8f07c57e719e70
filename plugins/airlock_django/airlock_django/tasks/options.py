"""The options of one enqueue: those of `Task.using()`, unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from airlock import IntentError
from airlock_django.tasks.kinds import backends_of, base_of

if TYPE_CHECKING:
    from airlock import Intent


def prepared(intent: Intent) -> Any:
    """Return the task with the options of its enqueue.

    Raises:
        IntentError: it is no Django task.
        Exception: `using()` or the backend does not take the options.
    """
    if base_of(intent.task) is None:
        raise IntentError(
            f"{intent.name} is no Django task. Put @task above it, or enqueue it in a scope "
            "with another executor."
        )
    return intent.task.using(**intent.dispatch_options) if intent.dispatch_options else intent.task


def check_options(task: Any, options: Mapping[str, Any]) -> None:
    """Raise `IntentError` where `using()` has no such option, or `TASKS` no such backend."""
    if options:
        _check_names(task, options)
    backends = backends_of(task)
    alias = options.get("backend") or task.backend
    if alias not in backends:
        raise IntentError(
            f"TASKS has no backend {alias!r}. There are: {', '.join(backends)}. Correct "
            "the backend in @task or in _dispatch_options, or TASKS."
        )


def _check_names(task: Any, options: Mapping[str, Any]) -> None:
    taken = signature(task.using).parameters
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in taken.values()):
        return  # a task class of one's own has options of its own
    for name in options:
        if name not in taken:
            close = get_close_matches(str(name), taken, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise IntentError(
                f"Task.using() has no option {name!r}.{hint} _dispatch_options takes: "
                f"{', '.join(sorted(taken))}."
            )
