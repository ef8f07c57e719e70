"""What happens to an intent between its `enqueue` line and the buffer.

Everything here may refuse it, and a refusal is raised at that line.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, cast

from airlock_core import configuration
from airlock_core.calls import COROUTINE, Kind, check_arguments
from airlock_core.choosing import explicit_executor
from airlock_core.context import Frame, Judging, Place, set_place
from airlock_core.doors import local_doors
from airlock_core.errors import IntentError, ScopeStateError
from airlock_core.executors import check_carries, needs_await, runs_inline
from airlock_core.names import name_of
from airlock_core.outcomes import ACCEPTING
from airlock_core.plugins import manager
from airlock_core.policies import Policy, overrides

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope

_hooks = manager.hooks
_ATOMS = frozenset({int, float, complex, str, bytes, bool, type(None), FunctionType, type})


def admit(
    intent: Intent, scope: Scope, place: Place, watchers: Iterable[Policy] = (), check: bool = False
) -> None:
    """Ask the policies, the executor and the hook `intent_created`, in this order.

    Args:
        intent: the intent.
        scope: where it was enqueued.
        place: what is current there.
        watchers: the local policies that observe, inner first.
        check: whether its executor has something to check.

    Raises:
        PolicyViolation: a policy refuses the intent.
        IntentError: its executor cannot carry it.
        Exception: whatever a plugin raises to refuse it.
    """
    frame = scope.judgement
    if frame is None:
        # One for all its intents: 350 ns less at each, in every process that has airlock-django.
        frame = scope.judgement = Frame(scope, (), Judging("is enqueued", intent), scope)
    elif frame.judging is not None:
        frame.judging.to = intent  # for a message; threads that share the scope share it
    try:
        set_place(frame)
        for policy in watchers:
            policy.on_enqueue(intent)
        for policy in scope.watchers:
            policy.on_enqueue(intent)
        if check:
            _check(intent, scope)
        for function in _hooks.intent_created:
            function(intent, scope)
    finally:
        set_place(place)


def local_watchers(frame: Frame) -> tuple[Policy, ...]:
    """Return the local policies that observe what is enqueued in a frame; looked up once for it."""
    if frame.watchers is None:
        scope = cast("Scope", frame.scope)
        every = [scope.root.instance_of(door) for door in local_doors(frame.policies, scope)]
        frame.watchers = tuple(policy for policy in every if overrides(policy, "on_enqueue"))
    return frame.watchers


def has_to_ask(task: Any, scope: Scope) -> bool:
    """Whether somebody may have to refuse the task: it is not a plain function, as most are not."""
    if type(task) is FunctionType:
        return bool(task.__code__.co_flags & COROUTINE)
    return kind_of(task, scope).has_to_be_asked


def kind_of(task: Any, scope: Scope) -> Kind:
    """Return what a task is; a scope remembers the last one, of which there are often many."""
    known = scope._kind
    if known is None or known.task is not task:
        known = scope._kind = Kind(task)
    return known


def record(intent: Intent, scope: Scope) -> None:
    """Put an intent that nobody refused into the buffer.

    Accepting and closing exclude each other, without a lock, which would cost 150 ns for each
    intent: it is appended first, and whether the scope still accepts is looked at afterwards.
    Closing changes the phase first, and replaces the buffer by a copy afterwards. An append to a
    list and a copy of it exclude each other in CPython, so one of the two comes first. If it is the
    append, the copy has the intent. If it is the copy, what was changed before is seen here, and
    the list that has the intent is nobody's any more.

    Raises:
        ScopeStateError: the scope has ended.
    """
    while True:
        buffer = scope._intents
        if scope.phase not in ACCEPTING:
            raise too_late(intent, scope)
        buffer.append(intent)
        if (scope.phase in ACCEPTING and scope._intents is buffer) or is_recorded(intent, scope):
            return


def is_recorded(intent: Intent, scope: Scope) -> bool:
    """Whether a scope that was closing in the meantime has taken the intent along."""
    return any(known is intent for known in reversed(scope._intents))


def too_late(intent: Intent, scope: Scope) -> ScopeStateError:
    """Make the error for an intent whose scope has ended."""
    return ScopeStateError(
        f"{intent.name} was enqueued too late at {intent.origin}: {scope!r}. Enqueue before the "
        "scope ends, or open another: with airlock.scope()."
    )


def _check(intent: Intent, scope: Scope) -> None:
    strict = configuration.current.strict
    task = intent.task
    if not strict and not has_to_ask(task, scope):
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
    deep = not (runs_inline(executor) or needs_await(executor))
    known: dict[int, Any] = {}
    intent.args = tuple(snapshot(value, deep, known) for value in intent.args)
    intent.kwargs = {key: snapshot(value, deep, known) for key, value in intent.kwargs.items()}


def snapshot(value: Any, deep: bool, known: dict[int, Any]) -> Any:
    """Copy an argument, so that changing it after the `enqueue` does not change what is sent.

    Args:
        value: the argument.
        deep: copy also what is no container. An effect that runs here is meant to get the very
            object it was given; a queue serializes it, so that a copy is as good.
        known: the copies made so far, by the id of the original, for what contains itself.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if id(value) in known:
        return known[id(value)]
    if kind is list:
        copied: Any = known.setdefault(id(value), [])
        copied.extend(snapshot(item, deep, known) for item in value)
        return copied
    if kind is dict:
        copied = known.setdefault(id(value), {})
        copied.update((key, snapshot(item, deep, known)) for key, item in value.items())
        return copied
    if kind is tuple:
        return tuple(snapshot(item, deep, known) for item in value)
    if kind in (set, frozenset, bytearray):
        return kind(value)
    if not deep:
        return value
    try:
        copied = copy.deepcopy(value, known)
    except Exception:  # what cannot be copied is left to the queue's own serializer
        return value
    return copied if type(copied) is kind else value
