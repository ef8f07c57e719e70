"""The import path, what it costs, and what it says where procrastinate is missing."""

from __future__ import annotations

import subprocess
import sys

import airlock_procrastinate


def run(program: str) -> str:
    """Run a program in a process of its own, and return what it printed."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_it_imports_no_procrastinate():
    """The plugin, loaded with all others, and a scope with a plain function, load no procrastinate."""
    program = """
import sys
import airlock, airlock_procrastinate

with airlock.scope() as scope:
    airlock.enqueue(print, "ran")
    scope.plan()
print("procrastinate" in sys.modules, "psycopg" in sys.modules)
"""
    assert run(program).splitlines() == ["ran", "False False"]


def test_without_procrastinate_nothing_is_a_task():
    """A named executor without procrastinate refuses what it is given, as no task can exist."""
    program = """
import sys
sys.modules["procrastinate"] = None
import airlock

with airlock.scope(executor="procrastinate"):
    try:
        airlock.enqueue(print, "never")
    except airlock.IntentError as error:
        print(error)
"""
    assert "print is no procrastinate task" in run(program)


def test_the_plugin_is_found():
    """The installed entry point `procrastinate` is the executor."""
    from airlock_core.plugins import manager

    named = manager.executor_named("procrastinate")
    assert named is airlock_procrastinate.procrastinate_executor
    assert manager.hooks_of(named) == ["dispatch"]
