"""Actors whose worker logs with structlog, and the request that gives it work."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, CurrentMessage, GroupCallbacks
from dramatiq.rate_limits.backends import RedisBackend

import airlock
import structlog_lines
from airlock_dramatiq import AirlockMiddleware
from structlog_lines import mark

structlog_lines.configure()
URL = os.environ["AIRLOCK_TEST_BROKER"]
broker = RedisBroker(url=URL)
broker.add_middleware(AsyncIO())
broker.add_middleware(CurrentMessage())
broker.add_middleware(GroupCallbacks(RedisBackend(url=URL)))
broker.add_middleware(AirlockMiddleware())
dramatiq.set_broker(broker)


@dramatiq.actor
def seen(case, step):
    mark(case, step)


@dramatiq.actor
async def awaited(case, step):
    mark(case, step)


@dramatiq.actor(min_backoff=50, max_backoff=100, max_retries=1)
def retried(case, step):
    run = CurrentMessage.get_current_message().options.get("retries", 0)
    mark(case, f"{step}, run {run}")
    if not run:
        raise ValueError(step)


@dramatiq.actor
def parent(case, step):
    mark(case, step)
    airlock.enqueue(seen, case, f"{step}, child")


def _seen(case, step):
    return seen.message_with_options(args=(case, step), pipe_ignore=True)


def send(case: str) -> None:
    """Do what a request does, and then what has no request."""
    structlog_lines.bind(case)
    with airlock.scope():
        airlock.enqueue(seen, case, "plain")
        airlock.enqueue(awaited, case, "awaited")
        airlock.enqueue(retried, case, "retried")
        airlock.enqueue(parent, case, "parent")
        airlock.enqueue(dramatiq.pipeline([_seen(case, "piped 1"), _seen(case, "piped 2")]))
        group = dramatiq.group([_seen(case, "grouped 1"), _seen(case, "grouped 2")])
        group.add_completion_callback(_seen(case, "completed"))
        airlock.enqueue(group)
    structlog_lines.unbind()
    for number in range(4):
        seen.send(case, f"clean {number}")
        awaited.send(case, f"clean awaited {number}")
