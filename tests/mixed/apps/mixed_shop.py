"""A shop whose tasks are in four queues: Celery, RQ, Dramatiq and Huey, each with its own Redis."""

from __future__ import annotations

import os

import celery
import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from huey import RedisHuey
from rq.decorators import job

JOURNAL = redis.Redis.from_url(os.environ["AIRLOCK_TEST_JOURNAL"])


def note(case, line):
    JOURNAL.rpush(f"journal:{case}", line)


app = celery.Celery("mixed_shop", broker=os.environ["AIRLOCK_TEST_CELERY"])
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)


@app.task(name="mixed_shop.by_celery")
def by_celery(case, number):
    note(case, f"celery {number}")


rq_redis = redis.Redis.from_url(os.environ["AIRLOCK_TEST_RQ"])


@job("default", connection=rq_redis)
def by_rq(case, number):
    note(case, f"rq {number}")


dramatiq_broker = RedisBroker(url=os.environ["AIRLOCK_TEST_DRAMATIQ"])


@dramatiq.actor(broker=dramatiq_broker)
def by_dramatiq(case, number):
    note(case, f"dramatiq {number}")


huey = RedisHuey("mixed_shop", url=os.environ["AIRLOCK_TEST_HUEY"])


@huey.task()
def by_huey(case, number):
    note(case, f"huey {number}")


def here(case, number):
    """Run in the process that has enqueued it."""
    note(case, f"here {number}")


KINDS = {
    "celery": by_celery,
    "rq": by_rq,
    "dramatiq": by_dramatiq,
    "huey": by_huey,
    "here": here,
}
