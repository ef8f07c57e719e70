"""One correlation id, from a request to the lines of a Huey consumer's own log."""

from __future__ import annotations

import pytest

import huey_consumers
import structlog_lines
from structlog_lines import IDS, parsed, says, sends

STEPS = [
    "plain", "keywords ['one']", "retried, retries left 1", "retried, retries left 0", "parent",
    "parent, child", "piped 1", "piped 2", "on error", "grouped 1", "grouped 2", "member 1",
    "member 2", "callback",
]  # fmt: skip
CLEAN = [f"clean {number}" for number in range(4)]
TWICE = "enqueued twice"


@pytest.fixture(scope="module", params=["process", "thread", "greenlet"])
def consumer(request, new_database):
    """A consumer of each kind."""
    path = structlog_lines.SUPPORT
    with huey_consumers.Consumer(
        "structlog_huey.huey", new_database(), request.param, path
    ) as started:
        yield started


@pytest.fixture(scope="module")
def said(consumer):
    """What it has logged of a request."""
    case = structlog_lines.new_case()
    sends("structlog_huey", case, AIRLOCK_TEST_BROKER=consumer.broker)
    return says(consumer, case, *STEPS, *CLEAN, TWICE, TWICE)


@pytest.mark.parametrize("step", STEPS)
def test_the_ids_of_the_request_are_in_the_consumer(said, step):
    """Also after a retry, in pipelines, groups and chords, and in what a task enqueues."""
    assert said[step]["bound"] == IDS
    assert said[step]["correlation_id"] == "c-1"


def test_a_consumer_keeps_nothing_of_them(said):
    """A task that no request has asked for finds nothing bound."""
    assert [said[step]["bound"] for step in CLEAN] == [{}] * 4


def test_a_ready_made_task_stays_the_applications_own(consumer, said):
    """What travelled with it once does not travel with it when it is enqueued without a request."""
    lines = [line for line in parsed(consumer.log) if line.get("step") == TWICE]
    assert sorted(line["bound"] != {} for line in lines) == [False, True]
