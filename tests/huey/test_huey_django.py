"""Huey's own tasks for Django: `db_task` and `on_commit_task`, in a process with Django."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import django
from django.conf import settings
from huey import MemoryHuey

settings.configure(
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    HUEY=MemoryHuey("shop"),
    INSTALLED_APPS=["airlock_django", "huey.contrib.djhuey"],
)
django.setup()

import airlock
from django.db import transaction
from huey.contrib.djhuey import HUEY, db_task, on_commit_task

@on_commit_task()
def after_commit(number, retries=0):
    print("ran", number)

@db_task()
def in_database(number):
    print("ran", number)

def pending():
    return [(task.name, *task.args, *task.kwargs.values()) for task in HUEY.pending()]

{body}
"""


def output_of(body: str) -> list[str]:
    program = PROGRAM.format(body=body)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_an_on_commit_task_leaves_once_after_the_commit():
    """It is neither run here nor queued twice, and its own `retries` reach the function."""
    assert output_of("""
with airlock.scope():
    with transaction.atomic():
        intent = airlock.enqueue(after_commit, 1, retries=7)
        print(pending())
    print(pending())
print(pending(), intent.receipt.id == intent.id == HUEY.pending()[0].id)
print(intent.name)
""") == ["[]", "[]", "[('after_commit', 1, 7)] True", "__main__.after_commit"]


def test_a_rolled_back_on_commit_task_does_not_leave():
    """Nor does any other task that was enqueued in the transaction."""
    assert output_of("""
with airlock.scope() as scope:
    try:
        with transaction.atomic():
            airlock.enqueue(after_commit, 1)
            airlock.enqueue(in_database, 2)
            raise ValueError
    except ValueError:
        airlock.enqueue(in_database, 3)
print(pending(), *(intent.state.value for intent in scope.intents))
""") == ["[('in_database', 3)] rolled back rolled back dispatched"]


def test_a_named_executor_carries_it():
    """So do policies see it, by name and by itself."""
    assert output_of("""
with airlock.scope(executor="huey", policy=airlock.BlockTasks({after_commit})) as scope:
    airlock.enqueue(after_commit, 1)
with airlock.scope(executor="huey", policy=airlock.BlockTasks({"after_commit"})) as again:
    airlock.enqueue(after_commit, 1)
with airlock.scope(executor="huey"):
    airlock.enqueue(after_commit, 2)
print(scope.intents[0].state.value, again.intents[0].state.value, pending())
""") == ["denied denied [('after_commit', 2)]"]


def test_a_function_with_a_local_call_of_its_own_is_no_such_task():
    """What merely looks like it runs here, as any function."""
    assert output_of("""
def alike(number):
    print("ran", number)
alike.call_local = alike
with airlock.scope():
    airlock.enqueue(alike, 1)
print(pending())
""") == ["ran 1", "[]"]
