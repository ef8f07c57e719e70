"""The import paths, and what they say where the plugin is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import airlock_celery
from airlock.integrations import celery
from airlock.integrations.executors.celery import celery_executor

PATHS = ["airlock.integrations.celery", "airlock.integrations.executors.celery"]


def test_the_paths_lead_to_the_plugin():
    """The integrations hold the plugin's own objects."""
    assert celery_executor is airlock_celery.celery_executor
    assert celery.LegacyTaskShim is airlock_celery.LegacyTaskShim
    assert celery.install_global_intercept is airlock_celery.install_global_intercept
    assert celery.uninstall_global_intercept is airlock_celery.uninstall_global_intercept


@pytest.mark.parametrize("path", PATHS)
def test_without_the_plugin_they_say_what_to_install(path):
    """A missing plugin is an ImportError that names its distribution."""
    program = f"""
import sys
sys.modules["airlock_celery"] = None
try:
    import {path}
except ImportError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert run.stdout.strip() == f"{path} needs airlock-celery: pip install airlock-celery"


def test_the_plugin_has_no_other_names():
    """A name that is not there is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        airlock_celery.Missing  # noqa: B018


def test_the_plugin_is_found():
    """The installed entry point `celery` is the executor."""
    from airlock_core.plugins import manager

    assert manager.executor_named("celery") is celery_executor
    assert manager.hooks_of(celery_executor) == ["dispatch", "scope_exit"]


def test_a_shared_task_that_nobody_has_looked_at_is_claimed():
    """The first thing done with a `@shared_task` may be its `enqueue`, before it is resolved."""
    program = """
import sys
import airlock
from celery import shared_task

@shared_task
def lazy(): ...

assert "celery.app.task" not in sys.modules
with airlock.scope() as scope:
    airlock.enqueue(lazy)
    print(scope.plan()[0])
    scope.discard()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert "would leave through celery" in run.stdout, run.stderr
