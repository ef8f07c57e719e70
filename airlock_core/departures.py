"""A departure: the outermost scope's intents wait for their holds, and then leave as one batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airlock_core.context import Frame, here, pop, push
from airlock_core.errors import DispatchError, ScopeStateError
from airlock_core.executors import joins
from airlock_core.flushing import Flush, Run, logger
from airlock_core.outcomes import Phase, State
from airlock_core.plugins import manager

if TYPE_CHECKING:
    from airlock_core.intents import Hold, Intent
    from airlock_core.scopes import Scope


class Departure:
    """What a scope has to send, and how far it has come.

    Args:
        scope: the scope that has ended.
        outgoing: its intents, without those that an enclosing scope has taken.
    """

    def __init__(self, scope: Scope, outgoing: list[Intent]) -> None:
        """Begin; nothing leaves before `leave()`."""
        self.scope = scope
        self._outgoing = outgoing
        self._later: list[Intent] = []
        self._taken = len(scope)
        self._awaited = 0

    def leave(self) -> DispatchError | None:
        """Send everything that has nothing to wait for; what has is sent when it is released.

        Returns:
            What did not leave, or None.
        """
        error = None
        while self._ready():
            error = self._flush(Flush(self)) or error
        return error

    async def aleave(self) -> DispatchError | None:
        """Do what `leave()` does, without blocking the event loop."""
        error = None
        while self._ready():
            error = await self._aflush(Flush(self)) or error
        return error

    def again(self, intents: Iterable[Intent]) -> DispatchError | None:
        """Send intents once more that failed or were not tried."""
        return self._flush(Flush(self, self._reopened(intents))) or self.leave()

    async def aagain(self, intents: Iterable[Intent]) -> DispatchError | None:
        """Do what `again()` does, without blocking the event loop."""
        return await self._aflush(Flush(self, self._reopened(intents))) or await self.aleave()

    def _reopened(self, intents: Iterable[Intent]) -> list[Intent]:
        with self.scope.lock:
            if self.scope.phase is not Phase.FLUSHED:
                raise ScopeStateError(f"{self.scope!r} is on its way. Retry when it is flushed.")
            self.scope.phase = Phase.FLUSHING
            chosen = [i for i in intents if i.state in (State.FAILED, State.UNDELIVERED)]
            for intent in chosen:
                intent.outcome = None
        return chosen

    # Waiting

    def _ready(self) -> bool:
        """Return whether there is something to send now; otherwise the last hold releases it."""
        if self._later:
            self._outgoing, self._later = self._later, []
        if not self._outgoing:
            return False
        waiting = [intent for intent in self._outgoing if intent.held]
        if waiting:
            joined = {id(intent) for intent in waiting if self._joins(intent)}
            if joined:
                # They are rows of the transactions that they wait for: sent inside, now.
                self._later = [i for i in self._outgoing if id(i) not in joined]
                self._outgoing = [i for i in self._outgoing if id(i) in joined]
                waiting = []
        holds = {hold for intent in waiting for hold in intent.holds if hold.pending}
        if holds:
            return self._await(holds)
        self.scope.phase = Phase.FLUSHING
        return True

    def _joins(self, intent: Intent) -> bool:
        try:
            return joins(manager.choose(intent, self.scope), intent)
        except Exception:  # a broken plugin is reported by the flush, not here
            return False

    def _await(self, holds: set[Hold]) -> bool:
        with self.scope.lock:
            self.scope.phase = Phase.WAITING
            self._awaited = 1  # ours: nothing is released before every hold was asked
        for hold in holds:
            with self.scope.lock:
                self._awaited += 1
            if not hold.when_settled(self._released):
                with self.scope.lock:
                    self._awaited -= 1
        return self._last_hold()

    def _last_hold(self) -> bool:
        with self.scope.lock:
            self._awaited -= 1
            if self._awaited:
                return False
            self.scope.phase = Phase.FLUSHING
            return True

    def _released(self) -> None:
        """Called by each hold that is settled; the last one sends the intents, in its thread."""
        if not self._last_hold():
            return
        error = self._flush(Flush(self))
        error = self.leave() or error
        self.scope.error = error
        if error is not None:
            self.scope.release_failed(error)

    # Flushing

    def take(self) -> list[Intent]:
        """Give the flush what there is to send; an empty list closes the scope and ends the flush.

        Intents that were made meanwhile and wait for a hold of their own leave later.
        """
        with self.scope.lock:
            ready, self._outgoing = self._outgoing, []
            for intent in self.scope.since(self._taken):
                (self._later if intent.held else ready).append(intent)
            self._taken = len(self.scope)
            if not ready:
                self.scope.phase = Phase.FLUSHED
            return ready

    def take_all(self) -> list[Intent]:
        """Give an interrupted flush everything that is left, and close."""
        with self.scope.lock:
            left = [*self._outgoing, *self.scope.since(self._taken), *self._later]
            self._outgoing, self._later, self._taken = [], [], len(self.scope)
            self.scope.phase = Phase.FLUSHED
            return left

    def _flush(self, flush: Flush) -> DispatchError | None:
        frame = Frame(self.scope, (), None, here.get())
        push(frame)
        try:
            while (run := flush.step()) is not None:
                self._outside(flush, run)
        except Exception as error:
            flush.abandon(error)
        except BaseException as error:
            self._interrupted(flush, error)
            raise
        finally:
            pop(frame)
        return flush.error()

    def _outside(self, flush: Flush, run: Run) -> None:
        """Meet a run that must be awaited in a flush that nobody awaits."""
        loop = self.scope.loop
        if loop is None or not loop.is_running():
            flush.refuse(run)
            return
        # A hold was settled in some thread after the `async with` block had ended: the run goes
        # back to the block's event loop. Waiting for it here could wait for ourselves.
        import asyncio

        executor, intents = run

        async def leave() -> None:
            again = Flush(self, intents)
            await again.adispatch((executor, intents))
            if (error := again.error()) is not None:
                self.scope.error = error
                logger.error("%r could not send after it was released", self.scope, exc_info=error)

        asyncio.run_coroutine_threadsafe(leave(), loop)

    async def _aflush(self, flush: Flush) -> DispatchError | None:
        frame = Frame(self.scope, (), None, here.get())
        push(frame)
        try:
            while (run := await self._step_off_loop(flush)) is not None:
                await flush.adispatch(run)
        except Exception as error:
            flush.abandon(error)
        except BaseException as error:
            self._interrupted(flush, error)
            raise
        finally:
            pop(frame)
        return flush.error()

    async def _step_off_loop(self, flush: Flush) -> Run | None:
        """Take a step where blocking hurts nobody; a cancellation waits for the run on its way."""
        import asyncio

        step = asyncio.ensure_future(self.scope.run_blocking(flush.step))
        cancelled: asyncio.CancelledError | None = None
        while not step.done():
            try:
                await asyncio.wait((step,))
            except asyncio.CancelledError as error:
                flush.stopping = True
                cancelled = error
        if cancelled is not None:
            step.exception()  # retrieved, so that asyncio does not warn; the cancellation goes first
            raise cancelled
        result: Any = step.result()
        return result  # type: ignore[no-any-return]

    def _interrupted(self, flush: Flush, error: BaseException) -> None:
        flush.abandon(error)
        self.scope.error = flush.error(error)
        if self.scope.error is not None:
            error.add_note(f"{self.scope.error}: see scope.error")
            logger.error("the flush of %r was interrupted: %s", self.scope, self.scope.error)

