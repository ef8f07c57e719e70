"""What Celery has put into a queue on Redis, in the order in which it was sent.

sent("redis://127.0.0.1:40001/3")[0].args
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import redis


@dataclass(frozen=True)
class Message:
    """One message, as a worker would receive it."""

    task: str
    id: str
    args: list[Any]
    kwargs: dict[str, Any]
    embed: dict[str, Any]
    headers: dict[str, Any]
    properties: dict[str, Any]


def sent(url: str, queue: str = "celery") -> list[Message]:
    """The messages that wait in a queue, the first that was sent first."""
    with redis.Redis.from_url(url) as client:
        raw = client.lrange(queue, 0, -1)
    return [_message(json.loads(line)) for line in reversed(raw)]


def _message(envelope: dict[str, Any]) -> Message:
    args, kwargs, embed = json.loads(base64.b64decode(envelope["body"]))
    headers = envelope["headers"]
    properties = envelope["properties"]
    return Message(headers["task"], headers["id"], args, kwargs, embed, headers, properties)
