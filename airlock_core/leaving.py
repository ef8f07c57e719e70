"""The end of a scope: whether its intents leave, who takes them, and what is raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airlock_core.captures import move_up
from airlock_core.context import NOWHERE, current_place, pop, set_place
from airlock_core.departures import Departure
from airlock_core.errors import DispatchError, ScopeStateError
from airlock_core.exits import verdict
from airlock_core.flushing import logger
from airlock_core.observing import settled
from airlock_core.outcomes import (
    CAPTURED,
    DISCARD,
    DISCARDED,
    FLUSHED,
    LEAVING,
    OPEN,
    Exit,
    Outcome,
    Phase,
    State,
)
from airlock_core.plugins import manager

if TYPE_CHECKING:
    from airlock_core.scopes import Scope

_hooks = manager.hooks


def leave(scope: Scope, error: BaseException | None, wanted: Exit | None, reason: str = "") -> None:
    """End a scope: flush, discard, or hand its intents to the enclosing scope.

    Args:
        scope: the scope, which must be open.
        error: what its block raised.
        wanted: what the application asked for, if it did.
        reason: why it discards, if it does.

    Raises:
        DispatchError: some intents did not leave, and the block raised nothing itself.
        ScopeStateError: it was never entered, or has ended.
    """
    closed = False
    failure = None
    try:
        try:
            # Deleting it succeeds once, whoever else is closing the scope: 20 ns; a lock takes 260.
            del scope.may_end
        except AttributeError:
            pass
        else:
            closed = True
            scope.inlet, scope.phase = None, LEAVING
            scope._intents = [*scope._intents]  # afterwards: see airlock_core.admission.record()
        if closed and not scope._intents and not _hooks.scope_exit:
            scope.phase = DISCARDED if error is not None or wanted is DISCARD else FLUSHED
            if not scope.in_block:
                left_block(scope)
            return
        departure, problem = _decide(scope, error, wanted, reason, closed)
        if departure is not None:
            failure = departure.leave()
    except BaseException as interruption:
        if closed:
            _interrupted(scope, interruption)
        raise
    if failure is not None or problem is not None:
        _conclude(scope, failure, problem, error)


async def aleave(scope: Scope, error: BaseException | None, wanted: Exit | None) -> None:
    """Do what `leave()` does, without blocking the event loop."""
    closed = False
    failure = None
    try:
        try:
            # Deleting it succeeds once, whoever else is closing the scope: 20 ns; a lock takes 260.
            del scope.may_end
        except AttributeError:
            pass
        else:
            closed = True
            scope.inlet, scope.phase = None, LEAVING
            scope._intents = [*scope._intents]  # afterwards: see airlock_core.admission.record()
        if closed and not scope._intents and not _hooks.scope_exit:
            scope.phase = DISCARDED if error is not None or wanted is DISCARD else FLUSHED
            if not scope.in_block:
                left_block(scope)
            return
        departure, problem = _decide(scope, error, wanted, "", closed)
        if departure is not None:
            failure = await departure.aleave()
    except BaseException as interruption:
        if closed:
            _interrupted(scope, interruption)
        raise
    if failure is not None or problem is not None:
        _conclude(scope, failure, problem, error)


def _decide(
    scope: Scope, error: BaseException | None, wanted: Exit | None, reason: str, closed: bool
) -> tuple[Departure | None, Exception | None]:
    """Decide about a scope that has just closed.

    Returns:
        The departure, where it has intents to send itself, and what an enclosing scope raised
        that was asked whether to let them through.
    """
    if not closed:
        remedy = "Enter it first." if scope.phase is Phase.NEW else "It has ended: leave this out."
        raise ScopeStateError(f"{scope!r} cannot end here. {remedy}")
    if not scope.in_block:
        left_block(scope)
    try:
        discarded = verdict(scope, error, wanted, reason)
    except BaseException as failure:
        why = f"its exit raised {type(failure).__qualname__}"
        _discard(scope, Outcome(State.DISCARDED, reason=why))
        raise
    if discarded is not None:
        _discard(scope, discarded)
        return None, None
    if not scope._intents:
        scope.phase = FLUSHED
        return None, None
    if scope.parent is None:
        return Departure(scope, list(scope._intents)), None
    captured, remaining, problem = move_up(scope)
    scope.captured = captured
    if remaining:
        return Departure(scope, remaining), problem
    scope.phase = CAPTURED if captured else FLUSHED
    return None, problem


def left_block(scope: Scope) -> None:
    """Put back what was current before the scope."""
    place = scope.place
    if place is not None:
        if place is scope and scope.around is NOWHERE and current_place() is scope:
            scope.has_left = True  # as it mostly is: 100 ns less
            set_place(NOWHERE)
        else:
            pop(place)
        scope.place = None  # a cycle less for the garbage collector
    if scope.phase is OPEN:  # the process is being stopped between the block's end and ours
        scope.discard()


def _discard(scope: Scope, outcome: Outcome) -> None:
    for intent in scope.intents:
        intent.settle(outcome)
    scope.phase = DISCARDED
    settled(scope, scope.intents)


def _interrupted(scope: Scope, interruption: BaseException) -> None:
    """Give each intent an end where the process is stopped before its departure has begun."""
    if scope.phase not in (OPEN, LEAVING):
        return
    elsewhere: set[int] = set()
    ancestor = scope.parent
    while ancestor is not None:
        elsewhere.update(map(id, ancestor.intents))
        ancestor = ancestor.parent
    scope.close(FLUSHED)
    for intent in scope.intents:
        if intent.outcome is None and id(intent) not in elsewhere:
            intent.settle(Outcome(State.UNDELIVERED, error=interruption, judged=False))


def _conclude(
    scope: Scope,
    failure: DispatchError | None,
    problem: Exception | None,
    error: BaseException | None,
) -> None:
    """Raise what went wrong, but never in place of the block's own error."""
    if problem is not None and error is not None:
        error.add_note(f"besides, a scope around {scope.name} raised {problem!r}")
        logger.error("a scope around %r raised", scope, exc_info=problem)
    if failure is not None:
        scope.answer(failure, error or problem)
    if problem is not None and error is None:
        raise problem
