"""The lines to RabbitMQ that are free: each flush takes one, and gives it back."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from typing import Any

from airlock_core import configuration
from airlock_dramatiq.lines import Line

_lock = threading.Lock()
_pools: weakref.WeakKeyDictionary[Any, LinePool] = weakref.WeakKeyDictionary()


class LinePool:
    """The free lines to the server of one broker, all with the same settings.

    Args:
        parameters: Pika's parameters of each server that may be asked, in order.
        confirms: whether RabbitMQ is to confirm messages.
        timeout: how many seconds each wait may take.
    """

    def __init__(self, parameters: Sequence[Any], confirms: bool, timeout: float) -> None:
        """Begin without lines."""
        self.settings = (confirms, timeout)
        self._parameters = parameters
        self._free: list[Line] = []
        self._process = os.getpid()

    def take(self) -> Line:
        """Return a line on which RabbitMQ has just answered.

        Raises:
            ConnectionClosed: it does not answer.
            ConnectionFailed: there is no connection to be had.
        """
        from dramatiq.errors import ConnectionClosed

        if self._process != os.getpid():
            # After a fork these are the parent's: a word on them would be in its conversations.
            self._free, self._process = [], os.getpid()
        while True:
            try:
                line = self._free.pop()
            except IndexError:
                return Line(self._parameters, *self.settings)
            try:
                line.knock()
            except ConnectionClosed:
                line.abandon()
                if line.silent:
                    raise
                # It was closed unnoticed, and nothing has left: another, or a new one.
            except BaseException:
                line.abandon()
                raise
            else:
                return line

    def give_back(self, line: Line) -> None:
        """Take back a line that is fit for another flush."""
        self._free.append(line)

    def close(self) -> None:
        """Hang up the lines that are free."""
        if self._process == os.getpid():
            while self._free:
                self._free.pop().close()


def pool_for(broker: Any) -> LinePool:
    """Return the lines to the server of a broker.

    Args:
        broker: a `RabbitmqBroker`. Its own connections are left alone.
    """
    settings = bool(broker.confirm_delivery), configuration.current.broker_timeout
    with _lock:
        pool = _pools.get(broker)
        if pool is None or pool.settings != settings:
            if pool is not None:
                pool.close()
            given = broker.parameters
            parameters = list(given) if isinstance(given, list | tuple) else [given]
            pool = _pools[broker] = LinePool(parameters, *settings)
            weakref.finalize(broker, pool.close)
        return pool
