"""The evidence: what the shop, the broker, the worker and the database say, each for itself."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from backstage.queues import Queue


class Evidence:
    """Reads what is in the shop's data folder, and asks the broker.

    Args:
        folder: the data folder.
        queue: the queue that the shop uses.
    """

    def __init__(self, folder: Path, queue: Queue) -> None:
        self._folder = folder
        self._queue = queue

    def _lines(self, file: str) -> list[dict[str, Any]]:
        path = self._folder / file
        # A line without its end is still being written. A log has others than those of JSON.
        text = path.read_text(errors="replace") if path.exists() else ""
        return [
            json.loads(line)
            for line in text.splitlines(keepends=True)
            if line.startswith('{"') and line.endswith("\n")
        ]

    def asked(self) -> list[dict[str, Any]]:
        """Return what each scope was asked for, from the shop's audit."""
        return self._lines("asked.jsonl")

    def executed(self) -> list[dict[str, Any]]:
        """Return what the worker has executed, from the worker's audit."""
        return self._lines("executed.jsonl")

    def logged(self) -> list[dict[str, Any]]:
        """Return what the worker has logged through structlog, from its log."""
        return self._lines("worker.log")

    def sent(self) -> list[str]:
        """Return the task id of each message that the broker was given."""
        return self._queue.sent()

    def waiting(self) -> int:
        """Return how many messages no worker has taken."""
        return self._queue.waiting()

    def rows(self, query: str) -> list[str]:
        """Return the first column of a query, from the shop's database."""
        with closing(sqlite3.connect(self._folder / "shop.sqlite3", timeout=20)) as database:
            return [str(row[0]) for row in database.execute(query)]
