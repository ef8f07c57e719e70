"""One bounded wait: what is done for a flush elsewhere, and that it may be given up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any

from procrastinate.exceptions import ConnectorException

from airlock import ExecutorError
from airlock_core import configuration


class Attempt:
    """One try to insert jobs, which is committed or given up: never both.

    Attributes:
        committing: whether the COMMIT was about to be sent, or the end of a savepoint: an error
            leaves it open whether the jobs are there.
    """

    def __init__(self) -> None:
        """Begin."""
        self.committing = False
        self._given_up = False
        self._lock = threading.Lock()

    def commit(self) -> None:
        """Say that the COMMIT is next.

        Raises:
            ConnectorException: nobody waits for it any more. What was inserted is to be undone.
        """
        with self._lock:
            if self._given_up:
                raise ConnectorException("PostgreSQL answered too late, and the jobs were undone.")
            self.committing = True

    def give_up(self) -> None:
        """Say that nobody waits any more; where `commit()` did not come before, it cannot."""
        with self._lock:
            self._given_up = True


def in_a_thread(function: Callable[[], Any]) -> Future[Any]:
    """Call a function that may hang: psycopg has no deadline for a server that does not answer.

    The thread ends when the server is there again, or the line is cut.
    """
    future: Future[Any] = Future()
    context = copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(function))
        except BaseException as error:
            future.set_exception(error)

    # A thread costs 0.1 ms, an INSERT with its transaction ten times that.
    threading.Thread(target=run, name="airlock-procrastinate", daemon=True).start()
    return future


def on_loop(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Future[Any]:
    """Have an event loop do the work.

    Raises:
        ExecutorError: the loop is waiting for this very thread.
    """
    if is_running_here(loop):
        work.close()
        raise ExecutorError(
            "the connections of this app belong to the event loop that is waiting here. Use `async "
            "with airlock.scope()`, or `await error.aretry()`."
        )
    return asyncio.run_coroutine_threadsafe(work, loop)


def is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether an event loop runs in this thread, which then cannot wait for it."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def wait(attempt: Attempt, future: Future[Any]) -> Any:
    """Wait for what is done elsewhere, as long as `broker_timeout` says, and return its result.

    Raises:
        ConnectorException: it takes longer. Where it was not being committed, it will not be.
    """
    deadline = configuration.current.broker_timeout
    try:
        return future.result(deadline)
    except TimeoutError:
        if future.done():
            return future.result()
        attempt.give_up()
        raise ConnectorException(
            f"PostgreSQL did not answer within {deadline:g} s (airlock.configure(broker_timeout="
            "...))."
        ) from None
    except BaseException:  # Ctrl-C while it waits
        attempt.give_up()
        raise
