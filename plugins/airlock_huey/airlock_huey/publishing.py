"""Sending many: one round trip for all Hueys on one Redis, one transaction where there is SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airlock import Failure
from airlock_huey.brokers import is_unreachable, stops_the_task
from airlock_huey.owners import huey_of
from airlock_huey.routes import Prepared, Route, route_of
from airlock_huey.sending import collect, send_now

if TYPE_CHECKING:
    from airlock import Intent

#: How many intents share a pipeline: more would save nothing, and a pipeline that breaks leaves
#: the fate of all of them open.
BATCH = 1000

#: An intent with its Huey, or with the error of looking for that.
Addressed = tuple["Intent", Any]


def publish(intents: Sequence[Intent]) -> Iterator[Any]:
    """Send intents in order.

    Yields:
        One outcome per intent: Huey's own result, or a `Failure`.

    Raises:
        Exception: the storage cannot be reached. The intents without an outcome have not left.
    """
    runs = list(_runs(intents))
    several = len({_key(route) for route, _ in runs}) > 1
    down: dict[Any, Exception] = {}
    for route, run in runs:
        left = len(run)
        try:
            if _key(route) in down:
                raise down[_key(route)]
            for outcome in _publish_run(route, run):
                left -= 1
                yield outcome
        except Exception as error:
            if not several or stops_the_task(error):
                raise
            # Another Huey may have another storage, which is up.
            down[_key(route)] = error
            yield from [Failure(error)] * left


def _key(route: Route | None) -> Any:
    return None if route is None else route.key


def _addressed(intent: Intent) -> Addressed:
    try:
        return intent, huey_of(intent.task)
    except Exception as error:
        return intent, error


def _runs(intents: Sequence[Intent]) -> Iterator[tuple[Route | None, Sequence[Addressed]]]:
    """Yield neighbours that take one route; None is that of those that go nowhere from here."""
    addressed = [_addressed(intent) for intent in intents]
    routes: dict[int, Route | None] = {}
    for _, huey in addressed:
        if id(huey) not in routes:
            stays = isinstance(huey, Exception) or huey.immediate
            routes[id(huey)] = None if stays else route_of(huey)
    for _, neighbours in groupby(addressed, lambda entry: _key(routes[id(entry[1])])):
        run = list(neighbours)
        for start in range(0, len(run), BATCH):
            yield routes[id(run[0][1])], run[start : start + BATCH]


def _publish_run(route: Route | None, run: Sequence[Addressed]) -> Iterator[Any]:
    if route is None:
        yield from map(_here, run)
        return
    route.knock()
    # All messages are made before the first is sent: what stops the making, such as the timeout
    # of the task in which this happens, finds nothing sent.
    hueys = {id(huey): huey for _, huey in run}
    collectors = {key: route.collector(huey) for key, huey in hueys.items()}
    prepared = [_prepare(intent, collectors[id(huey)]) for intent, huey in run]
    yield from route.send(prepared)


def _here(addressed: Addressed) -> Any:
    """Let a Huey that is `immediate` run the task; an error is that intent's own."""
    intent, huey = addressed
    if isinstance(huey, Exception):
        return Failure(huey)
    try:
        return send_now(intent, huey)
    except Exception as error:
        if stops_the_task(error):
            raise
        return Failure(error)


def _prepare(intent: Intent, collector: Any) -> Prepared:
    """Make the messages of an intent; an error that is its own does not keep back the others."""
    try:
        return collect(intent, collector)
    except Exception as error:
        if stops_the_task(error) or is_unreachable(error):
            raise
        return Failure(error), ()
