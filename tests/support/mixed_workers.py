"""Real workers of four queues, each with one thread, so that each works in the order of its queue.

with Worker("celery", APPS, AIRLOCK_TEST_CELERY=url, ...) as worker:
    ...
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import servers

PYTHON = sys.executable
RQ = str(Path(PYTHON).with_name("rq"))

#: What starts a worker of each queue, and what it logs when it is ready.
WORKERS = {
    "celery": (
        f"{PYTHON} -m celery -A mixed_shop:app worker --pool solo --loglevel INFO "
        "--without-gossip --without-mingle --without-heartbeat",
        " ready.",
    ),
    "rq": (f"{RQ} worker default --worker-class rq.worker.SimpleWorker", "Listening on"),
    "dramatiq": (
        f"{PYTHON} -m dramatiq mixed_shop:dramatiq_broker --processes 1 --threads 1 "
        "--worker-shutdown-timeout 5000",
        "Worker process is ready for action.",
    ),
    "huey": (
        f"{PYTHON} -m huey.bin.huey_consumer mixed_shop.huey -w 1 -k thread",
        "The following commands are available",
    ),
}


class Worker(servers.Server):
    """A worker of one queue.

    Args:
        queue: a key of `WORKERS`.
        path: the directory of the module `mixed_shop`.
        **variables: the environment that the module reads.
    """

    stop_signal = signal.SIGTERM

    def __init__(self, queue: str, path: Path, **variables: str) -> None:
        self.queue, self.path, self.variables = queue, path, variables
        self._command, self.ready_when_it_logs = WORKERS[queue]

    def command(self) -> list[str]:
        """Return the command that works off the queue."""
        return self._command.split()

    def environment(self) -> dict[str, str]:
        """Return what the module reads, and where it is."""
        path = os.pathsep.join([str(self.path), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {
            **os.environ,
            **self.variables,
            "RQ_REDIS_URL": self.variables["AIRLOCK_TEST_RQ"],
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
        }
