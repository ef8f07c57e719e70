"""Dramatiq's errors, which are not annotated, for those who raise them here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dramatiq import errors

if TYPE_CHECKING:

    class BrokerError(errors.BrokerError):
        """What a broker refuses."""

        def __init__(self, message: object) -> None:
            """Say why."""

    class ConnectionFailed(BrokerError):
        """A connection could not be opened."""

    class ConnectionClosed(BrokerError):
        """A connection was closed."""

    class Returned(BrokerError):
        """RabbitMQ has no queue for a message, and has given it back."""

else:
    BrokerError = errors.BrokerError
    ConnectionFailed = errors.ConnectionFailed
    ConnectionClosed = errors.ConnectionClosed

    class Returned(BrokerError):
        """RabbitMQ has no queue for a message, and has given it back."""
