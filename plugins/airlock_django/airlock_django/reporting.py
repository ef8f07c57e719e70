"""What is said, and to whom, when intents did not leave after the work was committed."""

from __future__ import annotations

import logging
from contextvars import ContextVar

from airlock import DispatchError
from airlock_core.names import shape

logger = logging.getLogger("airlock.django")

# Not empty while receivers of the signal are at work: theirs is what fails in here.
_telling: ContextVar[list[DispatchError]] = ContextVar("_telling")


def report(error: DispatchError) -> None:
    """Log each intent that did not leave, and send the signal `dispatch_failed`.

    Names, ids and the shape of the arguments are logged; the arguments themselves never are. What
    a receiver's own `retry()` could not send is logged and raised there, and not sent to it again:
    with a broker that is still down, that would have no end.
    """
    from airlock_django.signals import dispatch_failed

    for word, intents in (
        ("failed", error.failed),
        ("not tried", error.undelivered),
        ("uncertain", error.uncertain),
        ("denied by a policy that raised", error.denied),
    ):
        for intent in intents:
            logger.error(
                "%s: %s id=%s (%s) enqueued at %s: %s",
                word,
                intent.name,
                intent.id,
                shape(intent.args, intent.kwargs),
                intent.origin,
                _cause(intent.outcome.error if intent.outcome else None),
            )
    if _telling.get(None):
        return
    told = [error]
    token = _telling.set(told)
    try:
        answers = dispatch_failed.send_robust(sender=type(error.scope), error=error)
    finally:
        _telling.reset(token)
        told.clear()  # for a task that a receiver has left behind: its failures are told again
    for receiver, answer in answers:
        if isinstance(answer, Exception):
            logger.error("the receiver %r of dispatch_failed raised", receiver, exc_info=answer)


def _cause(error: BaseException | None) -> str:
    # The class alone: messages of brokers and serializers quote arguments and passwords.
    return "" if error is None else f"{type(error).__module__}.{type(error).__qualname__}"
