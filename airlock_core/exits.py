"""How a scope ends: whether its intents may leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airlock_core.context import Judging, while_judging
from airlock_core.errors import VerdictError
from airlock_core.flushing import logger
from airlock_core.outcomes import Exit
from airlock_core.plugins import manager

if TYPE_CHECKING:
    from airlock_core.scopes import Scope


def verdict(scope: Scope, error: BaseException | None, wanted: Exit | None) -> Exit:
    """Ask the hook `scope_exit`; the strictest answer wins.

    Args:
        scope: the scope that ends.
        error: what its block raised.
        wanted: what the application asked for with `flush()` or `discard()`. Where it asked for
            nothing and every plugin is silent, `scope.should_flush(error)` decides.

    Raises:
        Exception: whatever a plugin raises, if the block itself raised nothing.
    """
    try:
        return while_judging(scope, Judging(f"{scope.name} ends"), _verdict, scope, error, wanted)
    except Exception as failure:
        if error is None:
            raise
        # The error of the block is never replaced by one of the exit.
        error.add_note(f"{scope.name} was discarded, because its exit failed: {failure!r}")
        logger.error("%r was discarded, because its exit failed", scope, exc_info=failure)
        return Exit.DISCARD


def _verdict(scope: Scope, error: BaseException | None, wanted: Exit | None) -> Exit:
    answers = _answers(scope, error)
    if wanted is Exit.DISCARD or Exit.DISCARD in answers:
        return Exit.DISCARD
    if wanted is Exit.FLUSH or answers:
        return Exit.FLUSH
    return Exit.FLUSH if scope.should_flush(error) else Exit.DISCARD


def _answers(scope: Scope, error: BaseException | None) -> set[Exit]:
    answers = set()
    for name, function in manager.hooks.scope_exit:
        answer = function(scope, error)
        if answer is None:
            continue
        if not isinstance(answer, Exit):
            raise VerdictError(
                f"the scope_exit of {name} returned {answer!r}. "
                "Return airlock.Exit.FLUSH, airlock.Exit.DISCARD or None."
            )
        answers.add(answer)
    return answers
