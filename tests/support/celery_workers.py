"""Real Celery workers in processes of their own.

with Worker("scoped_shop", broker=url, pool="prefork", path=APPS) as worker:
    ...
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

import servers

_numbers = itertools.count()


class Worker(servers.Server):
    """A worker of one app, with two children or threads where its pool has them.

    Args:
        app: the module of the app, for `celery -A`.
        broker: the broker's address, which the module finds in `AIRLOCK_TEST_BROKER`.
        pool: Celery's name for the pool.
        path: the directory that the module is in.
        options: further options of `celery worker`.
        **environment: further environment variables of its processes.
    """

    ready_when_it_logs = " ready."
    stop_signal = signal.SIGTERM

    def __init__(
        self, app: str, broker: str, pool: str, path: Path, options: str = "", **environment: str
    ) -> None:
        self.app, self.broker, self.pool, self.path = app, broker, pool, path
        self.options, self.variables = options, environment

    @property
    def journal(self) -> str:
        """The Redis in which its tasks write: its broker, or what AIRLOCK_TEST_JOURNAL names."""
        return self.variables.get("AIRLOCK_TEST_JOURNAL", self.broker)

    def command(self) -> list[str]:
        """Return the command that works off the queue."""
        python_path = os.pathsep.join(
            [str(self.path), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        environment = [f"AIRLOCK_TEST_BROKER={self.broker}", f"PYTHONPATH={python_path}"]
        environment += [f"{name}={value}" for name, value in self.variables.items()]
        options = f"{self.options} --pool {self.pool} --concurrency 2 --loglevel INFO --hostname {self.pool}{next(_numbers)}@test"
        quick = "--without-gossip --without-mingle --without-heartbeat"
        celery = [sys.executable, "-m", "celery", "-A", self.app, "worker"]
        return ["env", *environment, *celery, *options.split(), *quick.split()]
