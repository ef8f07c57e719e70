"""A connection of airlock's own to RabbitMQ, on which every wait ends within the deadline.

Pika's `BlockingConnection` has no deadline for an answer, and waits for a confirmation after each
message. `SelectConnection` does neither: its loop runs here, for as long as something is awaited.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from pika import SelectConnection  # type: ignore[import-untyped]
from pika.exceptions import AMQPError  # type: ignore[import-untyped]

from airlock_dramatiq.confirmations import Confirmations
from airlock_dramatiq.errors import BrokerError, ConnectionClosed, ConnectionFailed
from airlock_dramatiq.loops import Loop, bounded, reason_of


class Line:
    """A connection with one channel.

    Args:
        parameters: Pika's parameters of each server that may be asked, in order.
        confirms: whether RabbitMQ is to confirm messages.
        timeout: how many seconds each wait may take.

    Raises:
        ConnectionFailed: there is no connection to be had.

    Attributes:
        lost: why it can no longer be used, or None.
        silent: whether that is because an answer did not come in time.
    """

    def __init__(self, parameters: Sequence[Any], confirms: bool, timeout: float) -> None:
        """Connect."""
        self.lost: BaseException | None = None
        self.silent = False
        self._confirms = confirms
        self._timeout = timeout
        self._connection: Any = None
        self._channel: Any = None
        self._closed: BaseException | None = None
        self._loop = Loop()
        # One that does not answer leaves the others their share of the deadline.
        configurations = [bounded(each, timeout / len(parameters)) for each in parameters]
        self._workflow = SelectConnection.create_connection(
            configurations, self._connected, self._loop
        )
        try:
            self._wait(lambda: self._connection is not None)
            self._open_channel()
        except ConnectionClosed as error:
            self.abandon()
            raise ConnectionFailed(f"RabbitMQ cannot be reached: {error}") from None
        except BaseException:
            self.abandon()
            raise

    def knock(self) -> None:
        """Make sure that RabbitMQ answers, and has done what it was told in the channel before.

        Raises:
            ConnectionClosed: it does not. The line is lost.
        """
        try:
            self._ask(lambda done: self._channel.basic_qos(callback=done))
        except ConnectionClosed as error:
            self.lost = self.lost or error
            raise

    def declare(self, queue: dict[str, Any]) -> Any:
        """Declare a queue.

        Args:
            queue: the arguments of Pika's `queue_declare`.

        Raises:
            BrokerError: RabbitMQ does not have it so; the line goes on.
            ConnectionClosed: the line is lost.
        """
        try:
            return self._ask(lambda done: self._channel.queue_declare(callback=done, **queue))
        except ConnectionClosed as error:
            if self.lost is not None:
                raise
            self._open_channel()  # RabbitMQ closes a channel in which something is wrong
            raise BrokerError(f"the queue {queue['queue']!r} cannot be had: {error}") from None

    def publish(self, messages: Sequence[dict[str, Any]]) -> list[Exception | None]:
        """Publish messages, and wait once for all of them.

        Args:
            messages: for each, the arguments of Pika's `basic_publish`.

        Returns:
            For each message None, or why RabbitMQ has not taken it. A `ConnectionClosed` says that
            the line was lost, and that nobody knows.
        """
        said = self._said
        tags = said.expect(len(messages)) if self._confirms else range(len(messages))
        try:
            for message in messages:
                self._channel.basic_publish(**message)
            if self._confirms:
                self._wait(lambda: not said.waiting)
            else:
                self.knock()
        except (ConnectionClosed, AMQPError) as error:
            lost = error if isinstance(error, ConnectionClosed) else ConnectionClosed(error)
            self.lost = self.lost or lost
            known = self._confirms
            return [
                said.refusal(tag, message) if known and tag not in said.waiting else lost
                for tag, message in zip(tags, messages, strict=True)
            ]
        return [said.refusal(tag, message) for tag, message in zip(tags, messages, strict=True)]

    def close(self) -> None:
        """Hang up, and take leave where the line is still there."""
        if self.lost is None and self._connection.is_open:
            self._timeout = min(self._timeout, 1)
            with contextlib.suppress(ConnectionClosed, AMQPError):
                self._connection.close()
                self._wait(lambda: False)
        self.abandon()

    def abandon(self) -> None:
        """Hang up at once."""
        self.lost = self.lost or ConnectionClosed("airlock has hung up")
        if self._connection is None:
            with contextlib.suppress(Exception):  # it may have ended by itself
                self._workflow.abort()
        self._loop.hang_up(lambda: self._connection is not None and self._connection.is_closed)

    def _ask(self, question: Callable[[Callable[[Any], None]], Any]) -> Any:
        answers: list[Any] = []

        def done(answer: Any) -> None:
            answers.append(answer)
            self._loop.stop()

        try:
            question(done)
        except AMQPError as error:
            raise ConnectionClosed(error) from None
        self._wait(lambda: bool(answers))
        return answers[0]

    def _wait(self, done: Callable[[], bool]) -> None:
        """Have the loop run until something is so.

        Raises:
            ConnectionClosed: it will not be: the line or its channel is closed, or time is up.
        """
        expired = self._loop.run(self._timeout, lambda: done() or self._ended is not None)
        if done():
            return
        if expired and self._ended is None:
            self.silent = True
            self.lost = TimeoutError(f"RabbitMQ has not answered for {self._timeout:g} seconds")
        raise ConnectionClosed(reason_of(self._ended))

    @property
    def _ended(self) -> BaseException | None:
        return self.lost or self._closed

    def _open_channel(self) -> None:
        self._closed = None
        self._said = Confirmations(self._loop.stop)
        self._channel = self._ask(lambda done: self._connection.channel(on_open_callback=done))
        self._channel.add_on_close_callback(self._channel_closed)
        self._channel.add_on_return_callback(self._said.returned)
        if self._confirms:
            self._ask(lambda done: self._channel.confirm_delivery(self._said.confirmed, done))

    def _connected(self, result: Any) -> None:
        if isinstance(result, BaseException):
            self.lost = self.lost or result
        else:
            self._connection = result
            result.add_on_close_callback(self._hung_up)
        self._loop.stop()

    def _hung_up(self, connection: Any, reason: BaseException) -> None:
        self.lost = self.lost or reason
        self._loop.stop()

    def _channel_closed(self, channel: Any, reason: BaseException) -> None:
        if channel is self._channel:
            self._closed = reason
            self._loop.stop()
