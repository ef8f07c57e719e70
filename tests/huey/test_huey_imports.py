"""Importing the plugin, and what it says where Huey is missing."""

from __future__ import annotations

import subprocess
import sys

import airlock_huey


def output_of(program: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_importing_it_does_not_import_huey():
    """Neither does a scope that holds what is no task of Huey's."""
    program = """
import sys
import airlock, airlock_huey
with airlock.scope():
    airlock.enqueue(print, "an effect")
print("huey" in sys.modules, "redis" in sys.modules)
"""
    assert output_of(program).splitlines() == ["an effect", "False False"]


def test_without_huey_it_refuses_as_with_huey():
    """A named executor says what is missing above the function, whether or not Huey is installed."""
    program = """
import sys
sys.modules["huey"] = None
import airlock
try:
    with airlock.scope(executor="huey"):
        airlock.enqueue(print, 1)
except airlock.IntentError as error:
    print(error)
"""
    assert "is no Huey task. Put @huey.task() above its function" in output_of(program)


def test_without_redis_py_the_other_storages_work():
    """Huey without redis-py keeps its queue elsewhere."""
    program = """
import sys
sys.modules["redis"] = None
import airlock
from huey import MemoryHuey
huey = MemoryHuey("shop")

@huey.task()
def add(left): ...

with airlock.scope():
    airlock.enqueue(add, 1)
print(len(huey))
"""
    assert output_of(program) == "1"


def test_the_plugin_is_found():
    """The installed entry point `huey` is the executor."""
    from airlock_core.plugins import manager

    assert manager.executor_named("huey") is airlock_huey.huey_executor
    assert manager.hooks_of(airlock_huey.huey_executor) == ["dispatch"]
