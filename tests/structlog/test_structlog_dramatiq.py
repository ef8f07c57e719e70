"""One correlation id, from a request to the lines of a Dramatiq worker's own log."""

from __future__ import annotations

import pytest

import dramatiq_workers
import structlog_lines
from structlog_lines import IDS, says, sends

STEPS = [
    "plain", "awaited", "retried, run 0", "retried, run 1", "parent", "parent, child", "piped 1",
    "piped 2", "grouped 1", "grouped 2", "completed",
]  # fmt: skip
CLEAN = [f"clean {how}{number}" for how in ("", "awaited ") for number in range(4)]


@pytest.fixture(scope="module")
def said(new_database):
    """What a worker has logged of a request."""
    case, url = structlog_lines.new_case(), new_database()
    path = structlog_lines.SUPPORT
    with dramatiq_workers.Worker("structlog_dramatiq", url, path, url) as worker:
        sends("structlog_dramatiq", case, AIRLOCK_TEST_BROKER=url)
        yield says(worker, case, *STEPS, *CLEAN)


@pytest.mark.parametrize("step", STEPS)
def test_the_ids_of_the_request_are_in_the_worker(said, step):
    """Also after a retry, in pipelines and groups, and in what an actor enqueues."""
    assert said[step]["bound"] == IDS
    assert said[step]["correlation_id"] == "c-1"


def test_a_worker_keeps_nothing_of_them(said):
    """An actor whose message no request has sent finds nothing bound, in each thread."""
    assert [said[step]["bound"] for step in CLEAN] == [{}] * len(CLEAN)
