"""`huey.immediate`: Huey runs the task here, at the flush."""

from __future__ import annotations

import logging

import pytest
from huey import MemoryHuey
from huey.exceptions import TaskException

import airlock
import airlock_huey


@pytest.fixture
def huey():
    return MemoryHuey("shop", immediate=True)


def test_it_runs_at_the_flush(huey, add):
    """Not before, once, and the receipt has the result."""
    with airlock.scope():
        intent = airlock.enqueue(add, 1, right=2)
        assert huey.result_count() == 0

    assert intent.receipt.get() == 3


def test_it_is_asked_at_the_flush(huey, add):
    """What is switched to immediate after the `enqueue` runs here."""
    huey.immediate = False
    with airlock.scope():
        intent = airlock.enqueue(add, 1, right=2)
        huey.immediate = True

    assert intent.receipt.get() == 3


def test_a_failing_task_fails_as_huey_says(huey, caplog):
    """Huey keeps the error in the result, as a worker does; the other tasks run."""

    @huey.task()
    def divides(number):
        return 12 / number

    with caplog.at_level(logging.CRITICAL, "huey"), airlock.scope():
        intents = [airlock.enqueue(divides, number) for number in (2, 0, 3)]

    assert [intents[0].receipt.get(), intents[2].receipt.get()] == [6, 4]
    with pytest.raises(TaskException, match="ZeroDivisionError"):
        intents[1].receipt.get()


def test_an_error_of_huey_is_that_intents_own(huey):
    """A result that cannot be encoded fails its intent, and the others run."""

    @huey.task()
    def makes(number):
        return (lambda: None) if number == 1 else number

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(makes, number) for number in (2, 1, 3)]

    assert caught.value.failed == (intents[1],)
    assert [intents[0].receipt.get(), intents[2].receipt.get()] == [2, 3]


def test_what_a_task_enqueues_leaves_with_it(huey, add):
    """With scopes, what a failing task had enqueued is discarded, and what another had is not."""
    airlock_huey.install_scopes(huey)
    ran = []

    @huey.task(retries=1)
    def works(fails):
        airlock.enqueue(ran.append, fails)
        if fails:
            raise ValueError("out of stock")

    with airlock.scope():
        airlock.enqueue(works, True)
        airlock.enqueue(works, False)

    assert ran == [False]
