"""Beside django-structlog, which sends a header of its own: the same names, and each bound once."""

from __future__ import annotations

import pytest

import celery_workers
import structlog_lines
from structlog_lines import IDS, parsed, says, sends

BOTH = {"AIRLOCK_TEST_DJANGO_STRUCTLOG": "yes"}


@pytest.fixture(scope="module")
def worker(new_database):
    """A worker with both."""
    url = new_database()
    support = structlog_lines.SUPPORT
    with celery_workers.Worker("structlog_celery", url, "solo", support, **BOTH) as started:
        yield started


def test_both_bind_the_same(worker):
    """The ids are those of the request, and what only the one of them knows is there, too."""
    case = structlog_lines.new_case()
    sends("structlog_celery", case, "send_few", AIRLOCK_TEST_BROKER=worker.broker, **BOTH)
    said = says(
        worker, case, "retried, run 0", "retried, run 1", "parent", "parent, child", "clean"
    )

    for step in ("retried, run 0", "retried, run 1", "parent", "parent, child"):
        bound = said[step]["bound"]
        assert bound.items() >= {**IDS, "case_of": case}.items()
        assert "task_id" in bound  # django-structlog's
        assert said[step]["request_id"] == "r-1"
    assert not said["clean"]["bound"].keys() & {*IDS, "case_of"}
    started = [line for line in parsed(worker.log) if line["event"] == "task_succeeded"]
    assert "c-1" in {line.get("correlation_id") for line in started}
