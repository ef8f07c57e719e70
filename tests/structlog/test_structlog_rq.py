"""One correlation id, from a request to the lines of an RQ worker's own log."""

from __future__ import annotations

import pytest

import rq_workers
import structlog_lines
from structlog_lines import IDS, says, sends

STEPS = [
    "plain", "plain, succeeded", "awaited", "retried, run 0", "retried, run 1", "fails, failed",
    "parent", "parent, child", "dependent",
]  # fmt: skip


@pytest.fixture(scope="module", params=["forking", "simple"])
def said(request, new_database):
    """What a worker of each kind has logged of a request."""
    case, url = structlog_lines.new_case(), new_database()
    with rq_workers.Worker(url, rq_workers.KINDS[request.param]) as worker:
        sends("structlog_rq", case, RQ_REDIS_URL=url)
        yield says(worker, case, *STEPS, "clean")


@pytest.mark.parametrize("step", STEPS)
def test_the_ids_of_the_request_are_in_the_worker(said, step):
    """Also after a retry, in callbacks, and in what a job enqueues."""
    assert said[step]["bound"] == IDS
    assert said[step]["correlation_id"] == "c-1"


def test_a_worker_keeps_nothing_of_them(said):
    """A job that no request has asked for finds nothing bound."""
    assert said["clean"]["bound"] == {}
