"""Real Huey consumers in processes of their own.

with Consumer("huey_shop.huey", broker=url, kind="thread", path=APPS) as consumer:
    ...
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import servers

# What huey_consumer.py is; greenlets need gevent's patches before anything is imported.
PROGRAM = """
import sys
if "greenlet" in sys.argv:
    from gevent import monkey
    monkey.patch_all()
from huey.bin.huey_consumer import consumer_main
consumer_main()
"""


class Consumer(servers.Server):
    """A consumer of one Huey, with two workers.

    Args:
        huey: the path of the Huey, as `huey_consumer.py` takes it.
        broker: the address of its Redis, which the module finds in `AIRLOCK_TEST_BROKER`.
        kind: process, thread or greenlet.
        path: the directory that the module is in.
    """

    ready_when_it_logs = "The following commands are available"
    stop_signal = signal.SIGTERM

    def __init__(self, huey: str, broker: str, kind: str, path: Path) -> None:
        self.huey, self.broker, self.kind, self.path = huey, broker, kind, path

    def command(self) -> list[str]:
        """Return the command that works off the queue."""
        python_path = os.pathsep.join(
            [str(self.path), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        environment = [f"AIRLOCK_TEST_BROKER={self.broker}", f"PYTHONPATH={python_path}"]
        consumer = [sys.executable, "-c", PROGRAM, self.huey, "-w", "2", "-k", self.kind]
        return ["env", *environment, *consumer]
