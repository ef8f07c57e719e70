"""A departure: the outermost scope's intents wait for their holds, and then leave as one batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from airlock_core.context import Frame, here
from airlock_core.errors import DispatchError, ScopeStateError
from airlock_core.executors import joins
from airlock_core.flushing import Flush, Run, dispatch_error, logger
from airlock_core.observing import is_watched, settled
from airlock_core.outcomes import FLUSHED, FLUSHING, WAITING, State
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

    __slots__ = (
        "_all",
        "_awaited",
        "_elsewhere",
        "_flushes",
        "_later",
        "_outgoing",
        "_start",
        "_taken",
        "scope",
    )

    def __init__(self, scope: Scope, outgoing: list[Intent]) -> None:
        """Begin; nothing leaves before `leave()`."""
        self.scope = scope
        self._all: Sequence[Intent] = outgoing
        self._outgoing = outgoing
        self._later: list[Intent] = []
        self._start = self._taken = len(scope._intents)
        self._awaited = 0
        self._flushes: list[Flush] = []
        self._elsewhere: object = None

    def leave(self) -> DispatchError | None:
        """Send everything that has nothing to wait for; what has is sent when it is released.

        Returns:
            What did not leave, or None.
        """
        try:
            while self._ready():
                if not self._flush(Flush(self)):
                    return None
        except BaseException as error:
            self._interrupted(error)
            raise
        return self._summed_up()

    async def aleave(self) -> DispatchError | None:
        """Do what `leave()` does, without blocking the event loop."""
        try:
            while self._ready():
                await self._aflush(Flush(self))
        except BaseException as error:
            self._interrupted(error)
            raise
        return self._summed_up()

    def again(self, intents: Iterable[Intent]) -> DispatchError | None:
        """Send intents once more that failed or were not tried."""
        try:
            if not self._flush(Flush(self, self._reopened(intents))):
                return None
        except ScopeStateError:
            raise
        except BaseException as error:
            self._interrupted(error)
            raise
        return self.leave()

    async def aagain(self, intents: Iterable[Intent]) -> DispatchError | None:
        """Do what `again()` does, without blocking the event loop."""
        try:
            await self._aflush(Flush(self, self._reopened(intents)))
        except ScopeStateError:
            raise
        except BaseException as error:
            self._interrupted(error)
            raise
        return await self.aleave()

    def _reopened(self, intents: Iterable[Intent]) -> list[Intent]:
        """Take back what has not left, in its order; return what need not be judged again."""
        wanted = set(map(id, intents))
        with self.scope.lock:
            if self.scope.phase is not FLUSHED:
                raise ScopeStateError(f"{self.scope!r} is on its way. Retry when it is flushed.")
            self._all = [
                intent
                for intent in self.scope.intents
                if id(intent) in wanted and intent.state in (State.FAILED, State.UNDELIVERED)
            ]
            self.scope.phase = FLUSHING
            judged = []
            for intent in self._all:
                known = intent.outcome is not None and intent.outcome.judged
                # A row that was refused in a transaction that is still open is a part of it here,
                # or it waits for the end of it.
                if known and (not intent.held or self._joins(intent)):
                    judged.append(intent)
                else:
                    self._later.append(intent)
                intent.outcome = None
        return judged

    # Waiting

    def _ready(self) -> bool:
        """Return whether there is something to send now; otherwise the last hold releases it."""
        if self._later:
            self._outgoing, self._later = self._later, []
        if not self._outgoing:
            return False
        waiting = [intent for intent in self._outgoing if intent.extras is not None and intent.held]
        if waiting:
            joined = {id(intent) for intent in waiting if self._joins(intent)}
            if joined:
                # They are rows of the transactions that they wait for: sent inside, now.
                self._later = [i for i in self._outgoing if id(i) not in joined]
                self._outgoing = [i for i in self._outgoing if id(i) in joined]
                waiting = []
        if waiting:
            holds = {hold for intent in waiting for hold in intent.holds if hold.pending}
            if holds:
                return self._await(holds)
        self.scope.phase = FLUSHING
        return True

    def _joins(self, intent: Intent) -> bool:
        try:
            return joins(manager.choose(intent, self.scope), intent)
        except Exception:  # a broken plugin is reported by the flush, not here
            return False

    def _await(self, holds: set[Hold]) -> bool:
        with self.scope.lock:
            self.scope.phase = WAITING
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
            self.scope.phase = FLUSHING
            return True

    def _released(self) -> None:
        """Called by each hold that is settled; the last one sends the intents, in its thread."""
        if not self._last_hold():
            return
        if self._on_own_loop():
            self._continue_on_loop(None, None)  # a blocking executor must not block it
            return
        self._answer(self.leave())

    def _answer(self, error: DispatchError | None) -> None:
        self.scope.error = error
        if error is not None:
            self.scope.release_failed(error)

    def _on_own_loop(self) -> bool:
        if self.scope.loop is None:
            return False
        import asyncio

        try:
            return asyncio.get_running_loop() is self.scope.loop
        except RuntimeError:
            return False

    # Flushing

    def take(self) -> list[Intent]:
        """Give the flush what there is to send; an empty list closes the scope and ends the flush.

        Intents that were made meanwhile and wait for a hold of their own leave later.
        """
        if self._outgoing:  # what is made meanwhile has its turn after it
            ready, self._outgoing = self._outgoing, []
            return ready
        ready = []
        if len(self.scope._intents) > self._taken:
            self._sort_in(ready)
        if not ready:
            # What a thread, a signal handler or a finalizer enqueued just before leaves, too.
            self.scope.close(FLUSHED)
            if len(self.scope._intents) > self._taken:
                self._sort_in(ready)
            if ready:
                self.scope.phase = FLUSHING
        return ready

    def _sort_in(self, ready: list[Intent]) -> None:
        made = self.scope.since(self._taken)
        self._taken += len(made)
        for intent in made:
            (self._later if intent.held else ready).append(intent)

    def take_all(self) -> list[Intent]:
        """Close, and give a flush that has to stop everything that this departure had to send."""
        self.scope.close(FLUSHED)
        with self.scope.lock:
            self._awaited = 0  # a hold that is settled from now on releases nothing
        self._outgoing, self._later = [], []
        self._taken = len(self.scope)
        return [*self._all, *self.scope.since(self._start)]

    def _flush(self, flush: Flush) -> bool:
        """Take every step of a flush; return False where the event loop takes the rest."""
        self._flushes.append(flush)
        before = here.get()
        try:
            if before is not self.scope:
                here.set(Frame(self.scope, (), None, before))
            while (run := flush.step()) is not None:
                if self._continue_on_loop(flush, run):
                    return False
                flush.refuse(run)
        except Exception as error:
            flush.abandon(error)
        finally:
            if here.get() is not before:
                here.set(before)
        return True

    async def _aflush(self, flush: Flush, run: Run | None = None) -> None:
        """Take every step of a flush, the first run of which may be on its way already."""
        if flush not in self._flushes:
            self._flushes.append(flush)
        before = here.get()
        try:
            here.set(Frame(self.scope, (), None, before))
            if run is not None:
                await flush.adispatch(run)
            while (run := await self._step_off_loop(flush)) is not None:
                await flush.adispatch(run)
        except Exception as error:
            flush.abandon(error)
        finally:
            here.set(before)

    async def _step_off_loop(self, flush: Flush) -> Run | None:
        """Take a step where blocking hurts nobody; a cancellation waits for the run on its way."""
        import asyncio

        step = asyncio.ensure_future(self.scope.run_blocking(flush.step))
        cancelled: asyncio.CancelledError | None = None
        while not step.done() or flush.stepping:
            try:
                if not step.done():
                    await asyncio.wait((step,))
                else:  # the loop is closing; the step is cancelled, and its thread still takes it
                    flush.stopping = True
                    await asyncio.sleep(0.01)
            except asyncio.CancelledError as error:
                flush.stopping = True
                cancelled = error
        if cancelled is not None:
            problem = None if step.cancelled() else step.exception()
            if isinstance(problem, Exception):
                flush.report(problem)
            raise cancelled
        run: Run | None = step.result()
        return run

    def _continue_on_loop(self, flush: Flush | None, run: Run | None) -> bool:
        """Give the rest to the event loop of the `async with` block; return False where it is gone.

        For a hold that is settled when the block has ended. Waiting for the loop here could be
        waiting for ourselves.
        """
        loop = self.scope.loop
        if loop is None or not loop.is_running():
            return False
        import asyncio

        async def rest() -> None:
            try:
                if flush is not None:
                    await self._aflush(flush, run)
                self._answer(await self.aleave())
            except DispatchError as error:  # nobody is there to catch it
                logger.error("%r could not send after it was released", self.scope, exc_info=error)

        self._elsewhere = asyncio.run_coroutine_threadsafe(rest(), loop)
        return True

    # Summing up

    def _summed_up(self, interruption: BaseException | None = None) -> DispatchError | None:
        flushes, self._flushes = self._flushes, []
        failed = interruption is not None or [flush for flush in flushes if flush.errors]
        if not failed and not is_watched():
            return None
        intents = {id(intent): intent for flush in flushes for intent in flush.taken}
        errors = [error for flush in flushes for error in flush.errors]
        settled(self.scope, list(intents.values()))
        return dispatch_error(self.scope, list(intents.values()), errors, interruption)

    def _interrupted(self, error: BaseException) -> None:
        """Settle what has no end yet, when the process is being stopped."""
        flush = self._flushes[-1] if self._flushes else Flush(self)
        flush.abandon(error)
        self._flushes = [*self._flushes[:-1], flush]
        self.scope.error = self._summed_up(error)
        if self.scope.error is not None:
            error.add_note(f"{self.scope.error}: see scope.error")
            logger.error("the flush of %r was interrupted: %s", self.scope, self.scope.error)
