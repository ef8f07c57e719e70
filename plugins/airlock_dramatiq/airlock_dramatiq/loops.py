"""Pika's loop, run for as long as something is awaited, and no longer than a deadline."""

from __future__ import annotations

import contextlib
import copy
import os
import socket
from collections.abc import Callable
from typing import Any

from pika.adapters.select_connection import IOLoop  # type: ignore[import-untyped]

#: How many seconds hanging up may take: nobody is asked for an answer.
_TO_HANG_UP = 1.0

#: How often the loop goes round after that: each round does what the one before has put off.
_LAST_ROUNDS = 3


class Loop(IOLoop):  # type: ignore[misc]
    """A loop that knows its connections, so that one to a silent server can be cut."""

    def __init__(self) -> None:
        """Begin without connections."""
        super().__init__()
        self._handled: set[int] = set()

    def add_handler(self, fd: int, handler: Any, events: Any) -> None:
        """Take up a connection."""
        self._handled.add(fd)
        super().add_handler(fd, handler, events)

    def remove_handler(self, fd: int) -> None:
        """Let go of a connection."""
        self._handled.discard(fd)
        super().remove_handler(fd)

    def run(self, timeout: float, done: Callable[[], bool]) -> bool:
        """Run until something is so, or time is up; what makes it so stops the loop.

        Returns:
            Whether time is up.
        """
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            self.stop()

        timer = self.call_later(timeout, expire)
        try:
            while not expired and not done():
                self.start()
        finally:
            self.remove_timeout(timer)
        return expired

    def hang_up(self, done: Callable[[], bool]) -> None:
        """Cut the connections, have Pika see it, and free what the loop holds."""
        for fd in list(self._handled):
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as line:
                line.shutdown(socket.SHUT_RDWR)
        # Pika may be in the middle of something, where an interrupt has struck.
        with contextlib.suppress(Exception):
            self.run(_TO_HANG_UP, lambda: done() or not self._handled)
            for _ in range(_LAST_ROUNDS):  # what Pika has put off, the closing of sockets included
                self.call_later(0, self.stop)
                self.start()
        with contextlib.suppress(Exception):
            self.close()


def bounded(parameters: Any, timeout: float) -> Any:
    """Copy Pika's parameters, for one attempt within a time."""
    own = copy.copy(parameters)
    own.connection_attempts = 1
    own.retry_delay = 0
    own.socket_timeout = own.stack_timeout = timeout
    return own


def reason_of(error: BaseException | None) -> BaseException | None:
    """Return the innermost of the errors that Pika has put one into the other."""
    while error is not None:
        inner = getattr(error, "exceptions", None) or [getattr(error, "exception", None)]
        if not isinstance(inner[-1], BaseException):
            break
        error = inner[-1]
    return error
