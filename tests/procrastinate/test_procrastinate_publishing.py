"""Many at once: what leaves, in what order, with which options, and in how many statements."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import procrastinate
import pytest
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.testing import InMemoryConnector

import airlock
import procrastinate_shop
from airlock import State


def test_jobs_of_several_tasks_and_queues_leave_in_one_insert(shop, jobs):
    """A mixed batch is one INSERT, in the order of the enqueues, each job with its own options."""
    with airlock.scope() as scope:
        airlock.enqueue(shop.add, 1)
        airlock.enqueue(shop.greet, 2, greeting="hi", _dispatch_options={"queue": "other"})
        airlock.enqueue(shop.add, 3, more=4, _dispatch_options={"priority": 7, "lock": "till"})
        airlock.enqueue(shop.greet, 5)
        assert jobs.rows("id") == []

    assert jobs.inserts == [4]
    assert jobs.rows("task_name", "queue_name", "priority", "lock", "args") == [
        ("add", "numbers", 0, None, {"number": 1}),
        ("greet", "other", 3, None, {"user_id": 2, "greeting": "hi"}),
        ("add", "numbers", 7, "till", {"number": 3, "more": 4}),
        ("greet", "greetings", 3, None, {"user_id": 5}),
    ]
    assert [intent.receipt.id for intent in scope.intents] == jobs.rows("id")


def test_a_job_for_later_counts_from_the_flush(shop, jobs):
    """`schedule_in` and `schedule_at` say when a job may be begun."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    before = datetime.now(UTC)
    with airlock.scope():
        airlock.enqueue(shop.add, 1, _dispatch_options={"schedule_in": {"hours": 1}})
        airlock.enqueue(shop.add, 2, _dispatch_options={"schedule_at": tomorrow})

    in_an_hour, at_a_time = jobs.rows("scheduled_at")
    assert timedelta(hours=1) <= in_an_hour - before < timedelta(hours=1, minutes=1)
    assert at_a_time == tomorrow


def test_a_configured_task_keeps_its_configuration(shop, jobs):
    """What `task.configure()` returns is carried, with the arguments it has and those it gets."""
    configured = shop.add.configure(queue="urgent", task_kwargs={"more": 1})
    with airlock.scope():
        airlock.enqueue(configured, number=2)

    assert jobs.rows("queue_name", "args") == [("urgent", {"more": 1, "number": 2})]


def test_a_task_of_another_program_is_named(app, jobs):
    """`app.configure_task()` is carried, also for a task that only the worker knows."""
    with airlock.scope():
        airlock.enqueue(app.configure_task("elsewhere", queue="far"), order=1)

    assert jobs.rows("task_name", "queue_name", "args") == [("elsewhere", "far", {"order": 1})]


def test_policies_know_a_configured_task_by_name(shop, jobs):
    """A policy that blocks a task blocks it with options, too."""
    with airlock.scope(policy=airlock.BlockTasks({"add"})) as scope:
        airlock.enqueue(shop.add.configure(queue="urgent"), number=1)

    assert [intent.state for intent in scope.intents] == [State.DENIED]
    assert jobs.rows("id") == []


def test_a_lock_that_is_taken_fails_alone(shop, jobs):
    """Of a batch, only the job is not inserted whose `queueing_lock` another has; order is kept."""
    with airlock.scope():
        airlock.enqueue(shop.add, 0, _dispatch_options={"queueing_lock": "taken"})

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
        for number in range(1, 10):
            options = {"queueing_lock": "taken"} if number == 5 else {}
            airlock.enqueue(shop.add, number, _dispatch_options=options)

    assert jobs.numbers == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert [intent.args for intent in caught.value.failed] == [(5,)]
    assert isinstance(scope.intents[4].outcome.error, AlreadyEnqueued)
    assert not caught.value.undelivered


def test_of_two_with_one_lock_the_first_leaves(shop, jobs):
    """Two jobs of one batch cannot have the same `queueing_lock`: the first has it."""
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        airlock.enqueue(shop.one_at_a_time, 1)
        airlock.enqueue(shop.one_at_a_time, 2)
        airlock.enqueue(shop.add, 3)

    assert jobs.numbers == [1, 3]
    assert [intent.args for intent in caught.value.failed] == [(2,)]


@pytest.mark.parametrize("bad", [{1}, "\x00", object()], ids=["a set", "a null byte", "an object"])
def test_arguments_that_cannot_be_stored_fail_alone(shop, jobs, bad):
    """What JSON or PostgreSQL does not take keeps back no other job."""
    airlock.configure(strict=False)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        airlock.enqueue(shop.add, 1)
        airlock.enqueue(shop.add, bad)
        airlock.enqueue(shop.add, 3)

    assert jobs.numbers == [1, 3]
    assert [intent.args for intent in caught.value.failed] == [(bad,)]


def test_a_lock_that_is_too_long_fails_alone(shop, jobs):
    """PostgreSQL has an index on locks, which takes no more than a few thousand characters."""
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        airlock.enqueue(shop.add, 1)
        airlock.enqueue(shop.add, 2, _dispatch_options={"lock": os.urandom(8192).hex()})
        airlock.enqueue(shop.add, 3)

    assert jobs.numbers == [1, 3]
    assert [intent.args for intent in caught.value.failed] == [(2,)]


def test_a_job_that_cannot_be_made_fails_alone(shop, jobs):
    """It keeps back no other, and is reported in its place."""
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
        airlock.enqueue(shop.add, 1)
        airlock.enqueue(shop.add, 2).kwargs["nonsense"] = True
        airlock.enqueue(shop.add, 3)

    assert jobs.numbers == [1, 3]
    assert [intent.state for intent in scope.intents] == [
        State.DISPATCHED,
        State.FAILED,
        State.DISPATCHED,
    ]
    assert "nonsense" in str(caught.value.exceptions[0])


def test_thousands_leave_in_a_few_inserts(shop, jobs):
    """A very long run is cut, so that no INSERT takes longer than a deadline allows."""
    with airlock.scope():
        for number in range(2500):
            airlock.enqueue(shop.add, number)

    assert jobs.inserts == [1000, 1000, 500]
    assert jobs.numbers == list(range(2500))


def test_a_run_costs_four_round_trips(far, jobs, proxy):
    """As a single job of procrastinate's: the pool's check of its connection, BEGIN, INSERT, COMMIT."""
    with proxy.counting() as counted, airlock.scope():
        for number in range(100):
            airlock.enqueue(far.shop.add, number)

    assert counted == [4]
    assert len(jobs.numbers) == 100


def test_each_app_gets_its_own(shop, jobs, new_database, make_app):
    """Tasks of two apps in one scope go home, in order."""
    elsewhere = new_database()
    other = make_app(elsewhere.url)
    with airlock.scope():
        airlock.enqueue(shop.add, 1)
        airlock.enqueue(other.shop.add, 2)
        airlock.enqueue(shop.add, 3)

    assert jobs.numbers == [1, 3]
    with other.open():
        assert [job.task_kwargs for job in other.job_manager.list_jobs()] == [{"number": 2}]


def test_threads_flush_at_the_same_time(shop, jobs):
    """More of them than the pool has connections wait for each other; each batch stays whole."""

    def request(number: int) -> None:
        with airlock.scope():
            for _ in range(3):
                airlock.enqueue(shop.add, number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(request, range(40)))

    assert jobs.inserts == [3] * 40
    assert sorted(jobs.numbers) == sorted([*range(40)] * 3)


def test_a_table_that_is_missing_fails_all(postgres, make_app):
    """Without procrastinate's tables nothing is tried job by job: one error says what is missing."""
    app = make_app(postgres.create_database("bare").url)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        for number in range(3):
            airlock.enqueue(app.shop.add, number)

    assert [intent.args for intent in caught.value.failed] == [(0,)]
    assert [intent.args for intent in caught.value.undelivered] == [(1,), (2,)]
    assert isinstance(caught.value.exceptions[0], ConnectorException)


def test_the_app_encodes_arguments(jobs, make_app):
    """`json_dumps` of the connector is used, as everywhere in that app."""
    app = make_app(jobs.url, json_dumps=lambda value: json.dumps(value, default=sorted))
    with airlock.scope():
        airlock.enqueue(app.shop.add, {2, 1})

    assert jobs.numbers == [[1, 2]]


def test_the_connector_for_tests_is_served(app, shop):
    """`procrastinate.testing.InMemoryConnector` gets the jobs as it does without airlock."""
    memory = InMemoryConnector()
    with app.replace_connector(memory):
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            airlock.enqueue(shop.one_at_a_time, 1)
            airlock.enqueue(shop.one_at_a_time, 2)
            airlock.enqueue(shop.add, 3)

    assert [row["args"]["number"] for row in memory.jobs.values()] == [1, 3]
    assert [intent.args for intent in caught.value.failed] == [(2,)]


def test_a_blueprint_is_of_the_app_that_takes_it(app, jobs):
    """A task of a blueprint goes where its app goes, under the name it has there."""
    blueprint = procrastinate.Blueprint()
    shop = procrastinate_shop.tasks_of(blueprint)
    app.add_tasks_from(blueprint, namespace="more")
    with airlock.scope():
        airlock.enqueue(shop.add, 1)

    assert jobs.rows("task_name") == ["more:add"]
