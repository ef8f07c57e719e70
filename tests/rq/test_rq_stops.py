"""Processes that are interrupted, killed or forked while they flush."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from rq import Queue
from rq.job import Job

import airlock
import rq_shop
from airlock import State
from airlock_rq import RQExecutor

# What a program of a test sees: the modules of the tests.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def numbers(queue: Queue) -> list[int]:
    return [job.args[0] for job in queue.jobs]


def test_an_interrupt_in_the_middle(queue):
    """Ctrl-C while jobs are made: none is sent, each has an end, and it goes on."""

    class Interrupting(Job):
        def save(self, *args, **kwargs):
            if self.args == (5,):
                raise KeyboardInterrupt
            super().save(*args, **kwargs)

    interrupted = Queue(connection=queue.connection, job_class=Interrupting)
    with pytest.raises(KeyboardInterrupt):
        with airlock.scope(executor=RQExecutor(interrupted)):
            intents = [airlock.enqueue(rq_shop.add, number) for number in range(10)]

    assert {intent.state for intent in intents} <= {State.UNCERTAIN, State.UNDELIVERED}
    assert len(queue) == 0
    with airlock.scope(executor=RQExecutor(queue)):
        airlock.enqueue(rq_shop.add, 11)
    assert numbers(queue) == [11]


FLUSHING = """
import sys
import airlock, redis, rq, rq_shop
from airlock_rq import RQExecutor

airlock.configure(executor=RQExecutor(rq.Queue(connection=redis.Redis.from_url(sys.argv[1]))))
print("started", flush=True)
while True:
    with airlock.scope():
        for number in range(50):
            airlock.enqueue(rq_shop.add, number, "x" * 10_000)
"""


def test_a_process_that_is_killed_leaves_whole_transactions(queue, url, test_size):
    """Killed at any moment, a process has sent all of a flush or nothing, and each job is whole."""
    for _ in range(3 * test_size):
        queue.connection.flushdb()
        program = subprocess.Popen(
            [sys.executable, "-c", FLUSHING, url], env=ENVIRONMENT, stdout=subprocess.PIPE
        )
        try:
            assert program.stdout.readline() == b"started\n"
            deadline = time.monotonic() + 30
            while len(queue) < 100 and time.monotonic() < deadline:
                pass
        finally:
            program.send_signal(signal.SIGKILL)
            program.communicate()

        assert len(queue) % 50 == 0
        assert [number % 50 for number in range(len(queue))] == numbers(queue)


FORKING = """
import os, signal, sys, threading, time
import airlock, redis, rq, rq_shop
from airlock_rq import RQExecutor

airlock.configure(executor=RQExecutor(rq.Queue(connection=redis.Redis.from_url(sys.argv[1]))))

def flush(number, queue="children"):
    with airlock.scope():
        airlock.enqueue(rq_shop.add, number, _dispatch_options={"queue": queue})

def flush_on():
    while True:
        flush(-1, "threads")

def ends(child):
    deadline = time.monotonic() + 30
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.002)
    return True

flush(-1, "threads")  # everything is imported: a fork in the middle of an import never ends
for _ in range(4):
    threading.Thread(target=flush_on, daemon=True).start()
for number in range(int(sys.argv[2])):
    child = os.fork()
    if child == 0:
        flush(number)
        os._exit(0)
    if not ends(child):
        sys.exit("a child hangs")
os._exit(0)
"""


def test_a_fork_of_a_busy_process_flushes(queue, url, test_size):
    """A child flushes over connections of its own, whatever the threads of its parent were doing."""
    forks = 300 * test_size
    run = subprocess.run(
        [sys.executable, "-c", FORKING, url, str(forks)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stderr
    assert numbers(Queue("children", connection=queue.connection)) == list(range(forks))
