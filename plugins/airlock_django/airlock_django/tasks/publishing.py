"""Sending many: rows in one INSERT, and everything else one by one by its own backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airlock import Failure, Scope
from airlock_django.tasks.execution import sent_kwargs
from airlock_django.tasks.kinds import backends_of
from airlock_django.tasks.letters import ROWS, Letter

if TYPE_CHECKING:
    from airlock import Intent

#: How many rows share an INSERT: more would save nothing, and leave more of them open where the
#: connection breaks. A database that takes less parameters gets it in parts, in one transaction.
BATCH = 1000


def publish(intents: Sequence[Intent]) -> Iterator[Any]:
    """Send intents in order.

    Yields:
        One outcome per intent: its `TaskResult`, or a `Failure`.

    Raises:
        Exception: the backend cannot be reached. The intents without an outcome have not left.
    """
    letters = [Letter(intent) for intent in intents]
    several = len({letter.route for letter in letters if letter.outcome is None}) > 1
    down: dict[Any, Exception] = {}
    for route, batch in _batches(letters):
        left = len(batch)
        try:
            if route in down:
                raise down[route]
            for outcome in _send(route, batch):
                left -= 1
                yield outcome
        except Exception as error:
            if not several:
                raise
            # The tasks of another backend may leave all the same.
            down[route] = error
            yield from [letter.outcome or Failure(error) for letter in batch[len(batch) - left :]]


def _batches(letters: Sequence[Letter]) -> Iterator[tuple[Any, list[Letter]]]:
    """Group neighbours that leave together; what has failed is reported in its place."""
    batch: list[Letter] = []
    route = None
    for letter in letters:
        if letter.outcome is None:
            if route not in (None, letter.route) or len(batch) >= BATCH:
                yield route, batch
                batch = []
            route = letter.route
        batch.append(letter)
    if batch:
        yield route, batch


def _send(route: Any, batch: Sequence[Letter]) -> Iterator[Any]:
    if route == ROWS:
        from airlock_django.tasks.rows import send

        return send(batch)
    return (letter.outcome or letter.intent.run(_enqueue, letter) for letter in batch)


def _enqueue(letter: Letter) -> Any:
    """Let a backend enqueue in its own way, which may be to run the task here.

    So it has a scope of its own: what a task that fails has enqueued is discarded with it.
    """
    # This is a copy of the context of the enqueue, in which Django might make another backend:
    # the results that the dummy backend keeps would be seen by nobody.
    backends_of(letter.task)[letter.backend.alias] = letter.backend
    intent = letter.intent
    with Scope(name=f"task {intent.name}") as scope:
        result = letter.task.enqueue(*intent.args, **sent_kwargs(intent, letter.task))
        if getattr(result, "status", None) == "FAILED":
            scope.discard()
    return result
