"""A child that is forked in a scope: it is in none, and its parent's intents stay its parent's."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import warnings

import pytest

import airlock
import airlock.testing

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),  # of threads, from 3.12 on
]


def in_a_child(function) -> str:
    """Return what the function returns in a forked child, or its error."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer = function()
        except BaseException as error:
            answer = type(error).__name__
        os.write(writing, str(answer).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        return pipe.read()


def test_a_child_is_in_no_scope():
    """What it enqueued would be in a copy that nobody ends: it is told so at the line."""
    executor = airlock.testing.RecordingExecutor()
    with airlock.scope(executor=executor) as scope:
        airlock.enqueue(print, "the parent's")
        assert in_a_child(lambda: airlock.enqueue(print, 1)) == "NoScopeError"
        assert in_a_child(airlock.get_current_scope) == "None"
        assert len(scope) == 1

    assert [intent.args for intent in executor.intents] == [("the parent's",)]


def test_a_child_can_open_its_own():
    """A scope that is opened in the child sends what the child asks for."""

    def work():
        executor = airlock.testing.RecordingExecutor()
        with airlock.scope(executor=executor):
            airlock.enqueue(print, 1)
        return len(executor.intents)

    with airlock.scope() as scope:
        airlock.enqueue(print, 2)
        assert in_a_child(work) == "1"
        scope.discard()


def test_a_child_that_comes_to_the_end_of_the_block_sends_nothing(tmp_path):
    """The parent sends its intents, once; the child that leaves the block as well sends none."""
    sent = tmp_path / "sent"

    def send(intent):
        with sent.open("a") as file:
            file.write(f"{os.getpid()}\n")

    parent = os.getpid()
    with airlock.scope(), airlock.scope(executor=send):
        airlock.enqueue(print, 1)
        pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

    assert parent == os.getpid()
    assert sent.read_text() == f"{parent}\n"


def _enqueue(number):
    try:
        airlock.enqueue(print, number)
    except airlock.NoScopeError:
        return "no scope"


def test_a_pool_of_processes():
    """The children of `multiprocessing` lose nothing in silence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with airlock.scope(), multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(_enqueue, range(4)) == ["no scope"] * 4


LOADING = """
import os, sys, threading, time
import airlock
from airlock_core.plugins import manager

def load_on():
    while True:
        with manager.lock:  # as while plugins are loaded
            time.sleep(0.01)

threading.Thread(target=load_on, daemon=True).start()
for number in range(20):
    child = os.fork()
    if child == 0:
        with airlock.scope():
            pass
        os._exit(0)
    os.waitpid(child, 0)
print("done", flush=True)
os._exit(0)
"""


def test_a_child_of_a_process_that_loads_its_plugins():
    """A lock that a thread of the parent holds is not locked in the child."""
    run = subprocess.run(
        [sys.executable, "-c", LOADING], capture_output=True, text=True, timeout=60
    )

    assert run.stdout == "done\n", run.stderr
