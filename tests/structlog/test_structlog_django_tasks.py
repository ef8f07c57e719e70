"""One correlation id, from a request to the lines of the log of `manage.py db_worker`."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import structlog_lines
from structlog_lines import IDS, SUPPORT, says, sends

STEPS = ["plain", "awaited", "in context", "parent", "parent, child", "keywords ['one']"]
BACKENDS = {
    "with scopes": "airlock_django.tasks.ScopedDatabaseBackend",
    "without": "django_tasks_db.DatabaseBackend",
}


def _manage(variables, *arguments):
    path = os.pathsep.join([str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", *arguments],
        env={**os.environ, **variables, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A function that has a worker of a project do what a request has asked for."""

    def work(backend, case):
        variables = {
            "DJANGO_SETTINGS_MODULE": "structlog_django_settings",
            "AIRLOCK_TEST_DATABASE": str(tmp_path_factory.mktemp("django") / "shop.sqlite3"),
            "AIRLOCK_TEST_TASKS": BACKENDS[backend],
        }
        _manage(variables, "migrate", "--verbosity", "0")
        sends("structlog_django_tasks", case, **variables)
        worker = ["db_worker", "--batch", "--no-startup-delay", "--no-reload", "--interval", "0"]
        return SimpleNamespace(log=_manage(variables, *worker))

    return work


@pytest.fixture(scope="module")
def said(work):
    """What a worker that runs tasks in scopes has logged."""
    case = structlog_lines.new_case()
    return says(work("with scopes", case), case, *STEPS, "clean")


@pytest.mark.parametrize("step", STEPS)
def test_the_ids_of_the_request_are_in_the_worker(said, step):
    """Also in a coroutine, and in what a task enqueues; the function has its own arguments alone."""
    assert said[step]["bound"] == IDS
    assert said[step]["correlation_id"] == "c-1"


def test_a_worker_keeps_nothing_of_them(said):
    """A task that no request has asked for finds nothing bound."""
    assert said["clean"]["bound"] == {}


def test_without_scopes_nothing_travels(work):
    """A backend that would not take it out again is sent nothing but the task's arguments."""
    case = structlog_lines.new_case()
    log = work("without", case).log
    lines = {line["step"]: line for line in structlog_lines.parsed(log) if line.get("case") == case}
    assert lines["keywords ['one']"]["bound"] == {}
