"""Whether what was sent has been worked off, without guessing how long that takes."""

import os
import time
import uuid

import redis
from celery import Celery

BROKER = os.environ["AIRLOCK_TEST_BROKER"]

# Not the project's app: what it sends might be held in a scope.
_messenger = Celery("messenger", broker=BROKER, set_as_current=False, fixups=[])
_client = redis.Redis.from_url(BROKER)


def work_off(children):
    """Wait until whatever has been sent so far is done.

    The worker's free children, so many, are sent to a meeting. All of them are there only when
    what was in the queue before has ended. What was sent too early has therefore left its traces.
    """
    meeting = uuid.uuid4().hex
    for _ in range(children):
        _messenger.send_task("orders.tasks.meet", (meeting, children))
    _wait(meeting, children)


def meet(meeting, children):
    _client.incr(meeting)
    _wait(meeting, children)


def _wait(meeting, children):
    deadline = time.monotonic() + 20
    while int(_client.get(meeting) or 0) < children:
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited for a meeting of {children}")
        time.sleep(0.005)
