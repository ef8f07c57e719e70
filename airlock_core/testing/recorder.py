"""An executor that keeps what it is given, for the tests of applications."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airlock_core.executors import Executor
from airlock_core.intents import Intent
from airlock_core.names import task_name


class RecordingExecutor(Executor):
    """Carries every task, by keeping its intent.

    Use it as `scope(executor=recorder)` or `configure(executor=recorder)`, then look at
    `recorder.intents`, `recorder.names` and `recorder.calls`.
    """

    supports_client_id = True
    supports_meta = True

    def __init__(self) -> None:
        """Start with nothing recorded."""
        self.intents: list[Intent] = []

    def __call__(self, intent: Intent) -> str:
        """Record the intent; its receipt is its id."""
        self.intents.append(intent)
        return intent.id

    @property
    def names(self) -> list[str]:
        """The names of the tasks that left, in order."""
        return [intent.name for intent in self.intents]

    @property
    def calls(self) -> list[tuple[Any, tuple[Any, ...], dict[str, Any]]]:
        """Task, positional and keyword arguments of each intent that left, in order."""
        return [(intent.task, intent.args, intent.kwargs) for intent in self.intents]

    def sent(self, task: Any) -> list[Intent]:
        """Return the intents of one task, given itself or its short or dotted name."""
        name = task_name(task)
        return [
            intent
            for intent in self.intents
            if intent.task is task or name in (intent.name, intent.name.rpartition(".")[2])
        ]

    def clear(self) -> None:
        """Forget everything."""
        self.intents.clear()

    def __len__(self) -> int:
        """How many intents left."""
        return len(self.intents)

    def __bool__(self) -> bool:
        """Return True, also where nothing left."""
        return True

    def __iter__(self) -> Iterator[Intent]:
        """The intents that left, in order."""
        return iter(self.intents)
