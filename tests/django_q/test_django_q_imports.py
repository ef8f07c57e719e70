"""Importing the plugin, and how it is found."""

from __future__ import annotations

import subprocess
import sys

import airlock_django_q


def test_importing_it_imports_no_django_q():
    """The plugin, loaded with all others, and a scope with a plain function, load no django-q."""
    program = """
import sys
import airlock, airlock_django_q
with airlock.scope() as scope:
    intent = airlock.enqueue(print, "ran")
    intent.id, list(intent.tasks()), scope.plan()
print("django_q" in sys.modules, "django" in sys.modules, "redis" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["ran", "False False False"]


def test_the_plugin_is_found():
    """The installed entry point `django_q` is the executor; it claims no task by itself."""
    from airlock_core.plugins import manager

    assert manager.executor_named("django_q") is airlock_django_q.django_q_executor
    assert manager.hooks_of(airlock_django_q.django_q_executor) == []
