"""Real Dramatiq workers in processes of their own.

with Worker("scoped_actors", broker=url, path=APPS, journal=redis_url) as worker:
    ...
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import servers


class Worker(servers.Server):
    """A worker of one module: one process with two threads.

    Args:
        module: the module of the actors.
        broker: the broker's address, which the module finds in `AIRLOCK_TEST_BROKER`.
        path: the directory that the module is in.
        journal: the address of the Redis in which its actors write.
    """

    ready_when_it_logs = "Worker process is ready for action."
    stop_signal = signal.SIGTERM

    def __init__(self, module: str, broker: str, path: Path, journal: str) -> None:
        self.module, self.broker, self.path, self.journal = module, broker, path, journal

    def command(self) -> list[str]:
        """Return the command that works off the queues."""
        environment = [
            f"AIRLOCK_TEST_BROKER={self.broker}",
            f"AIRLOCK_TEST_JOURNAL={self.journal}",
            "PYTHONUNBUFFERED=1",
        ]
        options = f"--processes 1 --threads 2 --path {self.path} --worker-shutdown-timeout 5000"
        return [
            "env",
            *environment,
            *[sys.executable, "-m", "dramatiq", self.module, *options.split()],
        ]
