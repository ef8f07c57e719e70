"""Tasks and workers that are stopped in the middle: nothing leaves twice, and nothing half."""

from __future__ import annotations

import signal

import pytest

import celery_workers

ALL = ["effect before", "effect {}", "effect after"]


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def start(request, new_database, apps):
    """A function that starts a worker with two children, on Redis or on RabbitMQ."""
    workers = []
    variables = {}
    broker = new_database()
    if request.param == "rabbitmq":
        variables = {"AIRLOCK_TEST_JOURNAL": broker}
        broker = request.getfixturevalue("rabbitmq_server").create_vhost()

    def start(options: str = "") -> celery_workers.Worker:
        worker = celery_workers.Worker(
            "stopping_shop", broker, "prefork", apps, options, **variables
        )
        workers.append(worker.start())
        return worker

    yield start
    for worker in workers:
        worker.stop()


@pytest.fixture(scope="module")
def worker(start):
    """One worker for all tests that do not stop it."""
    return start()


def effects(of: str) -> list[str]:
    return [line.format(of) for line in ALL]


@pytest.mark.parametrize("limit", ["soft_time_limit", "time_limit"])
def test_a_time_limit_in_the_body_discards(make_journal, worker, limit):
    """A task that takes too long has failed, and nothing of it leaves."""
    journal = make_journal(worker)
    task_id = journal.send("shop.order", "sleeps", **{limit: 1})

    state, result = journal.ends(task_id)
    journal.has("run")
    assert state == "FAILURE"
    assert "TimeLimitExceeded" in result["exc_type"]


@pytest.mark.parametrize("limit", ["soft_time_limit", "time_limit"])
def test_a_time_limit_in_the_flush(make_journal, worker, limit):
    """The task has failed and nothing has left: all messages are made before the first is sent."""
    journal = make_journal(worker)
    task_id = journal.send("shop.order", "hangs", **{limit: 1})

    state, result = journal.ends(task_id)
    journal.has("run", "the flush hangs")
    assert state == "FAILURE"
    if limit == "time_limit":
        assert result["exc_type"] == "TimeLimitExceeded"
    else:
        assert result["exc_type"] == "DispatchError"
        assert "1 failed (shop.effect); 2 not tried" in result["exc_message"][0]


def test_a_child_that_exits_discards(make_journal, worker):
    """`SystemExit` ends the child, and nothing of its task leaves."""
    journal = make_journal(worker)
    journal.send("shop.order", "exits")

    journal.waits_for_lines(1)
    journal.has("run")


def test_a_child_that_is_killed_in_the_flush(make_journal, worker):
    """With `acks_late` the task comes again: its message was not acknowledged before the flush."""
    journal = make_journal(worker)
    task_id = journal.send("shop.late_order", "kills")

    assert journal.ends(task_id)[0] == "SUCCESS"
    journal.has("run", "run", *effects("kills"))


def test_without_acks_late_it_does_not_come_again(make_journal, worker):
    """The task is lost with its child, as Celery says, and nothing of it has left."""
    journal = make_journal(worker)
    task_id = journal.send("shop.order", "kills")

    assert journal.ends(task_id)[0] == "FAILURE"
    journal.has("run")


def test_children_that_are_replaced(make_journal, start, worker):
    """With one task for each child, every task flushes before its child ends."""
    replacing = start("--max-tasks-per-child 1 --queues short")
    journal = make_journal(replacing)
    for number in range(3):
        journal.send("shop.order", f"number {number}", queue="short")
    journal.waits_for_lines(12)

    lines = [effect for number in range(3) for effect in effects(f"number {number}")]
    journal.has(*["run"] * 3, *lines)
    replacing.stop()


def test_a_warm_shutdown_waits_for_the_flush(make_journal, start, worker):
    """SIGTERM lets the task come to its end, and what it asked for leaves."""
    stopping = start("--queues warm")
    journal = make_journal(stopping)
    journal.send("shop.order", "sleeps", queue="warm")
    journal.waits_for_lines(1)
    stopping.process.send_signal(signal.SIGTERM)
    stopping.process.wait(30)

    journal.has("run", "slept", *effects("sleeps"))


def test_a_cold_shutdown_discards_and_the_task_comes_again(make_journal, start, worker):
    """SIGQUIT ends the task in the middle; the next worker runs it whole, once."""
    stopping = start("--queues cold")
    journal = make_journal(stopping)
    task_id = journal.send("shop.late_order", "sleeps once", queue="cold")
    journal.waits_for_lines(1)
    stopping.process.send_signal(signal.SIGQUIT)
    stopping.process.wait(30)
    start("--queues cold,celery")

    assert journal.ends(task_id)[0] == "SUCCESS"
    journal.has("run", "run", *effects("sleeps once"))
