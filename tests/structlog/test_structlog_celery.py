"""One correlation id, from a request to the lines of a Celery worker's own log."""

from __future__ import annotations

import pytest

import celery_workers
import structlog_lines
from structlog_lines import IDS, parsed, says, sends

STEPS = [
    "plain", "retried, run 0", "retried, run 1", "parent", "parent, child", "chain 1", "chain 2",
    "grouped 1", "grouped 2", "header 1", "header 2", "body", "nested 1", "nested 2", "nested 3",
    "linking", "linked", "failed", "errback", "replaced", "replaced, stand-in",
]  # fmt: skip
CLEAN = [f"clean {number}" for number in range(6)]


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def worker(request, new_database):
    """A worker with two child processes, on each broker."""
    results = broker = new_database()
    if request.param == "rabbitmq":
        broker = request.getfixturevalue("rabbitmq_server").create_vhost()
    with celery_workers.Worker(
        "structlog_celery",
        broker,
        "prefork",
        structlog_lines.SUPPORT,
        AIRLOCK_TEST_JOURNAL=results,
        AIRLOCK_TEST_INTERCEPT="yes",
    ) as started:
        yield started


@pytest.fixture(scope="module")
def request_of(worker):
    """A function that does what a request does, in a process of its own."""
    given = {"AIRLOCK_TEST_BROKER": worker.broker, "AIRLOCK_TEST_JOURNAL": worker.journal}
    return lambda case, act, **more: sends("structlog_celery", case, act, **given, **more)


@pytest.fixture(scope="module")
def case(request_of):
    """A request that has enqueued everything."""
    case = structlog_lines.new_case()
    request_of(case, "send")
    return case


@pytest.fixture(scope="module")
def said(worker, case):
    """What the worker has logged of it."""
    return says(worker, case, *STEPS, *CLEAN)


@pytest.mark.parametrize("step", STEPS)
def test_the_ids_of_the_request_are_in_the_worker(said, step):
    """Also after a retry, in what a task enqueues or is replaced by, and in every task of a canvas."""
    assert said[step]["bound"] == IDS
    assert said[step]["correlation_id"] == "c-1"


def test_a_worker_keeps_nothing_of_them(said):
    """A task that no request has asked for finds nothing bound."""
    assert [said[step]["bound"] for step in CLEAN] == [{}] * 6


def test_celerys_own_lines_have_them(worker, case, said):
    """That a task has succeeded, is retried or has failed is found by the id of the request."""
    lines = [line for line in parsed(worker.log) if line.get("correlation_id") == "c-1"]
    own = " ".join(line["event"] for line in lines if line["event"].startswith("Task "))
    assert "succeeded" in own
    assert "retry" in own
    assert "raised unexpected" in own


def test_what_the_intercept_holds_carries_them_too(worker, request_of):
    """A canvas that was sent by its own methods arrives with the ids that its results wait for."""
    case = structlog_lines.new_case()
    request_of(case, "send_intercepted", AIRLOCK_TEST_INTERCEPT="yes")
    steps = "plain", "chain 1", "chain 2", "header 1", "header 2", "body", "grouped 1", "grouped 2"
    assert [line["bound"] for line in says(worker, case, *steps).values()] == [IDS] * 8
