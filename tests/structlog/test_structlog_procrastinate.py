"""One correlation id, from a request to the lines of a procrastinate worker's own log."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg
import pytest
from procrastinate.schema import SchemaManager

import procrastinate_workers
import structlog_lines
from structlog_lines import IDS, says, sends

STEPS = [
    "plain", "awaited", "retried, run 0", "retried, run 1", "parent", "parent, child",
    "keywords ['one']",
]  # fmt: skip
BARE = ["clean", "keywords ['two']"]


class Worker(procrastinate_workers.Worker):
    """A worker of the app that logs."""

    def command(self) -> list[str]:
        """Return the command that works off its queue."""
        program = str(Path(sys.executable).with_name("procrastinate"))
        options = ["--fetch-job-polling-interval", "0.1"]
        return [program, "--verbose", "--app", "structlog_procrastinate.app", "worker", *options]


@pytest.fixture(scope="module")
def said(postgres):
    """What a worker has logged of a request."""
    case = structlog_lines.new_case()
    url = postgres.create_database("structlog").url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SchemaManager.get_schema().encode())
    with Worker(url, "default", scopes=True) as worker:
        given = {"AIRLOCK_TEST_DATABASE": url, "AIRLOCK_TEST_SENDS": "yes"}
        sends("structlog_procrastinate", case, **given)
        yield says(worker, case, *STEPS, *BARE)


@pytest.mark.parametrize("step", STEPS)
def test_the_ids_of_the_request_are_in_the_worker(said, step):
    """Also after a retry, in a coroutine, and in what a task enqueues."""
    assert said[step]["bound"] == IDS
    assert said[step]["correlation_id"] == "c-1"


@pytest.mark.parametrize("step", BARE)
def test_nothing_else_has_them(said, step):
    """A job that no request has asked for finds nothing bound; nor does that of a deferrer."""
    assert said[step]["bound"] == {}
