"""Sending many: all jobs for one Redis in one transaction, whatever their queues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import airlock
from airlock import Failure
from airlock_rq.brokers import is_lost_on_the_way, knock, stops_the_job
from airlock_rq.collecting import Collector
from airlock_rq.folding import Folding
from airlock_rq.letters import Letter

if TYPE_CHECKING:
    from airlock import Intent

#: How many jobs share a transaction: more would save nothing, keep others from Redis for longer,
#: and leave more of them open when it breaks.
BATCH = 1000


def publish(intents: Sequence[Intent], default: Any) -> Iterator[Any]:
    """Send intents in order.

    Args:
        intents: the intents.
        default: the executor's default queue, or None.

    Yields:
        One outcome per intent: RQ's own job, or a `Failure`.

    Raises:
        Exception: Redis cannot be reached. The intents without an outcome have not left.
    """
    letters = [Letter(intent) for intent in intents]
    queues: dict[tuple[int, str], Any] = {}
    collectors: dict[int, Collector] = {}
    for letter in letters:
        _try(letter, letter.address, default, queues, collectors)
    clients = {letter.client for letter in letters if letter.outcome is None}
    down = _knock_at(clients)
    for letter in letters:
        if letter.client in down:
            letter.outcome = Failure(down[letter.client])
        elif letter.outcome is None and not letter.alone:
            _try(letter, letter.make)
    for batch in _batches(letters):
        error = _send(batch)
        yield from (letter.outcome for letter in batch)
        if error is None:
            continue
        if len(clients) == 1 or stops_the_job(error):
            raise error
        for letter in letters:  # those for another Redis, which is up, leave all the same
            if letter.outcome is None and letter.client is batch[-1].client:
                letter.outcome = Failure(error)


def _try(letter: Letter, step: Any, *args: Any) -> None:
    """Take a step with one letter; an error that is its own does not keep back the others."""
    try:
        step(*args)
    except Exception as error:
        if stops_the_job(error):
            raise
        letter.outcome = Failure(error)


def _knock_at(clients: set[Any]) -> dict[Any, Exception]:
    """Knock at each Redis; of several, those that do not answer do not keep back the others."""
    down: dict[Any, Exception] = {}
    for client in clients:
        try:
            knock(client)
        except Exception as error:
            if len(clients) == 1 or stops_the_job(error):
                raise
            down[client] = error
    return down


def _batches(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    """Group neighbours that leave together; what has failed is reported in its place.

    So the order stays that of the enqueues, also around a job that goes alone.
    """
    batch: list[Letter] = []
    last: Letter | None = None
    for letter in letters:
        if letter.outcome is None:
            together = last is None or (
                letter.client is last.client and not (letter.alone or last.alone)
            )
            if not together or len(batch) >= BATCH:
                yield batch
                batch = []
            last = letter
        batch.append(letter)
    if batch:
        yield batch


def _send(batch: Sequence[Letter]) -> Exception | None:
    """Send a batch, and give each of its letters an outcome.

    Returns:
        The error after which nothing more is to be tried, or None.
    """
    # Looked at only now: an earlier batch may have told that their Redis is gone.
    letters = [letter for letter in batch if letter.outcome is None]
    if not letters:
        return None
    try:
        if letters[0].alone:
            _send_alone(letters[0])
        else:
            _send_together(letters)
    except Exception as error:
        for letter in letters:
            letter.outcome = Failure(error, uncertain=True)
        return error
    return None


def _send_together(letters: Sequence[Letter]) -> None:
    """Send letters in one transaction: all of them leave, or none does, or nobody knows."""
    from redis.exceptions import ResponseError

    pipeline = letters[0].client.pipeline(transaction=True)
    folding = Folding()
    positions = [[folding.add(command) for command in letter.commands] for letter in letters]
    pipeline.command_stack += folding.commands
    try:
        answers = pipeline.execute(raise_on_error=False)
    except ResponseError as error:
        # Redis has refused a command, and so done nothing. One by one, it is known which.
        if len(letters) == 1:
            letters[0].outcome = Failure(error)
        else:
            for letter in letters:
                _send_together([letter])
        return
    refused = {i: answer for i, answer in enumerate(answers) if isinstance(answer, Exception)}
    for letter, own in zip(letters, positions, strict=True):
        errors = [refused[position] for position in own if position in refused] if refused else ()
        letter.outcome = Failure(errors[0]) if errors else letter.job


def _send_alone(letter: Letter) -> None:
    try:
        if letter.runs_here:
            _run_here(letter)
        else:
            letter.send()
    except Exception as error:
        if stops_the_job(error) or is_lost_on_the_way(error):
            raise
        letter.outcome = Failure(error)
    else:
        letter.outcome = letter.job


def _run_here(letter: Letter) -> None:
    """Have RQ run the job, in a scope of its own: what a failing one had enqueued is discarded."""
    with airlock.Scope(name=f"job {letter.intent.name}") as scope:
        letter.send()
        if letter.job.get_status(refresh=False) == "failed":
            scope.discard()
