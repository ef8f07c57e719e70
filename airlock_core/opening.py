"""The beginning of a scope: what is around it, and who is to be asked about its intents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airlock_core import configuration
from airlock_core.executors import has_say
from airlock_core.policies import overrides

if TYPE_CHECKING:
    from airlock_core.scopes import Scope


def prepare(scope: Scope, parent: Scope | None) -> None:
    """Take over what is the parent's, and find out whether anybody is to be asked.

    Args:
        scope: the scope that opens.
        parent: the scope around it; one that has ended is passed over.
    """
    while parent is not None and parent.closed:
        parent = parent.parent
    policy, executor = scope.policy, scope.executor
    if parent is not None:
        scope.parent = parent
        scope.doors = parent.doors
        if executor is None and parent.executor is not None:
            scope.executor = executor = parent.executor
    if policy is not None and not any(policy is door for door, _ in scope.doors):
        scope.doors = ((policy, scope), *scope.doors)
    if scope.doors:
        every = [owner.instance_of(door) for door, owner in scope.doors]
        scope.watchers = tuple(door for door in every if overrides(door, "on_enqueue"))
    if executor is None:
        executor = configuration.current.executor
    scope.asks = executor is not None and has_say(executor)
    scope.inlet = None if scope.asks or scope.watchers else scope._intents
