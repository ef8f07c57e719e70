"""Celery: `delay()` in a loop, and airlock. It has no call for many messages."""

from __future__ import annotations

import json
from uuid import uuid4

from celery import Celery
from kombu import serialization

BROKERS = ["redis", "amqp"]
PEER = "celery"


class Library:
    executor = None  # the task goes home by itself

    def __init__(self, url: str) -> None:
        self.app = Celery("bench", broker=url, set_as_current=True)
        self.task = self.app.task(name="bench.task")(_task)

    def loop(self, size: int) -> None:
        for number in range(size):
            self.task.delay(number, name="name")

    def floor(self, size: int) -> None:
        """Make each message, and the JSON that a broker without parts would be given of it."""
        for number in range(size):
            made = self.app.amqp.as_task_v2(
                str(uuid4()), self.task.name, (number,), {"name": "name"}, create_sent_event=False
            )
            content_type, encoding, body = serialization.dumps(made.body, serializer="json")
            properties = {**made.properties, "body_encoding": "base64"}
            message = {"body": body, "headers": made.headers, "properties": properties}
            json.dumps({**message, "content-type": content_type, "content-encoding": encoding})

    def arrived(self) -> int:
        with self.app.connection_for_read() as connection:
            queue = connection.default_channel.queue_declare("celery", passive=True)
            count: int = queue.message_count
            return count

    def clear(self) -> None:
        with self.app.connection_for_write() as connection:
            self.app.amqp.queues["celery"].bind(connection.default_channel).declare()
            connection.default_channel.queue_purge("celery")


def _task(number: int, name: str) -> None:
    """Do nothing."""
