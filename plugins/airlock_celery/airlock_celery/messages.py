"""The messages of one intent, made first and sent then: one that cannot be made sends nothing."""

from __future__ import annotations

from typing import Any

from airlock_celery.connections import producer_for

#: Body, serializer and options of a message; no serializer where the body came encoded.
Made = tuple[Any, str | None, dict[str, Any]]


class Messages:
    """A producer that keeps what is published with it.

    Args:
        producer: the real one.
        connection: where the messages are for another broker than the app's.

    Attributes:
        foreign: that connection, or None.
        made: the messages as they were given.
        kept: body and options of the messages, encoded.
        sent: how many of them `send()` has given to the producer.
    """

    def __init__(self, producer: Any, connection: Any = None) -> None:
        """Begin empty."""
        self.foreign = connection
        self.sent = 0
        self._producer = producer
        self.kept: list[tuple[Any, dict[str, Any]]] = []
        self.made: list[Made] = []

    def __getattr__(self, name: str) -> Any:
        """Be the real producer in everything else."""
        return getattr(self._producer, name)

    def publish(
        self,
        body: Any,
        *,
        serializer: str | None = None,
        content_type: str | None = None,
        content_encoding: str | None = None,
        **options: Any,
    ) -> None:
        """Encode a message and keep it.

        Raises:
            EncodeError: the serializer does not take it.
        """
        self.made.append((body, serializer, dict(options)))
        if not content_type:
            from kombu import serialization

            encode: Any = serialization.dumps  # not annotated
            serializer = serializer or self._producer.serializer
            content_type, content_encoding, body = encode(body, serializer=serializer)
        options["content_type"], options["content_encoding"] = content_type, content_encoding
        self.kept.append((body, options))

    def send(self, **options: Any) -> None:
        """Publish what was kept, in order.

        Args:
            **options: options of `publish`, whatever the messages say.
        """
        if not self.kept:
            return
        if self.foreign is None:
            self._publish(self._producer, options)
        else:
            with producer_for(self.foreign) as producer:
                self._publish(producer, {})

    def _publish(self, producer: Any, options: dict[str, Any]) -> None:
        self.sent = 0
        for body, given in self.kept:
            declare = _undeclared(given.get("declare"), producer.channel)
            producer.publish(body, **given | options | {"declare": declare})
            self.sent += 1


def _undeclared(entities: Any, channel: Any) -> list[Any]:
    """Leave out the queues that the connection has declared, by Kombu's own record.

    Kombu would bind each anew for each message, to find the same: 20 of its 43 µs.
    """
    if not entities or channel.connection is None:
        return list(entities or ())
    declared = channel.connection.client.declared_entities
    return [e for e in entities if not (e.can_cache_declaration and hash(e) in declared)]
