"""What RabbitMQ says of the messages on one channel: that it has them, or has not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from airlock_dramatiq.errors import BrokerError, Returned


class Confirmations:
    """The confirmations of a channel, from its opening on.

    Args:
        complete: called when nothing is waited for any longer.

    Attributes:
        waiting: the tags of messages that RabbitMQ has not spoken of.
    """

    def __init__(self, complete: Callable[[], None]) -> None:
        """Nothing has been published yet."""
        self.waiting: set[int] = set()
        self._complete = complete
        self._last_tag = 0
        self._refused: set[int] = set()
        self._returned: Counter[bytes] = Counter()  # a message may have been published twice

    def expect(self, count: int) -> range:
        """Wait for further messages, and return their tags: RabbitMQ counts them, too."""
        tags = range(self._last_tag + 1, self._last_tag + 1 + count)
        self._last_tag += count
        self.waiting |= set(tags)
        return tags

    def confirmed(self, frame: Any) -> None:
        """Take note of an acknowledgement, or of its opposite, of one message or of many."""
        method = frame.method
        tags = {method.delivery_tag}
        if method.multiple:
            tags = {tag for tag in self.waiting if tag <= method.delivery_tag}
        if method.NAME == "Basic.Nack":
            self._refused |= tags
        self.waiting -= tags
        if not self.waiting:
            self._complete()

    def returned(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        """Take note of a message that came back. It is acknowledged all the same."""
        self._returned[body] += 1

    def refusal(self, tag: int, message: dict[str, Any]) -> Exception | None:
        """Return why RabbitMQ has not taken a message that it has spoken of, or None."""
        body = message["body"]
        if body in self._returned:
            self._returned[body] -= 1
            if not self._returned[body]:
                del self._returned[body]
            return Returned(f"there is no queue {message['routing_key']!r}")
        if tag in self._refused:
            self._refused.discard(tag)
            return BrokerError("RabbitMQ has refused the message")
        return None
