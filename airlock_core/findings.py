"""Findings: what a plugin sees that is wrong with the settings of its queue or framework."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from airlock_core.errors import PluginError
from airlock_core.executors import Executor
from airlock_core.plugins import manager

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that somebody should know.

    Attributes:
        id: by which it is known where it is silenced, such as `airlock.celery.W001`.
        level: `error` or `warning`, which are problems, or `info`, which is none.
        text: what is so.
        remedy: what to do about it.
    """

    id: str
    level: Level
    text: str
    remedy: str

    @property
    def is_problem(self) -> bool:
        """Whether it makes `airlock doctor` fail."""
        return self.level != "info"


def findings(*, without: object = None) -> Iterator[Finding]:
    """Ask every plugin that has a method `findings()` for what it sees in this process.

    Args:
        without: a plugin that is not asked.
    """
    with suppress(PluginError):  # a required one is missing: that is told where it is asked for
        manager.load()
    # What sets up the process comes first: the settings of a web framework may make the queue's.
    plugins = sorted(manager, key=lambda pair: isinstance(pair[1], Executor))
    for name, plugin in plugins:
        ask = getattr(plugin, "findings", None)
        if plugin is not without and callable(ask):
            yield from _asked(name, ask)


def _asked(name: str, ask: Any) -> Iterator[Finding]:
    try:
        yield from ask()
    except Exception as error:
        yield Finding(
            "airlock.core.E005",
            "error",
            f"The plugin {name!r} could not examine its settings: {error!r}",
            "Correct the settings that the error names.",
        )
