"""Reports: what a scope's intents are, who judged them, and what became of each.

Made when somebody asks, of plain values: for templates, logs and the panel of the debug toolbar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from airlock import Executor, ExecutorWrapper, Intent, Outcome, Scope, State
from airlock_core.doors import Planned, executor_name, plan
from airlock_core.executors import runs_inline
from airlock_core.plugins import manager
from airlock_django.recordings import Recording, recording_of
from airlock_django.rendering import arguments_text, error_text, options_text, receipt_text
from airlock_django.verdicts import Verdict, verdicts_on

T = TypeVar("T")

_CHOSEN = (State.DISPATCHED, State.FAILED, State.UNDELIVERED, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class IntentReport:
    """What there is to say about an intent.

    Attributes:
        task: its name.
        arguments: by type alone, or in full where `AIRLOCK["REPORT_ARGUMENTS"]` and `DEBUG` are on.
        options: the dispatch options, such as `queue='emails'`.
        origin: the line that enqueued it.
        scope: the name of the scope that it was enqueued in.
        nested: whether that is a scope inside the one reported on.
        state: where it stands, such as "pending", "dispatched" or "denied".
        expected: of one that is pending, what would become of it now; else the same as `state`.
        by, reason: who kept it back, and why.
        error: the class of the exception, where it did not leave.
        held: whether it is waiting for a transaction.
        verdicts: what each policy and plugin says, in the order in which they are asked.
        executor: what carried it or would, as its plugin is named.
        id: the id in its queue, where it has one.
        receipt: the kind of what the queue returned.
        waited: milliseconds from the `enqueue` to its batch; None where nobody records.
        took: milliseconds that its batch took; None where nobody records.
        batch: how many intents left in its batch; None where nobody records.
    """

    task: str
    arguments: str
    options: str
    origin: str
    scope: str
    nested: bool
    state: str
    expected: str
    by: str
    reason: str
    error: str
    held: bool
    verdicts: tuple[Verdict, ...]
    executor: str
    id: str
    receipt: str
    waited: float | None
    took: float | None
    batch: int | None

    def __str__(self) -> str:
        """One line for people."""
        words = [f"{self.task}({self.arguments}): {self.state}"]
        if self.expected != self.state:
            words = [f"{words[0]}, would be {self.expected}"]
        if self.executor:
            words.append(f"through {self.executor}")
        if self.held:
            words.append("after the commit")
        if self.by:
            words.append(f"by {self.by}")
        text, because = " ".join(words), self.reason or self.error
        return f"{text}: {because}" if because else text


def report_of(scope: Scope, *, judge: bool = True) -> list[IntentReport]:
    """Report on the intents of a scope.

    Args:
        scope: the scope.
        judge: whether the policies are asked, in a dry run, about what is pending.

    Returns:
        A report per intent, in order. Where `record()` was called, those of scopes inside it that
        were discarded are among them.
    """
    recording = recording_of(scope)
    if recording is not None and scope.parent is None:
        intents = _accepted(recording.intents)
    else:
        intents = list(scope.intents)
    pending = [intent for intent in intents if scope.outcome(intent) is None]
    planned = {id(entry.intent): entry for entry in plan(scope, pending)} if judge else {}
    return [_report(scope, intent, planned.get(id(intent)), recording) for intent in intents]


def _accepted(intents: Iterable[Intent]) -> list[Intent]:
    """Leave out what a plugin refused after it was recorded: it raised at the `enqueue`."""
    scopes = {id(intent.scope): intent.scope for intent in intents}
    accepted = {id(intent) for scope in scopes.values() for intent in scope.intents}
    return [intent for intent in intents if id(intent) in accepted]


def _report(
    scope: Scope, intent: Intent, planned: Planned | None, recording: Recording | None
) -> IntentReport:
    state = scope.outcome(intent)
    outcome = planned.outcome if planned is not None else state
    executor = _executor(scope, intent, state, planned, recording)
    batch = recording.batch(intent) if recording is not None else None
    now = State.PENDING if state is None else state.state
    then = now if planned is None else outcome.state if outcome is not None else State.DISPATCHED
    return IntentReport(
        task=intent.name,
        arguments=arguments_text(intent),
        options=options_text(intent.dispatch_options),
        origin=intent.origin,
        scope=intent.scope.name,
        nested=intent.scope is not scope,
        state=now.value,
        expected=then.value,
        by=outcome.by if outcome is not None else "",
        reason=outcome.reason if outcome is not None else "",
        error=error_text(outcome.error if outcome is not None else None),
        held=state is None and intent.held,
        verdicts=verdicts_on(intent, outcome, judged=state is not None or planned is not None),
        executor=executor_name(executor) if executor is not None else "",
        id=_id(intent, executor),
        receipt=receipt_text(intent.receipt),
        waited=recording.waited(intent) if recording is not None else None,
        took=batch.milliseconds if batch is not None else None,
        batch=batch.size if batch is not None else None,
    )


def _executor(
    scope: Scope,
    intent: Intent,
    outcome: Outcome | None,
    planned: Planned | None,
    recording: Recording | None,
) -> Any:
    """Return what carried the intent or would, without what is wrapped around it."""
    batch = recording.batch(intent) if recording is not None else None
    executor: Any = None
    if batch is not None:
        executor = batch.executor
    elif planned is not None:
        executor = planned.executor
    elif outcome is not None and outcome.state in _CHOSEN:
        executor = _or(None, lambda: manager.choose(intent, scope.root))
    while isinstance(executor, ExecutorWrapper):
        executor = executor.inner
    return executor


def _id(intent: Intent, executor: Any) -> str:
    if executor is None or runs_inline(executor):
        return ""
    if isinstance(executor, Executor) and executor.supports_client_id:
        return _or("", lambda: intent.id)
    found = _or(None, lambda: getattr(intent.receipt, "id", None))
    return "" if found is None else str(found)


def _or(default: T, ask: Callable[[], T]) -> T:
    """Ask a plugin or a queue; a page that reports is never broken by what it reports."""
    try:
        return ask()
    except Exception:
        return default
