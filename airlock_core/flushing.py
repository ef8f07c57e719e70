"""A flush: the intents of one scope on their way out, judged, grouped into runs and dispatched.

It takes steps, so that one and the same code serves `with` and `async with`: `step()` does
everything that may block, and stops before a run that must be awaited.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from airlock_core.choosing import standing_executor
from airlock_core.context import Judging, while_judging
from airlock_core.doors import Doors, is_judged
from airlock_core.errors import (
    AirlockError,
    DispatchError,
    ExecutorError,
    FlushLoopError,
    IntentError,
)
from airlock_core.executors import as_iterator, lost_outcome, needs_await, outcomes_of
from airlock_core.names import name_of
from airlock_core.outcomes import LEFT, ROLLED_BACK, Failure, Outcome, State
from airlock_core.plugins import manager

if TYPE_CHECKING:
    from airlock_core.departures import Departure
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope

logger = logging.getLogger("airlock")

Run = tuple[Callable[["Intent"], Any], list["Intent"]]
_NO_MORE = object()
_NO_RECEIPTS = (Failure, CoroutineType)


class Flush:
    """One departure of a scope's intents.

    Args:
        departure: the departure that it is a part of; it gives the intents.
        again: intents that were judged before and are to be sent once more.
    """

    __slots__ = (
        "_again",
        "_cleared",
        "_down",
        "_runs",
        "departure",
        "errors",
        "scope",
        "stepping",
        "stopping",
        "taken",
    )

    def __init__(self, departure: Departure, again: Sequence[Intent] = ()) -> None:
        """Begin; nothing happens before the first step."""
        self.departure = departure
        self.scope = departure.scope
        self.stopping = False
        self.stepping = False
        self.taken: list[Intent] = list(again)
        self.errors: list[Exception] = []
        self._again = again
        self._cleared: list[Intent] = list(again)
        self._down: list[tuple[Any, BaseException]] = []
        self._runs = self._all_runs()

    def step(self) -> Run | None:
        """Dispatch run after run, up to one that must be awaited.

        Returns:
            The run to await, or None where everything is done.
        """
        self.stepping = True
        try:
            while not self.stopping and (run := next(self._runs, None)) is not None:
                if needs_await(run[0]):
                    return run
                self.dispatch(run)
            return None
        finally:
            self.stepping = False

    def _all_runs(self) -> Iterator[Run]:
        """Yield the runs; what is enqueued meanwhile leaves in later rounds, in order."""
        if self._again:
            yield from self._runs_of(self._alive(self._again))
        doors: Doors | None = None
        rounds = made_meanwhile = 0
        while intents := self.departure.take():
            self.taken.extend(intents)
            rounds += 1
            made_meanwhile += len(intents) if rounds > 1 else 0
            if (
                rounds > self.scope.max_flush_rounds
                or made_meanwhile > self.scope.max_flush_intents
            ):
                raise FlushLoopError(
                    f"{self.scope!r} is still enqueueing after {rounds - 1} rounds and "
                    f"{made_meanwhile} further intents: {intents[0].name} (enqueued at "
                    f"{intents[0].origin}) seems to enqueue itself. Break the loop, or send the "
                    "task through a queue."
                )
            alive = self._alive(intents)
            if is_judged(alive):
                doors = doors or Doors(self.scope)
                yield from self._runs_of(self._allowed(doors, alive))
            else:
                self._cleared += alive
                yield from self._runs_of(alive)

    def _alive(self, intents: Sequence[Intent]) -> Sequence[Intent]:
        """Settle what was rolled back: it is gone before anything is judged."""
        if not [intent for intent in intents if intent.extras is not None]:
            return intents
        alive = []
        for intent in intents:
            if intent.holds and intent.rolled_back:
                intent.settle(ROLLED_BACK)
            else:
                alive.append(intent)
        return alive

    def _allowed(self, doors: Doors, intents: Sequence[Intent]) -> Sequence[Intent]:
        before = len(self._cleared)
        doors.judge(intents, self._judged)
        return self._cleared[before:]

    def _judged(self, intent: Intent, denial: Outcome | None) -> None:
        if denial is None:
            self._cleared.append(intent)
            return
        intent.settle(denial)
        if isinstance(denial.error, Exception):
            self.report(denial.error)

    def _runs_of(self, intents: Sequence[Intent]) -> Iterator[Run]:
        """Group neighbours with the same executor; the order stays that of the enqueues."""
        executor: Any = None
        run: list[Intent] = []
        scope: Scope | None = None
        for intent in intents:
            if intent.scope is scope:
                run.append(intent)
                continue
            chosen = standing_executor(manager.hooks, intent)
            scope = None if chosen is None else intent.scope
            if chosen is None:
                try:
                    chosen = self._chosen(intent)
                except Exception as error:
                    self._fail(intent, error)
                    continue
            if run and (chosen is executor or chosen == executor):
                run.append(intent)
                continue
            if run:
                yield executor, run
            executor, run = chosen, [intent]
        if run:
            yield executor, run

    def _chosen(self, intent: Intent) -> Any:
        if not manager.hooks.dispatch:
            return manager.choose(intent, self.scope)
        judging = Judging("an executor is chosen")
        return while_judging(self.scope, judging, manager.choose, intent, self.scope)

    def dispatch(self, run: Run) -> None:
        """Hand one run to its executor and record the outcomes."""
        executor, intents = run
        if self._skipped(executor, intents):
            return
        started = False
        try:
            if not hasattr(executor, "dispatch_many"):
                started = True
                self._call_with_each(executor, intents)
                return
            outcomes = as_iterator(executor, outcomes_of(executor, intents))
            started = True
            self._record_each(executor, intents, outcomes)
            next(outcomes, None)  # a generator may have something to do after its last outcome
        except Exception as error:
            self._broke(executor, intents, error)
        except BaseException as error:
            self._interrupted(executor, intents, error, started)
            raise

    async def adispatch(self, run: Run) -> None:
        """Do what `dispatch()` does with a run that must be awaited."""
        executor, intents = run
        if self._skipped(executor, intents):
            return
        one_by_one = False
        try:
            answer = outcomes_of(executor, intents)
            if not hasattr(answer, "__aiter__"):
                if hasattr(answer, "__await__"):
                    answer = await answer
                self._record_each(executor, intents, as_iterator(executor, answer))
                return
            one_by_one = True
            arriving = aiter(answer)
            for position, intent in enumerate(intents):
                outcome = await anext(arriving, _NO_MORE)
                if outcome is _NO_MORE:
                    self._lost(executor, intents[position:])
                    return
                self._record(intent, outcome)
            await anext(arriving, None)  # it may have something to do after its last outcome
        except Exception as error:
            self._broke(executor, intents, error)
        except BaseException as error:
            self._interrupted(executor, intents, error, one_by_one)
            raise

    def _call_with_each(self, executor: Callable[[Intent], Any], intents: Sequence[Intent]) -> None:
        try:
            for intent in intents:
                receipt = executor(intent)
                if receipt is None:  # 200 ns less than an outcome of its own
                    intent.outcome = LEFT
                    intent._context = None
                else:
                    self._record(intent, receipt)
        except StopIteration as error:  # to a generator that came across it, it would be the end
            raise ExecutorError(
                f"{name_of(executor)} let a StopIteration escape. Catch it in the executor."
            ) from error

    def _record_each(
        self, executor: Any, intents: Sequence[Intent], outcomes: Iterator[Any]
    ) -> None:
        remaining = iter(intents)
        for intent in remaining:
            outcome = next(outcomes, _NO_MORE)
            if outcome is _NO_MORE:
                self._lost(executor, [intent, *remaining])
            elif isinstance(outcome, _NO_RECEIPTS):
                self._record(intent, outcome)
            else:
                intent.dispatched(outcome)

    def refuse(self, run: Run) -> None:
        """Fail a run that would have to be awaited where nobody can."""
        executor, intents = run
        for intent in intents:
            self._fail(
                intent,
                IntentError(
                    f"{name_of(executor)} must be awaited, and {self.scope!r} was left without "
                    "await. Use `async with airlock.scope()`, and `await error.aretry()`."
                ),
            )

    def _skipped(self, executor: Any, intents: Sequence[Intent]) -> bool:
        """Settle a run whose executor has failed before: a broker is not tried once per intent."""
        for down, error in self._down:
            if down == executor:
                for intent in intents:
                    intent.settle(Outcome(State.UNDELIVERED, error=error))
                return True
        return False

    def _record(self, intent: Intent, outcome: Any) -> None:
        if isinstance(outcome, CoroutineType):
            outcome.close()
            outcome = Failure(
                IntentError(
                    f"the executor of {intent.name} returned a coroutine, and nobody would await "
                    "it. Make the executor an `async def`, for `async with airlock.scope()`."
                )
            )
        if not isinstance(outcome, Failure):
            intent.dispatched(outcome)
        elif outcome.uncertain:
            self._note(outcome.error, intent)
            intent.settle(Outcome(State.UNCERTAIN, error=outcome.error))
        else:
            self._fail(intent, outcome.error)

    def _fail(self, intent: Intent, error: Exception) -> None:
        self._note(error, intent)
        intent.settle(Outcome(State.FAILED, error=error))

    def _note(self, error: Exception, intent: Intent) -> None:
        if self.report(error):
            error.add_note(f"while dispatching {intent!r}, enqueued at {intent.origin}")

    def report(self, error: Exception) -> bool:
        """Have an error raised after the flush; return False where it is known already."""
        # Thousands of intents may fail with one error, or with thousands: the last is enough.
        if self.errors and self.errors[-1] is error:
            return False
        self.errors.append(error)
        return True

    def _broke(self, executor: Any, intents: Sequence[Intent], error: Exception) -> None:
        """The executor raised: the first intent without an outcome failed, the rest is untried."""
        self._down.append((executor, error))
        waiting = [intent for intent in intents if intent.outcome is None]
        if not waiting:
            self.report(error)
            return
        self._fail(waiting[0], error)
        for intent in waiting[1:]:
            intent.settle(Outcome(State.UNDELIVERED, error=error))

    def _lost(self, executor: Any, intents: Sequence[Intent]) -> None:
        if intents:
            error = lost_outcome(executor)
            self._down.append((executor, error))
            for intent in intents:
                self._record(intent, Failure(error, uncertain=True))

    def _interrupted(
        self, executor: Any, intents: Sequence[Intent], error: BaseException, one_by_one: bool
    ) -> None:
        """The process is being stopped: what was on its way is uncertain, the rest is not tried."""
        whole = not one_by_one or getattr(executor, "supports_many", False)
        waiting = [intent for intent in intents if intent.outcome is None]
        for intent in waiting if whole else waiting[:1]:
            intent.settle(Outcome(State.UNCERTAIN, error=error))

    def abandon(self, error: BaseException) -> None:
        """Give every intent without an end one: it was never tried. None is lost in silence."""
        cleared = set(map(id, self._cleared))
        self.taken = self.departure.take_all()
        for intent in self.taken:
            if intent.outcome is None:
                judged = id(intent) in cleared
                intent.settle(Outcome(State.UNDELIVERED, error=error, judged=judged))
        if isinstance(error, Exception):
            self.report(error)


def dispatch_error(
    scope: Scope,
    intents: Sequence[Intent],
    errors: Sequence[Exception],
    interrupted: BaseException | None = None,
) -> DispatchError | None:
    """Sum up what did not leave, or return None where everything went as it should."""
    if not errors and interrupted is None:
        return None
    by_state: dict[State, list[Intent]] = {state: [] for state in State}
    for intent in intents:
        by_state[intent.state].append(intent)
    failed, uncertain = by_state[State.FAILED], by_state[State.UNCERTAIN]
    undelivered = by_state[State.UNDELIVERED]
    if not errors and (failed or uncertain or undelivered):
        errors = [AirlockError(f"the flush was interrupted by {interrupted!r}")]
    if not errors:
        return None
    denied = [i for i in by_state[State.DENIED] if i.outcome is not None and i.outcome.error]
    return DispatchError(
        _summary(scope, failed, undelivered, uncertain, denied),
        list({id(error): error for error in errors}.values()),
        scope=scope,
        dispatched=by_state[State.DISPATCHED],
        denied=denied,
        failed=failed,
        undelivered=undelivered,
        uncertain=uncertain,
    )


def _summary(
    scope: Scope,
    failed: Sequence[Intent],
    undelivered: Sequence[Intent],
    uncertain: Sequence[Intent],
    denied: Sequence[Intent],
) -> str:
    parts = []
    for intents, what in (
        (failed, "failed"),
        (undelivered, "not tried, because the executor was down or the flush stopped"),
        (uncertain, "uncertain: they may have left"),
        (denied, "denied by a policy that raised"),
    ):
        if intents:
            names = ", ".join(dict.fromkeys(intent.name for intent in intents[:5]))
            more = ", ..." if len(intents) > 5 else ""
            parts.append(f"{len(intents)} {what} ({names}{more})")
    remedy = "; retry() sends the failed and the untried" if failed or undelivered else ""
    return f"{scope.name}: {'; '.join(parts) or 'the flush failed'}{remedy}"
