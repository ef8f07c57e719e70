"""Tasks that run in a scope, in real consumers with processes, threads and greenlets."""

from __future__ import annotations

import os
import signal
import time

import pytest
from huey import api
from huey.exceptions import TaskException

import airlock
import airlock_huey
import huey_consumers

FIRST = ["first run"]
BOTH = ["first run", "second run", "effect of the second run"]


def test_success_flushes(journal, shop):
    """What a task enqueues leaves when the task has succeeded."""
    with airlock.scope():
        intent = airlock.enqueue(shop.works, journal.case, "succeeds")

    journal.has("first run", "effect of the first run")
    assert intent.receipt.get(blocking=True, timeout=30) == "succeeds"


@pytest.mark.parametrize("outcome", ["fails", "cancels"])
def test_failure_discards(journal, shop, outcome):
    """What a task enqueues is discarded when it fails, or is cancelled."""
    with airlock.scope():
        airlock.enqueue(shop.works, journal.case, outcome)

    journal.has(*FIRST)


@pytest.mark.parametrize("retry_delay", [0, 1])
def test_a_failure_is_retried_and_discards_each_time(journal, shop, retry_delay):
    """`retries` are Huey's own: they are not held, and what the failed run had enqueued is gone."""
    options = {"retries": 2, "retry_delay": retry_delay}
    with airlock.scope():
        airlock.enqueue(shop.works, journal.case, "fails at first", _dispatch_options=options)

    journal.has(*BOTH)


@pytest.mark.parametrize("outcome", ["retries", "retries later"])
def test_a_retry_discards_and_happens(journal, shop, outcome):
    """So it is with `RetryTask`."""
    with airlock.scope():
        airlock.enqueue(shop.works, journal.case, outcome)

    journal.has(*BOTH)


def test_a_flush_that_fails_fails_the_task(journal, shop):
    """What cannot be sent makes the task fail, where everybody sees it."""
    with airlock.scope():
        intent = airlock.enqueue(shop.works, journal.case, "cannot flush at first")

    with pytest.raises(TaskException, match=r"DispatchError.*1 failed \(huey_shop.effect\)"):
        intent.receipt.get(blocking=True, timeout=30)


def test_a_flush_that_fails_is_retried(journal, shop):
    """Huey's `retries` are for the flush, too."""
    with airlock.scope():
        airlock.enqueue(
            shop.works, journal.case, "cannot flush at first", _dispatch_options={"retries": 1}
        )

    # One of the two effects of the first run could be sent, and was.
    journal.has("effect of the first run", *BOTH)


@pytest.mark.parametrize("fails", [False, True])
def test_a_decorated_task_is_in_a_scope(journal, shop, fails):
    """`@airlock.scoped()` below `@huey.task()` does the same, inside of the scope that is there."""
    with airlock.scope():
        airlock.enqueue(shop.decorated, journal.case, fails)

    journal.has("run", *([] if fails else ["effect"]))


def test_the_steps_of_a_pipeline_go_on(journal, shop):
    """Each step is in a scope of its own, and the next step is Huey's to send."""
    with airlock.scope():
        step = shop.step
        pipeline = step.s(journal.case, 1).then(step, journal.case, 2).then(step, journal.case, 3)
        airlock.enqueue(pipeline)

    steps = ["step 1 after None", "step 2 after 1", "step 3 after 2"]
    journal.has(*steps, *(f"effect of step {number}" for number in (1, 2, 3)))


@pytest.mark.skipif(not hasattr(api, "chord"), reason="Huey 2 has no chords")
def test_a_chord_calls_back(journal, shop):
    """The callback is Huey's to send, too."""
    with airlock.scope():
        chord = api.chord([shop.add.s(1, 2), shop.add.s(3, 4)], shop.total.s())
        intent = airlock.enqueue(chord)

    assert intent.receipt.get(blocking=True, timeout=30) == 10


def test_periodic_tasks_are_in_a_scope(journal):
    """The consumer itself enqueues them, and what they enqueue leaves."""
    journal.has("periodic run", "effect of the periodic task", case="periodic")


def test_the_worker_sees_what_was_sent(journal, shop):
    """The arguments, named as Huey's options or not, arrive; `intent.id` is the task's own id."""
    with airlock.scope():
        airlock.enqueue(shop.sees, journal.case, 1, retries=5, priority="high", id=7)
        intent = airlock.enqueue(shop.knows_itself, journal.case, _dispatch_options={"retries": 3})

    journal.has("(1,) {'retries': 5, 'priority': 'high', 'id': 7}", f"{intent.id} None 3")


def test_a_delayed_task_is_executed_later(journal, shop):
    """`delay` keeps it in Huey's schedule."""
    started = time.monotonic()
    with airlock.scope():
        intent = airlock.enqueue(shop.works, journal.case, "late", _dispatch_options={"delay": 2})

    assert intent.receipt.get(blocking=True, timeout=30) == "late"
    assert time.monotonic() - started >= 2


@pytest.mark.skipif(not hasattr(api.Task, "default_timeout"), reason="Huey 2 has no timeouts")
@pytest.mark.parametrize("consumer", ["process"], indirect=True)
def test_a_task_that_runs_too_long_discards(journal, shop):
    """Huey's timeout is an exception of the task. Threads have none, and greenlets would have to wait."""
    with airlock.scope():
        intent = airlock.enqueue(shop.stuck, journal.case, _dispatch_options={"timeout": 1})

    with pytest.raises(TaskException, match="TaskTimeout"):
        intent.receipt.get(blocking=True, timeout=30)
    journal.has("begun")


def test_a_consumer_that_is_killed_has_sent_nothing(new_database, apps, make_shop, make_journal):
    """`kill -9` in the middle of a task: what it had enqueued has not left."""
    broker = new_database()
    with huey_consumers.Consumer("huey_shop.huey", broker, "thread", apps) as consumer:
        shop = make_shop(broker)
        journal = make_journal(consumer, shop)
        with airlock.scope():
            airlock.enqueue(shop.stuck, journal.case)
        deadline = time.monotonic() + 30
        while journal.lines != ["begun"]:
            assert time.monotonic() < deadline, consumer.log
            time.sleep(0.01)
        os.kill(consumer.process.pid, signal.SIGKILL)
        consumer.process.wait()

    assert journal.lines == ["begun"]
    assert len(shop.huey) == 0


def test_only_a_huey_can_have_scopes():
    """Anything else is told so, with the remedy."""
    with pytest.raises(airlock.ConfigurationError, match="needs a Huey"):
        airlock_huey.install_scopes("huey")


def test_installing_twice_is_installing_once(huey):
    """A module that is imported under two names does not nest its scopes."""
    airlock_huey.install_scopes(huey)
    execute = huey._execute
    airlock_huey.install_scopes(huey)

    assert huey._execute is execute
