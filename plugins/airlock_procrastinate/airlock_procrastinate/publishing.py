"""Sending many: all jobs for one database in one INSERT, whatever their tasks and queues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airlock import Failure
from airlock_procrastinate.batches import Batch
from airlock_procrastinate.routes import Route
from airlock_procrastinate.routing import route_of
from airlock_procrastinate.sending import job_of

if TYPE_CHECKING:
    from airlock import Intent

#: How many jobs share an INSERT: more would save nothing, and take longer than a deadline allows.
BATCH = 1000


class Letter:
    """An intent on its way.

    Attributes:
        job: what is to be inserted.
        outcome: how it ended: a `Job`, a `Failure`, or None where it has not been tried.
    """

    def __init__(self, intent: Intent, default: Any) -> None:
        """Make the job, and find its way; an error that is its own keeps back no other."""
        self.route: Route | None = None
        self.outcome: Any = None
        try:
            self.job = job_of(intent)
            self.route = route_of(intent, default)
        except Exception as error:
            self.outcome = Failure(error)

    @property
    def key(self) -> Any:
        """What it has in common with those that share its INSERT."""
        return None if self.route is None else self.route.key


def publish(intents: Sequence[Intent], default: Any) -> Iterator[Any]:
    """Send intents in order.

    Args:
        intents: the intents.
        default: the executor's connection, a function that returns it, or None.

    Yields:
        One outcome per intent: procrastinate's own `Job`, or a `Failure`.

    Raises:
        Exception: the database cannot be reached. The intents without an outcome have not left.
    """
    letters = [Letter(intent, default) for intent in intents]
    sent = [letter for letter in letters if letter.outcome is None]
    several = len({letter.key for letter in sent}) > 1
    down: dict[Any, Exception] = {}
    stopped: Exception | None = None
    for batch in _batches(sent):
        key = batch[0].key
        try:
            if key in down:
                raise down[key]
            _send(batch)
        except Exception as error:
            if not several:
                stopped = error
                break
            down[key] = error  # another database may be up
            for letter in batch:
                letter.outcome = letter.outcome or Failure(error)
    for letter in letters:
        if letter.outcome is None and stopped is not None:
            raise stopped
        yield letter.outcome
    if stopped is not None:
        raise stopped


def _batches(letters: Sequence[Letter]) -> Iterator[Sequence[Letter]]:
    """Yield neighbours that share an INSERT, so that the order stays that of the enqueues."""
    for _, neighbours in groupby(letters, lambda letter: letter.key):
        run = list(neighbours)
        for start in range(0, len(run), BATCH):
            yield run[start : start + BATCH]


def _send(letters: Sequence[Letter]) -> None:
    route = letters[0].route
    assert route is not None
    batch = Batch([letter.job for letter in letters])
    try:
        route.send(batch)
    finally:
        for letter, outcome in zip(letters, batch.outcomes, strict=True):
            letter.outcome = outcome
