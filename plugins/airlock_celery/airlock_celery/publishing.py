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
)
from airlock_celery.kinds import is_one_message, is_signature, kind_of
from airlock_celery.members import parts
from airlock_celery.sending import send

if TYPE_CHECKING:
    from airlock import Intent

#: How many messages share a pipeline: more would save nothing, and a pipeline that breaks leaves
#: the fate of all of them open.
BATCH = 1000


def publish(intents: Sequence[Intent]) -> Iterator[Any]:
    """Send intents in order.

    Yields:
        One outcome per intent: Celery's own result, or a `Failure`.

    Raises:
        Exception: the broker cannot be reached. The intents without an outcome have not left.
    """
    runs = [
        (app, [intent for _, _, intent in run])
        for app, run in _runs([(*_addressed(intent), intent) for intent in intents])
    ]
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


Addressed = tuple[Any, bool, "Intent"]


def _addressed(intent: Intent) -> tuple[Any, bool]:
    """Look up the app of a task, or the error of looking, and whether it is a single message."""
    try:
        return intent.task.app, is_one_message(intent.task)
    except Exception as error:
        return error, True


def _runs(addressed: Sequence[Addressed]) -> Iterator[tuple[Any, Iterator[Addressed]]]:
    for (_, one_message), run in groupby(addressed, lambda entry: (id(entry[0]), entry[1])):
        entries = list(run)
        for start in range(0, len(entries), BATCH if one_message else 1):
            chunk = entries[start : start + (BATCH if one_message else 1)]
            yield chunk[0][0], iter(chunk)


def _publish_run(app: Any, run: Sequence[Intent]) -> Iterator[Any]:
    if isinstance(app, Exception):
        yield from [Failure(app)] * len(run)
    elif app.conf.task_always_eager:
        for intent in run:
            try:
                yield send(intent, eager=True)
            except Exception as error:  # the effect ran here, and failed by itself
                yield Failure(error)
    elif is_one_message(run[0].task):
        yield from _publish_messages(app, run)
    else:
        yield from _publish_canvas(app, run[0])


def _publish_messages(app: Any, intents: Sequence[Intent]) -> Iterator[Any]:
    """Send single messages through one producer, in one pipeline where there are pipelines."""
    outcomes: list[Any] = []
    try:
        with app.producer_or_acquire() as producer:
            knock(app, producer)
            if not has_pipelines(producer):
                for intent in intents:
                    try:
                        outcome = _attempt(intent, app, producer=producer)
                    except Exception as error:
                        if is_lost_on_the_way(error, app):
                            yield Failure(error, uncertain=True)
                        raise
                    yield outcome
                return
            with pipeline(producer):
                for intent in intents:
                    # Kombu cannot connect anew in the middle of a pipeline; we have just knocked.
                    outcome = _attempt(intent, app, producer=producer, retry=False)
                    outcomes.append(outcome)
    except batch_errors() as error:
        for outcome in outcomes:
            yield outcome if isinstance(outcome, Failure) else Failure(error, uncertain=True)
        raise
    yield from outcomes


def _publish_canvas(app: Any, intent: Intent) -> Iterator[Any]:
    """Send a canvas; with pipelines, a group of plain tasks leaves whole or not at all."""
    with app.producer_or_acquire() as producer:
        knock(app, producer)
        if has_pipelines(producer) and _takes_producer(intent.task):
            yield _whole(app, intent, producer)
            return
    # Celery takes producers of its own for a chain and for the header of a chord, and must not
    # wait for the one that we held.
    try:
        yield send(intent)
    except Exception as error:
        alone = kind_of(intent.task) == "chain"  # which leaves as its first step
        unreachable, lost = is_unreachable(error, app), is_lost_on_the_way(error, app)
        if alone and unreachable and not lost:
            raise
        yield Failure(error, uncertain=not alone or lost)
        if unreachable:
            raise


def _whole(app: Any, intent: Intent, producer: Any) -> Any:
    try:
        with pipeline(producer):
            return send(intent, producer=producer, retry=False)
    except batch_errors() as error:
        return Failure(error, uncertain=True)
    except Exception as error:
        if is_unreachable(error, app):
            raise
        return Failure(error)


def _attempt(intent: Intent, app: Any, **defaults: Any) -> Any:
    """Send one message; an error that is its own does not keep back the others."""
    try:
        return send(intent, **defaults)
    except Exception as error:
        if isinstance(error, batch_errors()) or is_unreachable(error, app):
            raise
        return Failure(error)


def _takes_producer(canvas: Any) -> bool:
    kind = kind_of(canvas)
    if kind == "group":
        return all(is_signature(part) and is_one_message(part) for part in parts(canvas))
    return kind == "chunks"
