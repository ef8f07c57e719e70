"""However the demo of the shop ends, its web server, its worker and its broker end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest


def _number_of(program: str, started: set[int]) -> int:
    """The one of these processes that runs a program."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,command="], capture_output=True, text=True, check=True
    )
    found = {int(line.split()[0]) for line in listed.stdout.splitlines() if program in line}
    (number,) = found & started
    return number


def _processes() -> dict[int, int]:
    """Each process that runs, with its parent."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    lines = (line.split() for line in listed.stdout.splitlines())
    return {int(pid): int(parent) for pid, parent, state in lines if not state.startswith("Z")}


def _started_by(pid: int) -> set[int]:
    """The processes that a process has started, and those that they have started."""
    parents = _processes()
    found = {pid}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def _end(started: set[int], seconds: float) -> bool:
    """Whether all of them end, within that time."""
    deadline = time.monotonic() + seconds
    while started & _processes().keys():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(
    ("queue", "number"),
    [
        ("celery", signal.SIGINT),
        ("rq", signal.SIGTERM),
        ("dramatiq", signal.SIGINT),
        ("huey", signal.SIGTERM),
        ("celery", signal.SIGKILL),
        ("rq", signal.SIGKILL),
        ("dramatiq", signal.SIGKILL),
        ("huey", signal.SIGKILL),
    ],
)
def test_nothing_survives_a_demo_that_is_ended(demo, queue, number):
    """A Ctrl-C, a SIGTERM and a SIGKILL of the demo end every process that it has started."""
    with demo.start("--queue", queue) as process:
        assert "The shop is open" in process.stdout.readline()
        started = _started_by(process.pid)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)

    assert len(started) >= 3  # the web server, the worker, and the keeper that outlives a SIGKILL
    assert _end(started, seconds=5)
    if number is not signal.SIGKILL:
        assert process.returncode == 1
        assert errors == ""
        assert not list(demo.temporary.iterdir())


def test_nothing_survives_a_demo_whose_broker_dies(demo):
    """Where the broker is killed, the demo says so and fails, and ends what is still there."""
    with demo.start("--queue", "rq") as process:
        assert "The shop is open" in process.stdout.readline()
        started = _started_by(process.pid)
        os.kill(_number_of("redis-server", started), signal.SIGKILL)
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "Redis does not answer" in output or "the redis ended by itself" in output, output
    assert errors == ""
    assert _end(started, seconds=5)
    assert not list(demo.temporary.iterdir())
