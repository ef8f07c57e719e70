"""How a scope ends: whether its intents may leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airlock_core.context import Judging, while_judging
from airlock_core.errors import VerdictError
from airlock_core.flushing import logger
from airlock_core.outcomes import DISCARD, FLUSH, Exit, Outcome, State
from airlock_core.plugins import manager

if TYPE_CHECKING:
    from airlock_core.scopes import Scope

_hooks = manager.hooks


def should_flush(scope: Scope, error: BaseException | None) -> bool:
    """Decide at exit whether the intents may leave, where no plugin decides: if no error."""
    return error is None


def verdict(
    scope: Scope, error: BaseException | None, wanted: Exit | None, reason: str
) -> Outcome | None:
    """Ask the hook `scope_exit`; the strictest answer wins.

    Args:
        scope: the scope that ends.
        error: what its block raised.
        wanted: what the application asked for with `flush()` or `discard()`. Where it asked for
            nothing and every plugin is silent, `scope.should_flush(error)` decides.
        reason: why the application discards, if it does.

    Returns:
        None where the intents may leave; otherwise the outcome of each: discarded, and why.

    Raises:
        Exception: whatever a plugin raises, if the block itself raised nothing.
    """
    if (
        error is None
        and wanted is not DISCARD
        and not _hooks.scope_exit
        and (wanted is FLUSH or getattr(scope.should_flush, "__func__", None) is should_flush)
    ):
        return None  # nobody is to be asked: 1 µs less
    try:
        judging = Judging("ends", scope)
        return while_judging(scope, judging, _verdict, scope, error, wanted, reason)
    except Exception as failure:
        if error is None:
            raise
        # The error of the block is never replaced by one of the exit.
        error.add_note(f"{scope.name} was discarded, because its exit failed: {failure!r}")
        logger.error("%r was discarded, because its exit failed", scope, exc_info=failure)
        return Outcome(State.DISCARDED, reason=f"its exit raised {type(failure).__qualname__}")


def _verdict(
    scope: Scope, error: BaseException | None, wanted: Exit | None, reason: str
) -> Outcome | None:
    answers = _answers(scope, error)
    if wanted is DISCARD:
        return Outcome(State.DISCARDED, reason=reason)
    if answers and DISCARD in answers:
        return Outcome(State.DISCARDED, by=answers[DISCARD], reason=_raised(error))
    if wanted is FLUSH or answers or scope.should_flush(error):
        return None
    return Outcome(State.DISCARDED, reason=_raised(error) or "should_flush() said so")


def _raised(error: BaseException | None) -> str:
    # The class alone: an outcome is logged and shown, and a message may hold secrets.
    return "" if error is None else f"{type(error).__qualname__} was raised"


def _answers(scope: Scope, error: BaseException | None) -> dict[Exit, str]:
    """Ask each plugin; return the answers, each with the first who gave it."""
    answers: dict[Exit, str] = {}
    for name, function in _hooks.scope_exit:
        answer = function(scope, error)
        if answer is None:
            continue
        if not isinstance(answer, Exit):
            raise VerdictError(
                f"the scope_exit of {name} returned {answer!r}. "
                "Return airlock.Exit.FLUSH, airlock.Exit.DISCARD or None."
            )
        answers.setdefault(answer, name)
    return answers
