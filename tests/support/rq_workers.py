"""Real RQ workers in processes of their own.

with Worker(redis_url, kind="rq.worker.SimpleWorker") as worker:
    ...
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import rq

import servers

KINDS = {
    "forking": "rq.worker.Worker",
    "simple": "rq.worker.SimpleWorker",
}
if int(rq.__version__.partition(".")[0]) >= 3:
    # Before, the processes that a SpawnWorker starts do not know its job class.
    KINDS["spawning"] = "rq.worker.SpawnWorker"

SCOPED = "airlock_rq.ScopedJob"


class Worker(servers.Server):
    """A worker of the queue `default`, which also enqueues what was scheduled.

    Args:
        url: its Redis.
        worker_class: the path of the worker class.
        job_class: the path of the job class.
    """

    ready_when_it_logs = "Listening on default"
    stop_signal = signal.SIGTERM

    def __init__(self, url: str, worker_class: str, job_class: str = SCOPED) -> None:
        self.url, self.worker_class, self.job_class = url, worker_class, job_class

    def command(self) -> list[str]:
        """Return the command that works off the queue."""
        path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = [f"RQ_REDIS_URL={self.url}", f"PYTHONPATH={os.pathsep.join(path)}"]
        rq = str(Path(sys.executable).with_name("rq"))
        classes = ["--job-class", self.job_class, "--worker-class", self.worker_class]
        return ["env", *environment, rq, "worker", "default", *classes, "--with-scheduler"]
