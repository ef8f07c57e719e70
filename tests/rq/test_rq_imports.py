"""The import path, what it costs, and what it says where RQ is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import airlock_rq


def run(program: str) -> str:
    """Run a program in a process of its own, and return what it printed."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_it_imports_no_rq():
    """The plugin, loaded with all others, and a scope with a plain function, load no RQ."""
    program = """
import sys
import airlock, airlock_rq

with airlock.scope() as scope:
    airlock.enqueue(print, "ran")
    scope.plan()
print("rq" in sys.modules, "redis" in sys.modules)
"""
    assert run(program).splitlines() == ["ran", "False False"]


def test_without_rq_it_says_what_to_install():
    """A named executor without RQ is an error at the `enqueue` that says what to install."""
    program = """
import sys
sys.modules["rq"] = None
import airlock

with airlock.scope(executor="rq"):
    try:
        airlock.enqueue(print, "never")
    except airlock.IntentError as error:
        print(error)
"""
    assert run(program) == "airlock-rq needs rq, which is not installed: pip install rq"


def test_the_plugin_has_no_other_names():
    """A name that is not there is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        airlock_rq.Missing  # noqa: B018


def test_the_plugin_is_found():
    """The installed entry point `rq` is the executor."""
    from airlock_core.plugins import manager

    assert manager.executor_named("rq") is airlock_rq.rq_executor
    assert manager.hooks_of(airlock_rq.rq_executor) == ["dispatch"]


def test_the_job_class_is_found_as_a_worker_finds_it():
    """`--job-class airlock_rq.ScopedJob` is a job class of RQ's."""
    from rq.job import Job
    from rq.utils import import_attribute

    assert issubclass(import_attribute("airlock_rq.ScopedJob"), Job)
