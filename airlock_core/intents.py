"""An intent: one side effect that was asked for and has not left yet. A hold: what it waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import Context, copy_context
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airlock_core.calls import is_coroutine_function
from airlock_core.context import Frame, here, scope_of
from airlock_core.extras import NO_OPTIONS, Extras
from airlock_core.names import origin_text, shape, task_name
from airlock_core.outcomes import DISPATCHED, RESENDABLE, Outcome, State

if TYPE_CHECKING:
    from airlock_core.policies import Policy
    from airlock_core.scopes import Scope

P = ParamSpec("P")
R = TypeVar("R")

# Held for two instructions, by whoever settles or awaits a hold: one lock serves them all.
settling = threading.RLock()


class Hold:
    """Something an intent waits for: pending, then kept or void, once.

    A transaction makes one and shares it among the intents that were enqueued in it; when it
    commits it calls `keep()`, when it rolls back `cancel()`. Settling the last hold of a scope
    releases the scope's intents, in the thread that settles it.
    """

    __slots__ = ("_kept", "_waiting")

    def __init__(self) -> None:
        """Make a pending hold."""
        self._kept: bool | None = None
        self._waiting: list[Callable[[], None]] = []

    @property
    def pending(self) -> bool:
        """Whether it is still open."""
        return self._kept is None

    @property
    def kept(self) -> bool:
        """Whether what it stands for has happened."""
        return self._kept is True

    @property
    def void(self) -> bool:
        """Whether what it stands for was undone."""
        return self._kept is False

    def keep(self) -> None:
        """Settle it: the work is done. A hold that is settled already stays as it is.

        Raises:
            DispatchError: a scope that waited for this hold could not send its intents.
        """
        self._settle(True)

    def cancel(self) -> None:
        """Settle it: the work was undone, and its intents are rolled back."""
        self._settle(False)

    def when_settled(self, callback: Callable[[], None]) -> bool:
        """Have `callback` called when it is settled; return False where it is settled already."""
        with settling:
            if self._kept is None:
                self._waiting.append(callback)
            return self._kept is None

    def _settle(self, kept: bool) -> None:
        with settling:
            if self._kept is not None:
                return
            self._kept = kept
        waiting, self._waiting = iter(self._waiting), []
        errors: list[Exception] = []
        try:
            _call_each(waiting, errors)
        except BaseException:  # Ctrl-C in the flush of one scope: the others have their turn
            _call_each(waiting, errors)
            raise
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup("several scopes could not send their intents", errors)

    def __repr__(self) -> str:
        """Show the state."""
        state = "pending" if self.pending else "kept" if self.kept else "void"
        return f"<airlock.Hold {state}>"


def _call_each(callbacks: Iterator[Callable[[], None]], errors: list[Exception]) -> None:
    for callback in callbacks:
        try:
            callback()
        except Exception as error:
            errors.append(error)


class Intent:
    """One side effect, from `enqueue()` to its end.

    Attributes:
        task: what was enqueued: a function, or a task of some queue.
        args: its positional arguments.
        scope: the scope in which it was enqueued.
        extras: what few intents have; None where it has none of it.
        outcome: how it ended, or None while it is pending.
    """

    __slots__ = (
        "__weakref__",
        "_code",
        "_context",
        "_instruction",
        "_kwargs",
        "args",
        "extras",
        "outcome",
        "scope",
        "task",
    )

    # No __init__: calling a class that has one costs 100 ns more. make_intent() sets every slot.
    task: Any
    args: tuple[Any, ...]
    scope: Scope
    extras: Extras | None
    outcome: Outcome | None
    _kwargs: dict[str, Any] | None
    _context: Context | None
    _code: CodeType | None
    _instruction: int  # in units of two bytes: to 256, where most are, an int needs no memory

    @property
    def kwargs(self) -> dict[str, Any]:
        """Its keyword arguments; an empty one, of 64 bytes, is not made before it is used."""
        if self._kwargs is None:
            self._kwargs = {}
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs: dict[str, Any]) -> None:
        self._kwargs = kwargs

    @property
    def dispatch_options(self) -> Mapping[str, Any]:
        """Options for the queue, unchanged."""
        return NO_OPTIONS if self.extras is None else self.extras.options

    @dispatch_options.setter
    def dispatch_options(self, options: Mapping[str, Any]) -> None:
        self.more().options = options

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The local policies that were active where it was enqueued, outermost first."""
        return () if self.extras is None else self.extras.policies

    @property
    def holds(self) -> tuple[Hold, ...]:
        """What it waits for."""
        return () if self.extras is None else self.extras.holds

    @property
    def id(self) -> str:
        """The id that the queue will use for it, known before anything is sent."""
        extras = self.more()
        if extras.id is None:
            from uuid import uuid4  # 1.3 µs: paid by those who ask

            from airlock_core.plugins import manager

            extras.id = manager.given_id(self) or str(uuid4())
        return extras.id

    @property
    def meta(self) -> dict[str, Any]:
        """A dictionary for plugins, carried as headers where the queue has them."""
        extras = self.more()
        if extras.meta is None:
            extras.meta = {}
        return extras.meta

    @property
    def has_meta(self) -> bool:
        """Whether a plugin has put something in `meta`."""
        return self.extras is not None and bool(self.extras.meta)

    def more(self) -> Extras:
        """Return what few intents have, for something to be put in."""
        if self.extras is None:
            self.extras = Extras()
        return self.extras

    @property
    def name(self) -> str:
        """The task's name: its own where it has one, otherwise its dotted path."""
        return task_name(self.task)

    @property
    def origin(self) -> str:
        """Where it was enqueued: `path/file.py:12 in function`."""
        return origin_text(self._code, self._instruction << 1)

    @property
    def state(self) -> State:
        """Where it stands."""
        return State.PENDING if self.outcome is None else self.outcome.state

    @property
    def receipt(self) -> Any:
        """What the executor returned for it, or None."""
        return None if self.outcome is None else self.outcome.receipt

    def hold(self, hold: Hold) -> None:
        """Make it wait for `hold`, in addition to those it waits for already."""
        if hold not in self.holds:
            self.more().holds = (*self.holds, hold)

    @property
    def held(self) -> bool:
        """Whether a hold of it is pending, and none is void."""
        pending = False
        for hold in self.holds:
            if hold._kept is False:
                return False
            pending = pending or hold._kept is None
        return pending

    @property
    def rolled_back(self) -> bool:
        """Whether one of its holds is void."""
        return any(hold._kept is False for hold in self.holds)

    def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `function` with the context variables of the `enqueue` line.

        So request ids, traces and the active language are the caller's, not those of commit
        time. The current scope is the one that is flushing.
        """
        if self._context is None:
            return function(*args, **kwargs)
        context = self._context.copy()
        context.run(here.set, self._frame())
        return context.run(function, *args, **kwargs)

    async def run_async(
        self, function: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs
    ) -> Any:
        """Await `function(...)` with the context variables of the `enqueue` line."""
        if self._context is None:
            return await function(*args, **kwargs)
        import asyncio

        context = self._context.copy()
        context.run(here.set, self._frame())
        # A coroutine reads the variables of its task, so it needs a task of its own.
        return await asyncio.get_running_loop().create_task(
            context.run(function, *args, **kwargs), context=context
        )

    def _frame(self) -> Frame:
        return Frame(scope_of(here.get()), self.policies, None, None)

    def settle(self, outcome: Outcome) -> None:
        """Record how it ended, and let its context go where it cannot be sent again."""
        self.outcome = outcome
        if outcome.state not in RESENDABLE:
            self._context = None

    def dispatched(self, receipt: object) -> None:
        """Record that it left."""
        self.outcome = Outcome(DISPATCHED, receipt)
        self._context = None

    @property
    def is_coroutine(self) -> bool:
        """Whether calling the task here makes a coroutine."""
        return is_coroutine_function(self.task)

    def passes(self, policy: Policy) -> bool:
        """Whether the policy applies to it through a scope or a block around its `enqueue`."""
        return any(local is policy for local in self.policies) or any(
            door is policy for door, _ in self.scope.doors
        )

    def tasks(self) -> Iterable[Any]:
        """Every task in it: itself, those in partials and canvases, callbacks in its options."""
        from airlock_core.plugins import manager

        return manager.members(self.task, self.dispatch_options)

    def task_names(self) -> Iterator[str]:
        """The name of every task in it, for policies that go by names."""
        return map(task_name, self.tasks())

    def __repr__(self) -> str:
        """Show name, shape of the arguments and state; never the arguments themselves."""
        return f"<airlock.Intent {self.name}({shape(self.args, self.kwargs)}) {self.state.value}>"


def make_intent(
    task: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dispatch_options: Mapping[str, Any] | None,
    scope: Scope,
    policies: tuple[Policy, ...],
    caller: FrameType,
) -> Intent:
    """Make an intent; `enqueue()` has these lines once more, where it need not ask anybody.

    Args:
        task: what is enqueued.
        args: its positional arguments.
        kwargs: its keyword arguments.
        dispatch_options: options for the queue, unchanged.
        scope: the scope in which it is enqueued.
        policies: the local policies that are active there.
        caller: the frame of the line that enqueues it.
    """
    intent = Intent()
    intent.task = task
    intent.args = args
    intent._kwargs = kwargs or None
    intent.scope = scope
    intent.extras = None
    intent.outcome = None
    intent._context = copy_context()
    intent._code = caller.f_code
    intent._instruction = caller.f_lasti >> 1
    if policies:
        intent.more().policies = policies
    if dispatch_options is not None:
        intent.more().options = dispatch_options
    return intent
