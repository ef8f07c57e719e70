"""Sending many: one INSERT for the ORM broker, one round trip for all queues on one Redis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airlock import Failure
from airlock_django_q.options import runs_here
from airlock_django_q.routes import Address, Prepared, Route, address_of
from airlock_django_q.sending import Message, make, run_here

if TYPE_CHECKING:
    from airlock import Intent

#: How many messages leave together: more would save nothing, and keep others from the broker for
#: longer.
BATCH = 1000

#: An intent, its options, and the key of its queue, or the error of looking for that.
Addressed = tuple["Intent", Mapping[str, Any], Any]


def publish(intents: Sequence[tuple[Intent, Mapping[str, Any]]]) -> Iterator[Any]:
    """Send intents in order.

    Args:
        intents: the intents, each with its options.

    Yields:
        One outcome per intent: the id of the task, or a `Failure`.

    Raises:
        Exception: the broker cannot be reached. The intents without an outcome have not left.
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
            if not several:
                raise
            # Another queue may have another broker, which is up.
            down[_key(route)] = error
            yield from [Failure(error)] * left


def _key(route: Route | None) -> Any:
    return None if route is None else route.key


def _runs(
    intents: Sequence[tuple[Intent, Mapping[str, Any]]],
) -> Iterator[tuple[Route | None, Sequence[Addressed]]]:
    """Yield neighbours that take one route; None is that of those that have none."""
    known: dict[Any, Address] = {}
    addressed = [_addressed(intent, options, known) for intent, options in intents]
    for _, neighbours in groupby(addressed, lambda entry: _key(entry[0])):
        run = list(neighbours)
        for start in range(0, len(run), BATCH):
            yield run[0][0], [entry for _, entry in run[start : start + BATCH]]


def _addressed(
    intent: Intent, options: Mapping[str, Any], known: dict[Any, Address]
) -> tuple[Route | None, Addressed]:
    try:
        route, queue = address_of(options, known)
    except Exception as error:
        return None, (intent, options, error)
    return route, (intent, options, queue)


def _publish_run(route: Route | None, run: Sequence[Addressed]) -> Iterator[Any]:
    if route is None:
        yield from (Failure(error) for _, _, error in run)
        return
    if not all(runs_here(options) for _, options, _ in run):
        route.knock()
    # All messages are made before the first is sent: what stops the making, such as the timeout
    # of the task in which this happens, finds nothing sent.
    prepared = [_prepare(*entry) for entry in run]
    for here, group in groupby(prepared, _stays):
        messages = list(group)
        yield from map(_run_here, messages) if here else route.send(messages)


def _prepare(intent: Intent, options: Mapping[str, Any], queue: str) -> Prepared:
    """Make the message of an intent; an error that is its own does not keep back the others."""
    try:
        return make(intent, options, queue)
    except Exception as error:
        return Failure(error)


def _stays(prepared: Prepared) -> bool:
    return isinstance(prepared, Message) and prepared.runs_here


def _run_here(message: Any) -> Any:
    """Let django-q run the task here; an error is that intent's own."""
    try:
        return run_here(message)
    except Exception as error:
        return Failure(error)
