"""One correlation id, from a request to the lines of the log of `manage.py qcluster`."""

from __future__ import annotations

import pytest

import structlog_lines
from django_q_projects import Project
from structlog_lines import IDS, says

STEPS = ["plain", "parent", "parent, child"]
CLEAN = [f"clean {number}" for number in range(4)]


@pytest.fixture(scope="module")
def said(tmp_path_factory, new_database):
    """What a cluster has logged of a request."""
    case, url = structlog_lines.new_case(), new_database()
    project = Project(tmp_path_factory.mktemp("django_q"), {"redis": url}, journal=url)
    project.migrate()
    with project.cluster() as cluster:
        run = project.runs(f"import structlog_django_q\nstructlog_django_q.send({case!r})")
        assert run.returncode == 0, run.stderr
        yield says(cluster, case, *STEPS, *CLEAN)


@pytest.mark.parametrize("step", STEPS)
def test_the_ids_of_the_request_are_in_the_worker(said, step):
    """Also in what a task enqueues."""
    assert said[step]["bound"] == IDS
    assert said[step]["correlation_id"] == "c-1"


def test_a_worker_keeps_nothing_of_them(said):
    """A task that no request has asked for finds nothing bound."""
    assert [said[step]["bound"] for step in CLEAN] == [{}] * 4
