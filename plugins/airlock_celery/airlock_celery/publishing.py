"""Sending many: one producer per app, and one pipeline where the broker has pipelines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airlock import Failure
from airlock_celery.brokers import (
    batch_errors,
    has_pipelines,
    is_lost_on_the_way,
    is_unreachable,
    knock,
    pipeline,
    producer_of,
    stops_the_task,
)
from airlock_celery.messages import Messages
from airlock_celery.results import ran_eagerly
from airlock_celery.sending import apply, collect
from airlock_celery.stencils import Stencils

if TYPE_CHECKING:
    from airlock import Intent

#: How many intents share a pipeline: more would save nothing, and a pipeline that breaks leaves
#: the fate of all of them open.
BATCH = 1000


def publish(intents: Sequence[Intent]) -> Iterator[Any]:
    """Send intents in order.

    Yields:
        One outcome per intent: Celery's own result, or a `Failure`.

    Raises:
        Exception: the broker cannot be reached. The intents without an outcome have not left.
    """
    runs = list(_runs(intents))
    several = len({id(app) for app, _ in runs}) > 1
    down: dict[int, Exception] = {}
    for app, run in runs:
        left = len(run)
        try:
            if id(app) in down:
                raise down[id(app)]
            for outcome in _publish_run(app, run):
                left -= 1
                yield outcome
        except Exception as error:
            if not several:
                raise
            # The tasks of another app may have another broker, which is up.
            down[id(app)] = error
            yield from [Failure(error)] * left


def _app_of(intent: Intent) -> Any:
    """Look up the app of a task, or the error of looking."""
    try:
        return intent.task.app
    except Exception as error:
        return error


def _runs(intents: Sequence[Intent]) -> Iterator[tuple[Any, Sequence[Intent]]]:
    addressed = [(_app_of(intent), intent) for intent in intents]
    for _, neighbours in groupby(addressed, lambda entry: id(entry[0])):
        entries = list(neighbours)
        run = [intent for _, intent in entries]
        for start in range(0, len(run), BATCH):
            yield entries[0][0], run[start : start + BATCH]


def _publish_run(app: Any, run: Sequence[Intent]) -> Iterator[Any]:
    if isinstance(app, Exception):
        yield from [Failure(app)] * len(run)
    elif app.conf.task_always_eager:
        for intent in run:
            yield _run_eagerly(intent)
    else:
        with producer_of(app) as producer:
            knock(app, producer)
            # All messages are made before the first is sent: what stops the making, such as the
            # time limit of the task in which this happens, finds nothing sent.
            stencils = Stencils(app, producer)
            prepared = [_prepare(app, intent, producer, stencils) for intent in run]
            send = _in_a_pipeline if has_pipelines(producer) else _one_by_one
            yield from send(app, prepared, producer)


def _run_eagerly(intent: Intent) -> Any:
    try:
        result = apply(intent)
    except Exception as error:  # the effect ran here, and failed by itself
        return Failure(error)
    ran_eagerly(intent, result)
    return result


Prepared = tuple[Any, Messages]


def _prepare(app: Any, intent: Intent, producer: Any, stencils: Stencils) -> Prepared:
    """Make the messages of an intent; an error that is its own does not keep back the others."""
    foreign = intent.dispatch_options.get("connection")
    messages = Messages(producer, foreign)
    try:
        if made := stencils.make(intent):
            return made
        result = collect(intent, app, messages)
        stencils.learn(intent, messages)
        return result, messages
    except Exception as error:
        if stops_the_task(error) or (foreign is None and is_unreachable(error, app)):
            raise
        return Failure(error), Messages(None)


def _in_a_pipeline(app: Any, prepared: list[Prepared], producer: Any) -> Iterator[Any]:
    """Send messages together: all of them leave, or none does, or nobody knows."""
    while True:
        try:
            with pipeline(producer):
                for position, (_, messages) in enumerate(prepared):
                    _collect(app, messages, prepared, position)
        except _Torn:
            continue  # nothing has left: once more, without what is broken
        except batch_errors() as error:
            for outcome, _ in prepared:
                yield outcome if isinstance(outcome, Failure) else Failure(error, uncertain=True)
            raise
        yield from (outcome for outcome, _ in prepared)
        return


class _Torn(Exception):
    """Some messages of an intent are in the pipeline, and one of them cannot be."""


def _collect(app: Any, messages: Messages, prepared: list[Prepared], position: int) -> None:
    try:
        # Kombu cannot connect anew in a pipeline; it has just been knocked at.
        messages.send(retry=False)
    except Exception as error:
        if not _is_its_own(error, app, messages):
            raise
        prepared[position] = Failure(error), Messages(None)
        if messages.sent:
            raise _Torn from None


def _one_by_one(app: Any, prepared: list[Prepared], producer: Any) -> Iterator[Any]:
    for outcome, messages in prepared:
        try:
            messages.send(retry=False)
        except Exception as error:
            if not _is_its_own(error, app, messages):
                if messages.sent or stops_the_task(error) or is_lost_on_the_way(error, app):
                    yield Failure(error, uncertain=True)
                raise
            outcome = Failure(error, uncertain=bool(messages.sent))
        yield outcome


def _is_its_own(error: Exception, app: Any, messages: Messages) -> bool:
    """Whether an error is that of the one intent, and does not keep back the others."""
    if stops_the_task(error):
        return False
    if messages.foreign is not None:  # it is another broker's
        return True
    return not (isinstance(error, batch_errors()) or is_unreachable(error, app))
