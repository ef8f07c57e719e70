"""The servers that the queues are measured with: private ones, which end with the program.

BENCH_REDIS_URL, BENCH_AMQP_URL and BENCH_POSTGRESQL_URL name others instead; they are emptied.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from peer import ROOT

sys.path.append(str(ROOT / "tests" / "support"))

from rabbitmq import RabbitMQ
from servers import MissingProgramError, Postgres, Redis, Server

#: By the scheme of their addresses: the server, and the address of it to use.
SERVERS: dict[str, tuple[Callable[[], Server], Callable[..., str]]] = {
    "redis": (Redis, lambda redis: redis.url),
    "amqp": (RabbitMQ, lambda rabbitmq: rabbitmq.create_vhost("bench")),
    "postgresql": (Postgres, lambda postgres: postgres.create_database("bench").url),
}


@contextmanager
def broker(scheme: str) -> Iterator[str | None]:
    """Lend the address of a server, or None where it is not on this machine."""
    if given := os.environ.get(f"BENCH_{scheme.upper()}_URL"):
        yield given
        return
    kind, address = SERVERS[scheme]
    try:
        server = kind().start()
    except MissingProgramError as error:
        print(f"Without {kind.__name__}: {error}", file=sys.stderr)
        yield None
        return
    try:
        yield address(server)
    finally:
        server.stop()
