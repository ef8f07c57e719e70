"""Every error that airlock raises, each naming the remedy in its message.

    AirlockError
    ├── NoScopeError            enqueue() outside any scope
    ├── ScopeStateError         a scope used in the wrong order, or too late
    │   └── FlushLoopError      effects kept enqueueing effects without end
    ├── ConfigurationError      a wrong argument to configure(), scope() or a setting
    ├── IntentError             the task, its arguments or its options cannot be carried
    ├── PolicyViolation         a policy refuses an intent where it is enqueued
    ├── PolicyEnqueueError      a policy or hook tried to enqueue while judging
    ├── VerdictError            a policy or hook answered with something that is no verdict
    ├── PluginError             a plugin cannot be loaded or registered, or is required and missing
    ├── ExecutorError           an executor broke the executor contract
    └── DispatchError           after a flush: what failed, what was not tried, what is uncertain

`DispatchError` is also an `ExceptionGroup`, `VerdictError` and `IntentError` also a `TypeError`.
Warnings: `PluginWarning`, an installed plugin was left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope


class AirlockError(Exception):
    """Base class of every error that airlock raises."""


class NoScopeError(AirlockError):
    """`enqueue()` was called where no scope is active."""


class ScopeStateError(AirlockError):
    """A scope was used in a state that does not allow it; the message names scope and state."""


class FlushLoopError(ScopeStateError):
    """Effects that enqueue effects did not come to an end while a scope was flushing."""


class ConfigurationError(AirlockError):
    """An argument of `configure()`, `scope()` or a setting cannot be used."""


class IntentError(AirlockError, TypeError):
    """The task cannot be carried: wrong kind, wrong arguments or wrong options."""


class PolicyViolation(AirlockError):
    """A policy refuses the intent at the line that enqueues it."""


class PolicyEnqueueError(AirlockError):
    """A policy or a hook called `enqueue()` while it was judging an intent."""


class VerdictError(AirlockError, TypeError):
    """A policy or a hook returned something that is no verdict; the intent is denied."""


class PluginError(AirlockError):
    """A plugin cannot be loaded or registered, or a required one is missing."""


class PluginWarning(UserWarning):
    """An installed plugin could not be loaded and was left out."""


class ExecutorError(AirlockError):
    """An executor broke the executor contract, for instance by losing an outcome."""


class DispatchError(ExceptionGroup[Exception], AirlockError):
    """Some intents of a flush did not leave.

    An `ExceptionGroup` of the errors behind it, raised once, after everything that could
    leave has left.

    Attributes:
        scope: the scope that was flushing.
        dispatched: the intents that left.
        denied: the intents whose policy raised an error while it judged them.
        failed: the intents whose executor or effect raised.
        undelivered: the intents that were never tried, because their executor was down.
        uncertain: the intents that may or may not have left (a pipeline broke).
    """

    scope: Scope | None
    dispatched: tuple[Intent, ...]
    denied: tuple[Intent, ...]
    failed: tuple[Intent, ...]
    undelivered: tuple[Intent, ...]
    uncertain: tuple[Intent, ...]

    def __new__(
        cls,
        message: str,
        exceptions: Sequence[Exception],
        *,
        scope: Scope | None = None,
        dispatched: Sequence[Intent] = (),
        denied: Sequence[Intent] = (),
        failed: Sequence[Intent] = (),
        undelivered: Sequence[Intent] = (),
        uncertain: Sequence[Intent] = (),
    ) -> DispatchError:
        """Make the group; the keyword arguments become attributes."""
        self = super().__new__(cls, message, exceptions)
        self.scope = scope
        self.dispatched = tuple(dispatched)
        self.denied = tuple(denied)
        self.failed = tuple(failed)
        self.undelivered = tuple(undelivered)
        self.uncertain = tuple(uncertain)
        return self

    def __init__(self, message: str, exceptions: Sequence[Exception], **attributes: object) -> None:
        """Accept the arguments of `__new__`, which has used them already."""
        super().__init__(message, exceptions)

    def derive(self, excs: Sequence[Any], /) -> Any:
        """Make the group that `split()` and `except*` need, with the same intents."""
        return DispatchError(
            self.message,
            excs,
            scope=self.scope,
            dispatched=self.dispatched,
            denied=self.denied,
            failed=self.failed,
            undelivered=self.undelivered,
            uncertain=self.uncertain,
        )

    def retry(self) -> None:
        """Send the failed and the undelivered intents once more.

        An intent that has left in the meantime is not sent again, and an uncertain one is
        never sent by itself: whether a duplicate is worse than a loss is for the caller to say.

        Raises:
            DispatchError: some of them failed again; it can `retry()` in turn.
        """
        self._scope_of_retry().redispatch((*self.failed, *self.undelivered))

    async def aretry(self) -> None:
        """Do what `retry()` does, without blocking the event loop."""
        await self._scope_of_retry().aredispatch((*self.failed, *self.undelivered))

    def _scope_of_retry(self) -> Scope:
        if self.scope is None:
            raise ScopeStateError(
                "This DispatchError is a copy that has left its process, and its intents did not "
                "come along. Call retry() where it was first raised."
            )
        return self.scope

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle message and errors: a scope, with its locks, stays in its process."""
        return type(self), (self.message, list(self.exceptions))
