"""Workers of the matrix, and what becomes of the tasks that they get.

with Worker("intercept", "prefork", queue=rabbitmq_url, results=redis_url) as worker:
    with Trial(worker, client) as trial:
        trial.run(OUTCOMES, expected)
"""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import redis
from celery import Celery

import celery_workers
from celery_matrix import Start
from celery_matrix_page import write_cell

APPS = Path(__file__).parent.parent / "celery" / "apps"
SECONDS = 30


class Worker(celery_workers.Worker):
    """A worker of the matrix shop.

    Args:
        way: how its tasks ask for effects.
        pool: Celery's name for the pool.
        queue: the address of the broker.
        results: that of the Redis for the results and the journal.
    """

    def __init__(self, way: str, pool: str, queue: str, results: str) -> None:
        variables = {"AIRLOCK_TEST_WAY": way, "AIRLOCK_TEST_JOURNAL": results}
        super().__init__("matrix_shop", queue, pool, APPS, **variables)
        self.at_once = 1 if pool == "solo" else 2

    def stop(self) -> None:
        """End it with its children, at once: some pools take ten seconds, and nothing is left to do."""
        os.killpg(self.process.pid, signal.SIGKILL)
        super().stop()


class Trial:
    """One task for each outcome, all in the same worker at the same time."""

    def __init__(self, worker: Worker, client: Celery) -> None:
        self._worker, self._client = worker, client
        self._redis = redis.Redis.from_url(worker.journal)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._redis.close()

    def run(self, outcomes: Mapping[str, Start], expected: Mapping[str, str]) -> dict[str, str]:
        """Bring each outcome about; return its cell as it is when nothing more can come.

        Args:
            outcomes: what has to be sent for each.
            expected: the cells that are waited for, as long as a slow machine may need.
        """
        cases = {name: uuid.uuid4().hex for name in outcomes}
        for name, case in cases.items():
            outcomes[name](self._client, case)

        def look() -> dict[str, str]:
            return {name: self._cell(case) for name, case in cases.items()}

        self._waits_until(lambda: look() == expected)
        found: dict[str, str] = {}
        while found != (now := look()):
            found = now
            # What was still running at the first meeting may have sent something behind it. That
            # is before the second.
            self._meet()
            self._meet()
        return found

    def _cell(self, case: str) -> str:
        meta = self._redis.get(f"celery-task-meta-{case}")
        state = json.loads(meta)["status"] if meta else "PENDING"
        lines = self._redis.lrange(f"journal:{case}", 0, -1)
        return write_cell(state, (line.decode() for line in lines))

    def _meet(self) -> None:
        """Wait until whatever was sent before is done: then all that can run at once can meet."""
        meeting = uuid.uuid4().hex
        for _ in range(self._worker.at_once):
            self._client.send_task("matrix.meet", (meeting, self._worker.at_once))
        met = self._waits_until(lambda: int(self._redis.get(meeting) or 0) >= self._worker.at_once)
        assert met, f"the worker does not go on. It said:\n{self._worker.log[-8000:]}"

    def _waits_until(self, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + SECONDS
        while not (holds := condition()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return holds
