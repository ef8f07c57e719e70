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
    stops_the_task,
)
from airlock_celery.connections import producer_for
from airlock_celery.kinds import is_one_message
from airlock_celery.lending import Collector
from airlock_celery.results import ran_eagerly
from airlock_celery.sending import send

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
            try:
                result = send(intent, eager=True)
            except Exception as error:  # the effect ran here, and failed by itself
                yield Failure(error)
            else:
                ran_eagerly(intent, result)
                yield result
    else:
        with app.producer_or_acquire() as producer:
            knock(app, producer)
            several = _in_a_pipeline if has_pipelines(producer) else _one_by_one
            yield from several(app, run, producer)


def _in_a_pipeline(app: Any, run: Sequence[Intent], producer: Any) -> Iterator[Any]:
    """Send the intents together: all of them leave, or none does, or nobody knows."""
    outcomes: list[Any] = []
    try:
        with pipeline(producer):
            for intent in run:
                try:
                    # Kombu cannot connect anew in a pipeline; it has just been knocked at.
                    outcomes.append(_send(app, intent, producer, retry=False))
                except Exception as error:
                    if not _is_its_own(error, app, intent):
                        raise
                    outcomes.append(Failure(error))
    except batch_errors() as error:
        for outcome in outcomes:
            yield outcome if isinstance(outcome, Failure) else Failure(error, uncertain=True)
        raise
    yield from outcomes


def _one_by_one(app: Any, run: Sequence[Intent], producer: Any) -> Iterator[Any]:
    for intent in run:
        try:
            outcome = _send(app, intent, producer)
        except Exception as error:
            if not _is_its_own(error, app, intent):
                if stops_the_task(error) or is_lost_on_the_way(error, app):
                    yield Failure(error, uncertain=True)
                raise
            outcome = Failure(error)
        yield outcome


def _send(app: Any, intent: Intent, producer: Any, **options: Any) -> Any:
    foreign = intent.dispatch_options.get("connection")
    if foreign is not None:
        with producer_for(foreign) as own:
            return _send_with(app, intent, own)
    return _send_with(app, intent, producer, **options)


def _send_with(app: Any, intent: Intent, producer: Any, **options: Any) -> Any:
    if is_one_message(intent.task):
        return send(intent, producer=producer, **options)
    collector = Collector(producer, **options)
    result = send(intent, lent=(app, collector))
    collector.send()
    return result


def _is_its_own(error: Exception, app: Any, intent: Intent) -> bool:
    """Whether an error is that of the one intent, and does not keep back the others."""
    if stops_the_task(error):
        return False
    if intent.dispatch_options.get("connection") is not None:  # it is another broker's
        return True
    return not (isinstance(error, batch_errors()) or is_unreachable(error, app))
