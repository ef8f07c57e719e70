"""Capture: an enclosing scope takes over the intents of one inside it, for its own exit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airlock_core.admission import is_recorded
from airlock_core.outcomes import ACCEPTING

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope


def move_up(scope: Scope) -> tuple[list[Intent], list[Intent], Exception | None]:
    """Hand the intents of a scope that ends to the scopes around it, from inner to outer.

    Each may let some through (`before_descendant_flushes`) to the next. One that has ended, as
    a request has for the background task that outlives it, is passed over.

    Returns:
        The intents that were captured, those that the scope has to send itself, and what
        `before_descendant_flushes` raised; a scope that raised lets none through.
    """
    problem: Exception | None = None
    captured: list[Intent] = []
    remaining = list(scope.intents)
    ancestor = scope.parent
    while ancestor is not None and remaining:
        try:
            passing = _let_through(ancestor, scope, remaining)
        except Exception as error:
            passing, problem = set(), problem or error
        kept = [intent for intent in remaining if id(intent) not in passing]
        if ancestor.capture(kept):
            captured += kept
            remaining = [intent for intent in remaining if id(intent) in passing]
        ancestor = ancestor.parent
    return captured, remaining, problem


def take_over(scope: Scope, intents: Sequence[Intent]) -> bool:
    """Add the intents to a scope's buffer, as `record()` adds one; False where it has ended."""
    while True:
        buffer = scope._intents
        if scope.phase not in ACCEPTING:
            return False
        buffer.extend(intents)
        if (scope.phase in ACCEPTING and scope._intents is buffer) or not intents:
            return True
        if is_recorded(intents[0], scope):
            return True


def _let_through(ancestor: Scope, scope: Scope, intents: Sequence[Intent]) -> set[int]:
    if ancestor.closed:
        return set()
    return {id(intent) for intent in ancestor.before_descendant_flushes(scope, tuple(intents))}
