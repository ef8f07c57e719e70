"""What Dramatiq has put into a queue on Redis, in the order in which it was sent.

sent("redis://127.0.0.1:40001/3")[0].args
"""

from __future__ import annotations

import dramatiq
import redis


def sent(url: str, queue: str = "default") -> list[dramatiq.Message]:
    """The messages that wait in a queue, the first that was sent first."""
    with redis.Redis.from_url(url) as client:
        ids = client.lrange(f"dramatiq:{queue}", 0, -1)
        raw = client.hmget(f"dramatiq:{queue}.msgs", ids) if ids else []
    return [dramatiq.Message.decode(data) for data in raw]


def first_arguments(url: str, queue: str = "default") -> list[object]:
    """The first argument of each of them."""
    return [message.args[0] for message in sent(url, queue)]
