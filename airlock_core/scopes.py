"""A scope: holds the intents of one piece of work until the work has succeeded.

                  ┌────────── exit, discarded ──────────▶ DISCARDED
NEW ─enter─▶ OPEN ┼─ exit, an enclosing scope takes them ▶ CAPTURED
                  └─ exit, outermost ─▶ WAITING ─holds settled─▶ FLUSHING ─▶ FLUSHED
                                        (skipped where no hold is pending)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from airlock_core import configuration
from airlock_core.admission import admit, has_to_ask, local_watchers, record, too_late
from airlock_core.calls import Kind
from airlock_core.captures import take_over
from airlock_core.context import (
    NO_TASK,
    NOWHERE,
    Frame,
    Instances,
    Place,
    current_place,
    judging_of,
    place_of,
    scope_of,
    set_place,
)
from airlock_core.departures import Departure
from airlock_core.doors import Planned, plan
from airlock_core.errors import DispatchError, ScopeStateError
from airlock_core.executors import checked_executor
from airlock_core.exits import should_flush
from airlock_core.flushing import logger
from airlock_core.leaving import aleave, leave, left_block
from airlock_core.names import origin_text
from airlock_core.opening import prepare
from airlock_core.outcomes import ACCEPTING, DISCARD, FLUSH, NEW, OPEN, Outcome, Phase, State
from airlock_core.plugins import manager
from airlock_core.policies import Policy, checked_policy

if TYPE_CHECKING:
    from airlock_core.intents import Intent

_hooks = manager.hooks


class Scope(Place):
    """The intents of one piece of work, and what becomes of them.

    Use it as `with airlock.scope():`, `async with airlock.scope():` or `@airlock.scoped()`;
    or step by step: `enter()`, then `exit(error)`, or `flush()` or `discard()`.

    Args:
        policy: judges the intents of this scope and of those inside it.
        executor: carries them: a callable, or the name of an installed plugin.
        name: for messages; by default the line that made it.

    Raises:
        ConfigurationError: `policy` or `executor` cannot serve as one.
    """

    #: How many rounds of effects that enqueue effects a flush allows.
    max_flush_rounds = 1_000
    #: How many intents they may make together.
    max_flush_intents = 1_000_000

    # What every scope uses is in slots: read in 4 ns, where an attribute with a default of the
    # class takes 20 on Python 3.11. What few use has such a default.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_intents",
        "_name",
        "_plain",
        "in_block",
        "judgement",
        "may_end",
        "origin",
        "parent",
        "phase",
        "place",
    )
    policy: Policy | None = None
    executor: Callable[[Intent], Any] | None = None
    doors: tuple[tuple[Policy, Scope], ...] = ()
    watchers: tuple[Policy, ...] = ()
    is_async = False
    loop: Any = None
    error: DispatchError | None = None
    captured: Sequence[Intent] | frozenset[int] = ()
    asks = False
    _instances: Instances | None = None
    _kind: Kind | None = None

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        executor: Callable[[Intent], Any] | str | None = None,
        name: str = "",
    ) -> None:
        """Make a scope; it is not current before it is entered."""
        if policy is not None:
            self.policy = checked_policy(policy)
        if executor is not None:
            self.executor = checked_executor(executor)
        self._name = name
        self._plain = policy is None and executor is None
        self._intents: list[Intent] = []
        self.phase: Phase = NEW
        self.parent: Scope | None = None
        self.origin: tuple[CodeType, int] | None = None
        self.place: Place | None = None
        self.in_block = False

    # What it is

    @property
    def name(self) -> str:
        """Its name: the one given, or the line that made it."""
        if not self._name:
            where = origin_text(*self.origin) if self.origin else hex(id(self))
            self._name = f"scope at {where}"
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def closed(self) -> bool:
        """Whether it takes no further intents."""
        return self.phase not in ACCEPTING

    @property
    def lock(self) -> threading.RLock:
        """Held by who settles one of several holds that it waits for, and by who sends again."""
        # Made when it is needed, which saves 110 ns where it is not; setdefault() lets one thread
        # win. An RLock, because a signal handler may settle one, too.
        made: threading.RLock | None = self.__dict__.get("_lock")
        return made or self.__dict__.setdefault("_lock", threading.RLock())

    @property
    def root(self) -> Scope:
        """The outermost scope around it, which has the authority; maybe itself."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def intents(self) -> tuple[Intent, ...]:
        """Every intent it has accepted, in order, those of the scopes inside it included."""
        return tuple(self._intents)

    def __len__(self) -> int:
        """How many intents it has accepted."""
        return len(self._intents)

    def __bool__(self) -> bool:
        """A scope is true, also an empty one."""
        return True

    def outcome(self, intent: Intent) -> Outcome | None:
        """Say how an intent of this scope ended, as seen from here; None while it is pending."""
        if not isinstance(self.captured, frozenset):  # made for those who ask
            self.captured = frozenset(map(id, self.captured))
        if id(intent) in self.captured:
            return Outcome(State.CAPTURED, by=self.parent.name if self.parent else "")
        return intent.outcome

    def plan(self) -> list[Planned]:
        """Say for each pending intent who would deny it or where it would go. Nothing leaves."""
        return plan(self, [intent for intent in self.intents if intent.outcome is None])

    def __repr__(self) -> str:
        """Show name, phase and size."""
        count = len(self._intents)
        return f"<airlock.{type(self).__name__} {self.name!r} {self.phase.value}, intents: {count}>"

    # For subclasses

    should_flush = should_flush

    def before_descendant_flushes(
        self, exiting_scope: Scope, intents: Sequence[Intent]
    ) -> Sequence[Intent]:
        """Return those intents of a scope inside this one that may leave now, past this scope.

        The default lets none through: the outermost scope has the authority. The policies around
        them still judge those that are let through.
        """
        return ()

    async def run_blocking(self, function: Callable[[], Any]) -> Any:
        """Run what may block, off the event loop; a framework puts its own thread here."""
        import asyncio

        return await asyncio.to_thread(function)

    def release_failed(self, error: DispatchError) -> None:
        """Answer a flush that failed when a hold was settled; the default raises there."""
        raise error

    # Entering

    def enter(self) -> Self:
        """Make it the current scope.

        Raises:
            ScopeStateError: it was entered before.
            PluginError: a required plugin is missing.
        """
        around = current_place()
        if around is NOWHERE:  # as it mostly is: two calls less
            self.open(None)
            self.place, self.around = self, around
        else:
            self.open(scope_of(around))
            self.place = place_of(self, around)
        set_place(self.place)
        return self

    def awaited(self) -> None:
        """Say before it is entered that its end will be awaited."""
        import asyncio

        self.is_async = True
        self.loop = asyncio.get_running_loop()

    def open(self, parent: Scope | None) -> None:
        """Let it accept intents, without making it current: for what is resumed, as generators."""
        if self.phase is not NEW:
            raise ScopeStateError(
                f"{self!r} was entered before. A scope serves once: make a new airlock.scope()."
            )
        if not manager.loaded:
            manager.load()
        plain = self._plain and parent is None and type(self) is Scope
        if plain and configuration.current.executor is None:
            self.inlet = self._intents
        else:
            prepare(self, parent)
        self.has_left = False
        self.plain_task = NO_TASK
        self.judgement: Frame | None = None
        self.may_end = True
        self.phase = OPEN

    def instance_of(self, policy: Policy) -> Policy:
        """Return the instance of a policy that counts for this scope."""
        judging = judging_of(current_place())
        if judging is not None and judging.instances is not None:
            instances = judging.instances
        elif self._instances is not None:
            instances = self._instances
        else:
            instances = self._instances = {}
        # By identity: a policy may compare as it likes. Kept, so that its id stays its own.
        key = (id(self), id(policy))
        if key not in instances:
            instances.setdefault(key, (policy, checked_policy(policy.for_scope(self))))
        return instances[key][1]

    def accept(self, intent: Intent, place: Place) -> None:
        """Take an intent in that is enqueued at `place`: ask whoever may refuse it, then record it.

        Raises:
            ScopeStateError: the scope has ended.
            Exception: whatever refuses it.
        """
        check = self.asks or configuration.current.strict or has_to_ask(intent.task, self)
        watchers = local_watchers(place) if isinstance(place, Frame) and place.policies else ()
        if check or watchers or self.watchers or _hooks.intent_created:
            if self.phase not in ACCEPTING:
                raise too_late(intent, self)
            admit(intent, self, place, watchers, check)
        record(intent, self)

    # Leaving

    def exit(self, error: BaseException | None = None) -> None:
        """End the scope: flush, discard, or hand its intents to the enclosing scope.

        Args:
            error: what its block raised.

        Raises:
            DispatchError: some intents did not leave, and the block raised nothing itself.
            ScopeStateError: it was never entered, or has ended.
        """
        leave(self, error, None)

    async def aexit(self, error: BaseException | None = None) -> None:
        """Do what `exit()` does, without blocking the event loop."""
        await aleave(self, error, None)

    def flush(self) -> None:
        """End the scope and let its intents leave, unless a plugin says otherwise.

        In a `with` block, nothing can be enqueued afterwards, and the block's end does no more.

        Raises:
            DispatchError: some intents did not leave.
            ScopeStateError: it was never entered, or has ended.
        """
        leave(self, None, FLUSH)

    async def aflush(self) -> None:
        """Do what `flush()` does, without blocking the event loop."""
        await aleave(self, None, FLUSH)

    def discard(self, reason: str = "") -> None:
        """End the scope and discard its intents.

        Args:
            reason: why, for the outcome of each intent.

        Raises:
            ScopeStateError: it was never entered, or has ended.
        """
        leave(self, None, DISCARD, reason)

    def __enter__(self) -> Self:
        """Enter."""
        self.in_block = True
        return self.enter()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the scope; an exception of the block is never replaced."""
        try:
            if self.phase is OPEN:
                self.exit(exc)
        finally:
            left_block(self)

    async def __aenter__(self) -> Self:
        """Enter; the flush will not block the event loop."""
        self.awaited()
        self.in_block = True
        return self.enter()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the scope; an exception of the block is never replaced."""
        try:
            if self.phase is OPEN:
                await self.aexit(exc)
        finally:
            left_block(self)

    def close(self, phase: Phase) -> None:
        """Take no further intents: see `airlock_core.admission.record()` for why in this order."""
        self.inlet = None
        self.phase = phase
        self._intents = [*self._intents]

    def since(self, position: int) -> list[Intent]:
        """Return the intents that it has accepted after the first `position`."""
        return self._intents[position:]

    def capture(self, intents: Sequence[Intent]) -> bool:
        """Take over the intents of a scope inside this one; False where it has just closed."""
        return take_over(self, intents)

    def answer(self, failure: DispatchError | None, error: BaseException | None) -> None:
        """Raise what the flush left undone, but never in place of the block's own error."""
        self.error = failure
        if failure is None:
            return
        if error is None:
            raise failure
        error.add_note(f"besides, {failure}: see scope.error")
        logger.error("after the block of %r failed, its flush failed too", self, exc_info=failure)

    def redispatch(self, intents: Sequence[Intent]) -> None:
        """Send those of the intents again that failed or were not tried; see `DispatchError.retry`.

        Raises:
            DispatchError: some of them failed again.
            ScopeStateError: the scope is flushing just now.
        """
        self.answer(Departure(self, []).again(intents), None)

    async def aredispatch(self, intents: Sequence[Intent]) -> None:
        """Do what `redispatch()` does, without blocking the event loop."""
        self.answer(await Departure(self, []).aagain(intents), None)
