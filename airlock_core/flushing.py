"""A flush: the intents of one scope on their way out, judged, grouped into runs and dispatched.

It takes steps, so that one and the same code serves `with` and `async with`: `step()` does
everything that may block, and stops before a run that must be awaited.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airlock_core.doors import Doors
from airlock_core.errors import AirlockError, DispatchError, FlushLoopError, IntentError
from airlock_core.executors import lost_outcome, needs_await, outcomes_of
from airlock_core.names import name_of
from airlock_core.outcomes import ROLLED_BACK, Failure, Outcome, State
from airlock_core.plugins import manager

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.departures import Departure
    from airlock_core.scopes import Scope

logger = logging.getLogger("airlock")

Run = tuple[Callable[["Intent"], Any], list["Intent"]]
_NO_MORE = object()


class Flush:
    """One departure of a scope's intents.

    Args:
        departure: the departure that it is a part of; it gives the intents.
        again: intents that were judged before and are to be sent once more.
    """

    def __init__(self, departure: Departure, again: Sequence[Intent] = ()) -> None:
        """Begin; nothing happens before the first step."""
        self.departure = departure
        self.scope = departure.scope
        self.stopping = False
        self._again = list(again)
        self._taken: list[Intent] = list(again)
        self._down: list[tuple[Any, BaseException]] = []
        self._errors: list[Exception] = []
        self._runs = self._all_runs()

    def step(self) -> Run | None:
        """Dispatch run after run, up to one that must be awaited.

        Returns:
            The run to await, or None where everything is done.
        """
        for run in self._runs:
            if self.stopping:
                break
            if needs_await(run[0]):
                return run
            self.dispatch(run)
        return None

    def _all_runs(self) -> Iterator[Run]:
        """Yield the runs; what is enqueued meanwhile leaves in later rounds, in order."""
        if self._again:
            yield from self._runs_of(self._again)
        doors = Doors(self.scope)
        rounds = made_meanwhile = 0
        while intents := self.departure.take():
            self._taken.extend(intents)
            rounds += 1
            made_meanwhile += len(intents) if rounds > 1 else 0
            if rounds > self.scope.max_flush_rounds or made_meanwhile > self.scope.max_flush_intents:
                raise FlushLoopError(
                    f"{self.scope!r} is still enqueueing after {rounds - 1} rounds and "
                    f"{made_meanwhile} further intents: {intents[0].name} (enqueued at "
                    f"{intents[0].origin}) seems to enqueue itself. Break the loop, or send the "
                    "task through a queue."
                )
            yield from self._runs_of(self._allowed(doors, intents))

    def _allowed(self, doors: Doors, intents: Sequence[Intent]) -> list[Intent]:
        # What was rolled back is gone before anything is judged.
        alive = []
        for intent in intents:
            if intent.holds and intent.rolled_back:
                intent.settle(ROLLED_BACK)
            else:
                alive.append(intent)
        allowed = []
        for intent, denial in doors.judge(alive):
            if denial is None:
                allowed.append(intent)
                continue
            intent.settle(denial)
            if isinstance(denial.error, Exception):
                self._errors.append(denial.error)
        return allowed

    def _runs_of(self, intents: Sequence[Intent]) -> Iterator[Run]:
        """Group neighbours with the same executor; the order stays that of the enqueues."""
        executor: Any = None
        run: list[Intent] = []
        for intent in intents:
            try:
                chosen = manager.choose(intent, self.scope)
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

    def dispatch(self, run: Run) -> None:
        """Hand one run to its executor and record the outcomes."""
        executor, intents = run
        if self._skipped(executor, intents):
            return
        remaining = iter(intents)
        started = False
        try:
            outcomes = iter(outcomes_of(executor, intents))
            started = True
            for intent in remaining:
                outcome = next(outcomes, _NO_MORE)
                if outcome is _NO_MORE:
                    self._lost(executor, [intent, *remaining])
                elif type(outcome) is Failure:
                    self._record(intent, outcome)
                else:
                    intent.dispatched(outcome)
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
        try:
            many = getattr(executor, "dispatch_many", None)
            if many is not None:
                outcomes = list(await many(intents))
                for intent, outcome in zip(intents, outcomes, strict=False):
                    self._record(intent, outcome)
                self._lost(executor, intents[len(outcomes) :])
            else:
                for intent in intents:
                    self._record(intent, await executor(intent))
        except Exception as error:
            self._broke(executor, intents, error)
        except BaseException as error:
            self._interrupted(executor, intents, error, many is None)
            raise

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
        if not any(known is error for known in self._errors):
            error.add_note(f"while dispatching {intent!r}, enqueued at {intent.origin}")
            self._errors.append(error)

    def _broke(self, executor: Any, intents: Sequence[Intent], error: Exception) -> None:
        """The executor raised: the first intent without an outcome failed, the rest were not tried."""
        self._down.append((executor, error))
        waiting = [intent for intent in intents if intent.outcome is None]
        if not waiting:
            self._errors.append(error)
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
        """Give every intent that has no end yet one: it was never tried. Nothing is lost in silence."""
        left = [*self._taken, *self.departure.take_all()]
        for intent in left:
            if intent.outcome is None:
                intent.settle(Outcome(State.UNDELIVERED, error=error))
        if isinstance(error, Exception):
            self._errors.append(error)
        self._taken = left

    def error(self, interrupted: BaseException | None = None) -> DispatchError | None:
        """Sum up what did not leave, or return None where everything went as it should."""
        by_state: dict[State, list[Intent]] = {state: [] for state in State}
        for intent in self._taken:
            by_state[intent.state].append(intent)
        failed, uncertain = by_state[State.FAILED], by_state[State.UNCERTAIN]
        undelivered = by_state[State.UNDELIVERED]
        errors = self._errors
        if interrupted is not None and not errors and (failed or uncertain or undelivered):
            errors = [AirlockError(f"the flush was interrupted by {interrupted!r}")]
        if not errors:
            return None
        denied = [intent for intent in by_state[State.DENIED] if intent.outcome and intent.outcome.error]
        return DispatchError(
            _summary(self.scope, failed, undelivered, uncertain, denied),
            errors,
            scope=self.scope,
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
