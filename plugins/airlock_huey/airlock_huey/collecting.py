"""The messages of one intent, made first and sent then: one that cannot be made sends nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

#: A call of a Redis client or of a storage: its name and its arguments.
Command = tuple[str, tuple[Any, ...]]


class Collector:
    """A Huey that keeps what it is given, instead of sending it.

    It is a copy, so that whatever the application has made of `huey.enqueue()` happens: its
    signals, its subclass. Nobody else sees it.

    Args:
        huey: the real one.
        client: a client of its Redis, where Redis commands are to be kept; otherwise it keeps
            what the storage's `enqueue` was given.
    """

    def __init__(self, huey: Any, client: Any = None) -> None:
        """Copy the Huey and its storage."""
        self.huey = huey
        self._kept: list[Command] = []
        self._copy = copy.copy(huey)
        self._copy.storage = storage = copy.copy(huey.storage)
        if client is None:
            storage.enqueue = _kept(self._kept, "enqueue")
        else:
            storage.conn = _Recorder(client, self._kept)

    def collect(self, message: Any) -> tuple[Any, list[Command]]:
        """Give a task, group or chord to `huey.enqueue()`.

        Returns:
            What that returned, and what it would have sent.
        """
        self._kept.clear()
        result = self._copy.enqueue(message)
        self._give_back(result)
        return result, self._kept.copy()

    def _give_back(self, result: Any) -> None:
        """Let a result belong to the real Huey: it can send the task again."""
        if getattr(result, "huey", None) is self._copy:
            result.huey = self.huey
        for part in getattr(result, "_results", None) or ():
            self._give_back(part)
        for name in ("results", "callback", "pipeline_results"):
            if (part := getattr(result, name, None)) is not None:
                self._give_back(part)


class _Recorder:
    """A client of a Redis that keeps the two commands by which Huey sends a message."""

    def __init__(self, client: Any, kept: list[Command]) -> None:
        self._client = client
        self.lpush = _kept(kept, "lpush")
        self.zadd = _kept(kept, "zadd")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def _kept(kept: list[Command], name: str) -> Callable[..., None]:
    def keep(*args: Any) -> None:
        kept.append((name, args))

    return keep
