"""What happens to an intent between its `enqueue` line and the buffer.

Everything here may refuse it, and a refusal is raised at that line.
"""

from __future__ import annotations

import copy
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from airlock_core import configuration
from airlock_core.calls import check_arguments
from airlock_core.context import Frame, Judging, here, pop, push
from airlock_core.errors import IntentError
from airlock_core.executors import check_carries, needs_await, sync_executor
from airlock_core.names import name_of
from airlock_core.plugins import explicit_executor, manager

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope

_ATOMS = frozenset({int, float, complex, str, bytes, bool, type(None), FunctionType, type})


def admit(intent: Intent, scope: Scope) -> None:
    """Ask the policies, the executor and the hook `intent_created`, in this order.

    Raises:
        PolicyViolation: a policy refuses the intent.
        IntentError: its executor cannot carry it.
        Exception: whatever a plugin raises to refuse it.
    """
    current = here.get()
    frame = Frame(scope, current.policies, Judging(f"{intent.name} is enqueued"), current)
    push(frame)
    try:
        for policy in reversed(intent.policies):
            if not any(policy is door for door, _ in scope.doors):
                scope.root.instance_of(policy).on_enqueue(intent)
        for watcher in scope.watchers:
            watcher.on_enqueue(intent)
        _check(intent, scope)
        for function in manager.hooks.intent_created:
            function(intent, scope)
    finally:
        pop(frame)


def _check(intent: Intent, scope: Scope) -> None:
    strict = configuration.current.strict
    task = intent.task
    if not strict and callable(task) and not intent.is_coroutine:
        executor = explicit_executor(intent)
        if executor is None:
            return
    else:
        executor = manager.choose(intent, scope)
    if needs_await(executor) and not scope.root.is_async:
        raise IntentError(
            f"{name_of(executor)} must be awaited, and a plain `with airlock.scope()` cannot. "
            "Use `async with airlock.scope()`, or a blocking executor."
        )
    check_carries(executor, intent)
    if not strict:
        return
    if isinstance(task, FunctionType | MethodType | partial):
        check_arguments(task, intent.args, intent.kwargs)
    inline = executor is sync_executor or needs_await(executor)
    intent.args = tuple(snapshot(value, deep=not inline) for value in intent.args)
    intent.kwargs = {key: snapshot(value, deep=not inline) for key, value in intent.kwargs.items()}


def snapshot(value: Any, *, deep: bool) -> Any:
    """Copy an argument, so that changing it after the `enqueue` does not change what is sent.

    Args:
        value: the argument.
        deep: copy also what is no container. An effect that runs here is meant to get the very
            object it was given; a queue serializes it, so that a copy is as good.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind in (list, tuple, set, frozenset):
        return kind(snapshot(item, deep=deep) for item in value)
    if kind is dict:
        return {key: snapshot(item, deep=deep) for key, item in value.items()}
    if kind is bytearray:
        return bytearray(value)
    if not deep:
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # what cannot be copied is left to the queue's own serializer
        return value
