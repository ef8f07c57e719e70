"""Sending many: one connection of airlock's own per broker, and as few round trips as it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airlock import Failure, IntentError
from airlock_dramatiq.brokers import is_unreachable
from airlock_dramatiq.checking import check_form
from airlock_dramatiq.kinds import actor_of, broker_of, is_carried
from airlock_dramatiq.letters import Letter
from airlock_dramatiq.routes import route_of
from airlock_dramatiq.sending import send

if TYPE_CHECKING:
    from airlock import Intent
    from airlock_dramatiq.routes import Route


def publish(intents: Sequence[Intent]) -> Iterator[Any]:
    """Send intents in order.

    Yields:
        One outcome per intent: what Dramatiq returned, or a `Failure`.

    Raises:
        Exception: the broker cannot be reached. The intents without an outcome have not left.
    """
    runs = list(_runs(intents))
    several = len({id(broker) for broker, _ in runs}) > 1
    down: dict[int, Exception] = {}
    for broker, run in runs:
        left = len(run)
        try:
            if id(broker) in down:
                raise down[id(broker)]
            for outcome in _publish_run(broker, run):
                left -= 1
                yield outcome
        except Exception as error:
            if not several:
                raise
            # The tasks of another broker may leave all the same.
            down[id(broker)] = error
            yield from [Failure(error)] * left


def _runs(intents: Sequence[Intent]) -> Iterator[tuple[Any, Sequence[Intent]]]:
    addressed = [(_broker_of(intent), intent) for intent in intents]
    for _, neighbours in groupby(addressed, lambda entry: id(entry[0])):
        entries = list(neighbours)
        yield entries[0][0], [intent for _, intent in entries]


def _broker_of(intent: Intent) -> Any:
    """Look up the broker of a task, or the error of looking."""
    if not is_carried(intent.task):
        return IntentError(f"{intent.name} is no actor of Dramatiq's.")
    try:
        return broker_of(intent.task)
    except Exception as error:
        return error


def _publish_run(broker: Any, run: Sequence[Intent]) -> Iterator[Any]:
    if isinstance(broker, Exception):
        yield from [Failure(broker)] * len(run)
        return
    with route_of(broker) as route:
        # All messages are made before the first is sent: what stops the making, such as the time
        # limit of the actor in which this happens, finds nothing sent.
        letters = [_make(route, intent) for intent in run]
        yield from route.send(letters)


def _make(route: Route, intent: Intent) -> Letter:
    """Make the messages of an intent; an error that is its own does not keep back the others."""
    letter = Letter(intent)
    try:
        if actor_of(intent.task) is None:
            # Whose executor checked nothing would see arguments and options disappear.
            check_form(intent.task, intent.args, intent.kwargs, intent.dispatch_options)
        letter.receipt = send(intent, route.collecting(letter))
    except Exception as error:
        if is_unreachable(error):
            raise
        letter.refuse(error)
    return letter
