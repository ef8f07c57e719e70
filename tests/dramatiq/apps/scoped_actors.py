"""Actors that run in scopes: those of the middleware, and those that they open themselves."""

import asyncio
import json
import os
import time

import dramatiq
import redis
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, CurrentMessage

import airlock
from airlock_dramatiq import AirlockMiddleware

BROKER = os.environ["AIRLOCK_TEST_BROKER"]
journal = redis.Redis.from_url(os.environ["AIRLOCK_TEST_JOURNAL"])

broker = (RedisBroker if BROKER.startswith("redis") else RabbitmqBroker)(url=BROKER)
broker.add_middleware(AsyncIO())
broker.add_middleware(CurrentMessage())
dramatiq.set_broker(broker)

# How soon a message is tried again, and how often.
QUICK = {"min_backoff": 50, "max_backoff": 100, "max_retries": 1}


class Broken(Exception):
    """What makes an actor fail."""


def note(case, line):
    journal.rpush(f"journal:{case}", line)


def run_number():
    return CurrentMessage.get_current_message().options.get("retries", 0)


@dramatiq.actor(queue_name="effects")
def effect(case, of):
    note(case, f"effect of {of}")


def act(case, outcome):
    """End as the test wants it."""
    number = run_number()
    note(case, f"run {number}")
    if outcome == "failure" or (outcome == "retry" and number == 0):
        raise Broken
    if outcome == "asks for a retry" and number == 0:
        raise dramatiq.errors.Retry("later", delay=50)
    return


@dramatiq.actor(**QUICK)
def before(case, outcome):
    """Declared before the middleware was added."""
    airlock.enqueue(effect, case, f"run {run_number()}")
    act(case, outcome)


broker.add_middleware(AirlockMiddleware())


@dramatiq.actor(**QUICK)
def after(case, outcome):
    airlock.enqueue(effect, case, f"run {run_number()}")
    act(case, outcome)


@dramatiq.actor(**QUICK)
async def in_the_loop(case, outcome):
    airlock.enqueue(effect, case, f"run {run_number()}")
    await asyncio.sleep(0)
    act(case, outcome)


@dramatiq.actor(**QUICK)
@airlock.scoped()
def with_its_own(case, outcome):
    airlock.enqueue(effect, case, f"run {run_number()}")
    act(case, outcome)


class ByClass(dramatiq.GenericActor):
    class Meta:
        actor_name = "by_class"
        min_backoff = 50
        max_retries = 1

    def perform(self, case, outcome):
        airlock.enqueue(effect, case, f"run {run_number()}")
        act(case, outcome)


@dramatiq.actor(**QUICK)
def unflushable_at_first(case):
    """Its flush fails in the first run: the message is retried, as the work is not done."""
    note(case, f"run {run_number()}")
    options = {"on_success": act} if run_number() == 0 else None  # `act` is no actor
    airlock.enqueue(effect, case, f"run {run_number()}", _dispatch_options=options)


@dramatiq.actor(max_retries=0)
def calls_another(case):
    """An actor that is called like a function runs in the scope of its caller."""
    note(case, "run 0")
    try:
        effect_and_failure(case)
    except Broken:
        pass


@dramatiq.actor(max_retries=0)
def effect_and_failure(case):
    airlock.enqueue(effect, case, "the inner one")
    raise Broken


@dramatiq.actor(max_retries=0, time_limit=300)
def too_slow(case):
    note(case, "run 0")
    airlock.enqueue(effect, case, "run 0")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        time.sleep(0.01)


@dramatiq.actor(max_retries=0)
async def awaits_effects(case):
    """In the loop an effect may be an `async def`."""

    async def inline(line):
        note(case, line)

    airlock.enqueue(inline, "awaited")
    note(case, "run 0")


@dramatiq.actor(max_retries=0)
def request(case):
    """Write down how the message arrived."""
    message = CurrentMessage.get_current_message()
    options = {name: message.options.get(name) for name in ("airlock", "max_age")}
    note(case, json.dumps({"id": message.message_id, **options}))


@dramatiq.actor(max_retries=0)
def add(case, *numbers):
    note(case, f"sum {sum(numbers)}")
    return sum(numbers)


@dramatiq.actor(max_retries=0)
def composes(case):
    airlock.enqueue(add.message(case, 1, 2) | add.message(case, 3))
    airlock.enqueue(dramatiq.group([add.message(case, 10), add.message(case, 20)]))
    airlock.enqueue(add.message(case, 100))


@dramatiq.actor(queue_name="default")
def finished(case):
    journal.set(f"finished:{case}", "1")
