"""One scope with tasks of several queues: each goes home, to real workers."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import random
import sys
import time
import uuid
from pathlib import Path

import pytest
import redis

import airlock
import mixed_workers

APPS = Path(__file__).parent / "apps"
QUEUES = list(mixed_workers.WORKERS)


@pytest.fixture(scope="module")
def variables(redis_server):
    """Where the queues are, and the journal: databases of the private Redis that nobody else uses."""
    names = [*QUEUES, "journal"]
    base = redis_server.url.rpartition("/")[0]
    return {f"AIRLOCK_TEST_{name.upper()}": f"{base}/{100 + i}" for i, name in enumerate(names)}


@pytest.fixture(scope="module")
def workers(variables):
    """A worker of each queue."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(mixed_workers.Worker(name, APPS, **variables)) for name in QUEUES
        ]


@pytest.fixture
def make_shop(monkeypatch, variables):
    """A function that imports the shop, where queues may be elsewhere than their workers are."""
    shops = []

    def make(**elsewhere):
        for name, url in {**variables, **elsewhere}.items():
            monkeypatch.setenv(name, url)
        monkeypatch.syspath_prepend(str(APPS))
        sys.modules.pop("mixed_shop", None)
        shops.append(importlib.import_module("mixed_shop"))
        return shops[-1]

    yield make
    sys.modules.pop("mixed_shop", None)
    for shop in shops:
        shop.app.close()
        shop.huey.storage.pool.disconnect()
        shop.dramatiq_broker.close()
        shop.rq_redis.close()
        shop.JOURNAL.close()


@pytest.fixture
def journal(variables, workers):
    """A function that waits until a case has that many lines, and returns them by queue."""
    with redis.Redis.from_url(variables["AIRLOCK_TEST_JOURNAL"]) as client:

        def read(case, count):
            deadline = time.monotonic() + 30
            while client.llen(f"journal:{case}") < count and time.monotonic() < deadline:
                time.sleep(0.01)
            lines = {}
            for line in client.lrange(f"journal:{case}", 0, -1):
                queue, _, number = line.decode().partition(" ")
                lines.setdefault(queue, []).append(int(number))
            return lines

        yield read


def _enqueue_mixed(shop, case, order):
    """Enqueue a task of each kind named in `order`, numbered; return the intents by queue."""
    intents = {}
    for number, kind in enumerate(order):
        intent = airlock.enqueue(shop.KINDS[kind], case, number)
        intents.setdefault(kind, []).append(intent)
    return intents


def _numbers(order):
    """What each queue must be asked for, in order."""
    return {
        kind: [i for i, one in enumerate(order) if one == kind] for kind in dict.fromkeys(order)
    }


def _any_order(seed):
    """Twelve of each kind, interleaved, in runs of one to a few."""
    kinds = [*QUEUES, "here"] * 12
    random.Random(seed).shuffle(kinds)
    return kinds


def test_each_goes_home_in_the_order_of_its_queue(make_shop, journal):
    """Sixty intents of four queues and of plain functions, interleaved, arrive in order, once each."""
    shop, case, order = make_shop(), uuid.uuid4().hex, _any_order(1)
    with airlock.scope():
        intents = _enqueue_mixed(shop, case, order)
        assert journal(case, 0) == {}

    assert journal(case, len(order)) == _numbers(order)
    assert {kind: type(found[0].receipt).__name__ for kind, found in intents.items()} == {
        "celery": "AsyncResult",
        "rq": "Job",
        "dramatiq": "Message",
        "huey": "Result",
        "here": "NoneType",
    }


def test_each_goes_home_from_async_with(make_shop, journal):
    """The same from an event loop."""
    shop, case, order = make_shop(), uuid.uuid4().hex, _any_order(2)

    async def request():
        async with airlock.scope():
            _enqueue_mixed(shop, case, order)

    asyncio.run(request())

    assert journal(case, len(order)) == _numbers(order)


def test_a_discarded_scope_sends_to_none(make_shop, journal):
    """What a failing block had asked for reaches no queue."""
    shop, case = make_shop(), uuid.uuid4().hex
    with pytest.raises(ZeroDivisionError), airlock.scope():
        _enqueue_mixed(shop, case, _any_order(3))
        raise ZeroDivisionError
    marks = [*QUEUES, "here"]
    with airlock.scope():
        _enqueue_mixed(shop, f"{case} after", marks)

    journal(f"{case} after", len(marks))
    assert journal(case, 0) == {}


@pytest.mark.parametrize("down", QUEUES)
def test_one_queue_that_is_down_does_not_stop_the_others(make_shop, journal, free_port, down):
    """Its own intents failed or were not tried; all others arrive, in order; `retry()` is for its own."""
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    shop = make_shop(**{f"AIRLOCK_TEST_{down.upper()}": nowhere})
    case, order = uuid.uuid4().hex, _any_order(4)
    with pytest.raises(airlock.DispatchError) as caught:
        with airlock.scope():
            intents = _enqueue_mixed(shop, case, order)

    error = caught.value
    expected = _numbers(order)
    ours = expected.pop(down)
    assert journal(case, len(order) - len(ours)) == expected
    assert {*error.failed, *error.undelivered} == set(intents[down])
    assert error.uncertain == ()
    assert len(error.dispatched) == len(order) - len(ours)


def test_a_policy_judges_the_tasks_of_every_queue(make_shop, journal):
    """`BlockTasks` knows each by its own name."""
    shop, case = make_shop(), uuid.uuid4().hex
    order = [*QUEUES, "here"]
    blocked = {"by_rq", "mixed_shop.by_dramatiq", shop.by_huey}
    with airlock.scope(policy=airlock.BlockTasks(blocked)) as scope:
        _enqueue_mixed(shop, case, order)

    assert journal(case, 2) == {"celery": [0], "here": [4]}
    assert [intent.state for intent in scope.intents] == [
        airlock.State.DISPATCHED,
        *[airlock.State.DENIED] * 3,
        airlock.State.DISPATCHED,
    ]
