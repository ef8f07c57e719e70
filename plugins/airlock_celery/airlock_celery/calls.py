"""A call of `apply_async` that becomes an intent: what it was given, and what it returns."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from airlock import Intent, IntentError
from airlock_celery.checking import check_call
from airlock_celery.connections import only_foreign
from airlock_celery.results import held
from airlock_core.admission import snapshot
from airlock_core.entry import enqueue_from


class Call:
    """What `apply_async` was called with, in any of its legal forms.

    Attributes:
        args: the task's positional arguments.
        kwargs: the task's keyword arguments.
        options: everything else.
    """

    def __init__(
        self, method: Callable[..., Any], positional: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        """Sort the arguments.

        Args:
            method: the `apply_async` that was meant, as a bound method.
            positional: the positional arguments of the call.
            named: its keyword arguments.
        """
        if len(positional) > 2:
            positional, named = (), _by_name(method, positional, named)
        options = dict(zip(("args", "kwargs"), positional, strict=False))
        if twice := options.keys() & named.keys():
            raise TypeError(f"apply_async() got multiple values for argument {min(twice)!r}")
        options.update(named)
        self.args: Any = options.pop("args", None) or ()
        self.kwargs: Any = options.pop("kwargs", None) or {}
        self.options = options

    def enqueue(self, caller: FrameType, task: Any) -> Intent:
        """Make an intent of it.

        What Celery would have done at this line happens at this line: the arguments are checked
        against the task, and changing them afterwards changes nothing.
        """
        self._check(task)
        copies: dict[int, Any] = {}
        args = tuple(snapshot(value, True, copies) for value in self.args)
        kwargs = {key: snapshot(value, True, copies) for key, value in self.kwargs.items()}
        options = only_foreign(task.app, self.options)
        check_call(task, args, kwargs, options)
        for key in options.keys() & _MUTABLE:
            options[key] = snapshot(options[key], True, copies)
        return enqueue_from(caller, task, args, kwargs, options)

    def enqueue_task(self, caller: FrameType, task: Any) -> Any:
        """Make an intent of a task's call.

        Returns:
            The `AsyncResult` of the id that the worker will see.
        """
        return self.enqueue_as(caller, task, self.options.get("result_cls") or task.AsyncResult)

    def enqueue_as(self, caller: FrameType, task: Any, result_class: Callable[[str], Any]) -> Any:
        """Make an intent of a single message, and the result that stands for it."""
        if type(task.app.backend).__name__ == "RPCBackend":
            # The answer comes to the thread that asks, which need not be the one that sends.
            self.options.setdefault("reply_to", task.app.thread_oid)
        intent = self.enqueue(caller, task)
        result = result_class(intent.id)
        result.ignored = self.options.get("ignore_result", getattr(task, "ignore_result", None))
        return held(result, intent)

    def _check(self, task: Any) -> None:
        if not isinstance(self.args, list | tuple) or not isinstance(self.kwargs, Mapping):
            raise IntentError(
                f"{task.name} was called with args={self.args!r} and kwargs={self.kwargs!r}. "
                "Give a list or a tuple, and a mapping."
            )


# Options that the application may go on changing after the call.
_MUTABLE = frozenset({"headers", "link", "link_error", "chord", "chain", "stamped_headers"})


def _by_name(
    method: Callable[..., Any], positional: tuple[Any, ...], named: dict[str, Any]
) -> dict[str, Any]:
    """Name the positional arguments as the method that was meant names them."""
    signature = inspect.signature(method)
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in signature.parameters.values()):
        signature = _standard(method)  # it passes them on, and so knows no names
    bound = signature.bind(*positional, **named)
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        else:
            found[name] = value
    return found


def _standard(method: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of Celery's own method, bound as the method is."""
    from celery import Celery, Task

    if isinstance(method, functools.partial):  # `send_task`, with the name
        standard: Any = functools.partial(Celery.send_task, None, *method.args)
    else:
        standard = functools.partial(Task.apply_async, None)
    return inspect.signature(standard)
