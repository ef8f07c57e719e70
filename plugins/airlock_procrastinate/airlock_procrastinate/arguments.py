"""A task's arguments, by name: a job has no others, and procrastinate drops them in silence."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any

from airlock import IntentError
from airlock_procrastinate.kinds import is_deferrer

if TYPE_CHECKING:
    from airlock import Intent

_BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL)


def named_arguments(intent: Intent) -> dict[str, Any]:
    """Return the arguments of an intent, each by the name of its parameter.

    Args:
        intent: an intent with a task or a deferrer.

    Raises:
        IntentError: they do not fit the task's function, or one has no name to travel by.
    """
    task = intent.task
    if is_deferrer(task):
        if intent.args:
            raise IntentError(
                f"a deferrer of {task.job.task_name} does not know the names of its parameters. "
                "Enqueue it with keyword arguments alone, or enqueue the task itself."
            )
        return dict(intent.kwargs)
    # A decorator's own parameters are often *args and **kwargs: the names are those of what is
    # inside it. Arguments by name need none, and the decorator itself may give some of them.
    expected = _signature(task.func, task.pass_context, bool(intent.args))
    if expected is None and not intent.args:
        return dict(intent.kwargs)
    if expected is None:
        raise IntentError(f"the parameters of {intent.name} have no names. Give keyword arguments.")
    try:
        bound = expected.bind(*intent.args, **intent.kwargs)
    except TypeError as error:
        raise IntentError(
            f"{intent.name}{expected} does not take these arguments: {error}. Correct the "
            "enqueue() call."
        ) from None
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = expected.parameters[name].kind
        if kind in _BY_POSITION:
            raise IntentError(
                f"{intent.name}{expected} takes {name!r} by position alone, and procrastinate "
                "hands over arguments by name. Give the parameter a name, or pass a list."
            )
        if kind is Parameter.VAR_KEYWORD:
            named.update(value)
        else:
            named[name] = value
    return named


@lru_cache(maxsize=1024)
def _signature(
    function: Callable[..., Any], pass_context: bool, follow_wrapped: bool
) -> Signature | None:
    """Return the signature that a caller of the task sees, or None where it has none."""
    try:
        found = signature(function, follow_wrapped=follow_wrapped)
    except (TypeError, ValueError):
        return None
    parameters = list(found.parameters.values())
    if pass_context and parameters and parameters[0].kind is not Parameter.VAR_POSITIONAL:
        parameters = parameters[1:]  # the job context, which the worker gives
    return found.replace(parameters=parameters)
