"""Real workers of procrastinate's in processes of their own.

with Worker(database.url, queue="default") as worker:
    ...
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import servers


class Worker(servers.Server):
    """A worker of one queue, with the tasks of procrastinate_jobs.py.

    Args:
        url: its database.
        queue: the queue that it works off.
        scopes: whether it executes each job in a scope.
    """

    ready_when_it_logs = "Starting worker on"
    stop_signal = signal.SIGTERM

    def __init__(self, url: str, queue: str, scopes: bool) -> None:
        self.url, self.queue, self.scopes = url, queue, scopes

    def environment(self) -> dict[str, str]:
        """Return the variables that the worker sees."""
        path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **os.environ,
            "AIRLOCK_TEST_DATABASE": self.url,
            "AIRLOCK_TEST_SCOPES": "yes" if self.scopes else "no",
            "PYTHONPATH": os.pathsep.join(path),
        }

    def command(self) -> list[str]:
        """Return the command that works off the queue."""
        program = str(Path(sys.executable).with_name("procrastinate"))
        options = ["--fetch-job-polling-interval", "0.1", "--queues", self.queue]
        return [program, "--verbose", "--app", "procrastinate_jobs.app", "worker", *options]
