"""Executors: what carries an intent to its queue, or runs it here.

An executor is any callable that takes an intent and returns a receipt. One that derives from
`Executor` can also check at the `enqueue`, send many at once, and say what it is able to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any

from airlock_core.calls import is_coroutine_function
from airlock_core.errors import ConfigurationError, ExecutorError, IntentError
from airlock_core.names import name_of
from airlock_core.outcomes import Failure

if TYPE_CHECKING:
    from airlock_core.intents import Intent

#: Every capability, in the order in which the documentation lists them.
CAPABILITIES = (
    "supports_many",
    "supports_client_id",
    "supports_meta",
    "native_async",
    "transactional",
)


class Executor:
    """Base class of the plugins' executors."""

    #: A run of intents leaves in fewer round trips than one by one.
    supports_many = False
    #: The queue uses `intent.id` as the id of its message.
    supports_client_id = False
    #: `intent.meta` travels with the message, and the worker can read it.
    supports_meta = False
    #: `dispatch_many` is a coroutine function: it needs a scope entered with `async with`.
    native_async = False
    #: Its message is a row, written by the connection whose transaction the holds stand for.
    transactional = False

    #: Why not: a sentence for each capability that it does not have.
    cannot: Mapping[str, str] = {}

    def __call__(self, intent: Intent) -> Any:
        """Send one intent now.

        Returns:
            The receipt: whatever the queue returns.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define __call__(intent)")

    def check(self, intent: Intent) -> None:
        """Raise `IntentError` where this executor cannot carry the intent.

        Called at the `enqueue` line: for an explicit executor always, otherwise where
        `configure(strict=True)`.
        """

    def dispatch_many(self, intents: Sequence[Intent]) -> Any:
        """Send a run of intents, in order.

        Returns:
            An iterable of one outcome per intent, in order: its receipt, or a `Failure`. What is
            raised fails the first intent without an outcome, and the rest are not tried.
        """
        return _one_by_one(self, intents)

    def joins(self, intent: Intent) -> bool:
        """Whether the message, if sent now, commits and rolls back with all the intent's holds.

        Asked of transactional executors alone.
        """
        return self.transactional

    def given_id(self, intent: Intent) -> str | None:
        """Return the id that the caller chose, in options or task; None lets airlock choose.

        Asked where `supports_client_id`, when `intent.id` is first asked for.
        """
        return None

    def members(self, task: Any) -> Iterable[Any] | None:
        """List the tasks inside a task of this queue (a canvas); None where it is not its own."""
        return None

    def linked(self, options: Mapping[str, Any]) -> Iterable[Any]:
        """List the tasks that dispatch options carry along, such as callbacks."""
        return ()

    def __repr__(self) -> str:
        """Show the class."""
        return f"<airlock executor {type(self).__qualname__}>"


class ExecutorWrapper(Executor):
    """Base of what wraps another executor, to see every publish and its outcome.

    Two wrappers of one class around equal executors are equal, so that runs still leave
    together and one broker that is down is still down once.

    Args:
        inner: the executor that is wrapped.
    """

    def __init__(self, inner: Callable[[Intent], Any]) -> None:
        """Take over the capabilities of `inner`."""
        self.inner = inner
        for capability in CAPABILITIES:
            setattr(self, capability, getattr(inner, capability, False))
        self.cannot = getattr(inner, "cannot", {})
        self.native_async = needs_await(inner)

    def __call__(self, intent: Intent) -> Any:
        """Pass on."""
        return self.inner(intent)

    def check(self, intent: Intent) -> None:
        """Pass on."""
        check_carries(self.inner, intent)

    def dispatch_many(self, intents: Sequence[Intent]) -> Any:
        """Pass on."""
        return outcomes_of(self.inner, intents)

    def given_id(self, intent: Intent) -> str | None:
        """Pass on."""
        return self.inner.given_id(intent) if isinstance(self.inner, Executor) else None

    def joins(self, intent: Intent) -> bool:
        """Pass on."""
        return joins(self.inner, intent)

    def __eq__(self, other: object) -> bool:
        """Compare class and wrapped executor."""
        return type(self) is type(other) and self.inner == other.inner

    def __hash__(self) -> int:
        """Agree with `__eq__`."""
        return hash((type(self), self.inner))

    def __repr__(self) -> str:
        """Show both."""
        return f"<airlock executor {type(self).__qualname__} around {self.inner!r}>"


class SyncExecutor(Executor):
    """Run the task here, at the flush. One that fails does not stop the others."""

    def __call__(self, intent: Intent) -> Any:
        """Run the task in a scope of its own, and return what it returns."""
        return intent.run(_run_effect, intent)

    def check(self, intent: Intent) -> None:
        """Refuse what cannot be called here, and coroutine functions in a plain scope."""
        if not callable(intent.task):
            raise IntentError(
                f"{intent.task!r} cannot be called, and no installed plugin carries it. "
                "Install the plugin of its queue, or name an executor: scope(executor=...)."
            )
        if is_coroutine_function(intent.task) and not intent.scope.root.is_async:
            raise IntentError(
                f"{intent.name} is an `async def`, and a plain `with airlock.scope()` cannot await "
                "it. Use `async with airlock.scope()`, or enqueue a plain function."
            )

    def dispatch_many(self, intents: Sequence[Intent]) -> Any:
        """Run each; a failure is that intent's own."""
        for intent in intents:
            try:
                yield self(intent)
            except Exception as error:
                yield Failure(error)


class AsyncExecutor(Executor):
    """Await the task here, at the flush: what `sync_executor` becomes for an `async def`."""

    native_async = True

    async def __call__(self, intent: Intent) -> Any:
        """Await the task in a scope of its own, and return what it returns."""
        return await intent.run_async(_await_effect, intent)

    async def dispatch_many(self, intents: Sequence[Intent]) -> AsyncIterator[Any]:
        """Await each in turn; a failure is that intent's own."""
        for intent in intents:
            try:
                outcome = await self(intent)
            except Exception as error:
                outcome = Failure(error)
            yield outcome


def _run_effect(intent: Intent) -> Any:
    from airlock_core.scopes import Scope

    # What a failing effect had enqueued is discarded with it.
    with Scope(name=f"effect {intent.name}"):
        result = intent.task(*intent.args, **intent.kwargs)
        if hasattr(result, "__await__"):
            if hasattr(result, "close"):
                result.close()
            raise IntentError(
                f"{intent.name} returned something to await, and nobody would await it. "
                "Use `async with airlock.scope()` and an `async def`, or a plain function."
            )
    return result


async def _await_effect(intent: Intent) -> Any:
    from airlock_core.scopes import Scope

    async with Scope(name=f"effect {intent.name}"):
        return await intent.task(*intent.args, **intent.kwargs)


sync_executor = SyncExecutor()
async_executor = AsyncExecutor()


def needs_await(executor: Callable[[Intent], Any]) -> bool:
    """Whether the executor can only be used in an `async with` scope."""
    return bool(getattr(executor, "native_async", False)) or is_coroutine_function(executor)


def has_say(executor: Callable[[Intent], Any]) -> bool:
    """Whether it may refuse an intent at the `enqueue` line."""
    if type(executor) is FunctionType:
        return needs_await(executor)
    check = getattr(type(executor), "check", None)
    return (check is not None and check is not Executor.check) or needs_await(executor)


def runs_inline(executor: Callable[[Intent], Any]) -> bool:
    """Whether the task runs in this process, and is to get the very objects it was given."""
    while isinstance(executor, ExecutorWrapper):
        executor = executor.inner
    return isinstance(executor, SyncExecutor | AsyncExecutor)


def check_carries(executor: Callable[[Intent], Any], intent: Intent) -> None:
    """Let the executor refuse the intent, at the `enqueue` line, if it can check at all."""
    check = getattr(executor, "check", None)
    if check is not None:
        check(intent)


def joins(executor: Callable[[Intent], Any], intent: Intent) -> bool:
    """Whether the executor's message would commit with the transactions the intent waits for."""
    return bool(getattr(executor, "transactional", False)) and bool(
        executor.joins(intent) if isinstance(executor, Executor) else True
    )


def outcomes_of(executor: Callable[[Intent], Any], intents: Sequence[Intent]) -> Any:
    """Hand a run to the executor, as a whole where it has `dispatch_many`, else one by one."""
    many = getattr(executor, "dispatch_many", None)
    return many(intents) if many is not None else _one_by_one(executor, intents)


def _one_by_one(executor: Callable[[Intent], Any], intents: Sequence[Intent]) -> Any:
    each = _each_awaited if is_coroutine_function(executor) else _each
    return each(executor, intents)


def _each(executor: Callable[[Intent], Any], intents: Sequence[Intent]) -> Iterator[Any]:
    # Not map(): a StopIteration that escapes from the executor would look like the end.
    for intent in intents:
        yield executor(intent)


async def _each_awaited(
    executor: Callable[[Intent], Any], intents: Sequence[Intent]
) -> AsyncIterator[Any]:
    for intent in intents:
        yield await executor(intent)


def as_iterator(executor: object, outcomes: Any) -> Iterator[Any]:
    """Iterate over what `dispatch_many` returned.

    Raises:
        ExecutorError: it is a coroutine, so that nothing has been sent. Anything else that is no
            iterable reports nothing, and it is uncertain what has been sent.
    """
    if isinstance(outcomes, CoroutineType):
        outcomes.close()
        raise ExecutorError(
            f"dispatch_many() of {executor!r} is an `async def`, and it was not awaited. "
            "Set native_async = True on the executor, and use it in `async with airlock.scope()`."
        )
    return iter(outcomes) if hasattr(outcomes, "__iter__") else iter(())


def checked_executor(executor: Any) -> Callable[[Intent], Any] | None:
    """Return the executor that was meant: a callable as it is, a name from the plugins.

    Raises:
        ConfigurationError: it is neither, or a class, or no installed plugin has that name.
    """
    if executor is None:
        return None
    if isinstance(executor, str):
        from airlock_core.plugins import manager

        return manager.executor_named(executor)
    if isinstance(executor, type) or not callable(executor):
        raise ConfigurationError(
            f"executor={name_of(executor)} is no executor. Give a callable that takes an intent, "
            'or the name of an installed plugin such as "celery".'
        )
    result: Callable[[Intent], Any] = executor
    return result


def lost_outcome(executor: object) -> ExecutorError:
    """Make the error for an executor that reported fewer outcomes than it was given intents."""
    return ExecutorError(
        f"{executor!r} returned fewer outcomes than intents, so it is unknown whether the rest "
        "left. dispatch_many() must return one outcome per intent, in order."
    )
