"""A plugin manager of its own for the length of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airlock_core.plugins import Plugins, manager


@contextmanager
def plugins(*registered: object, installed: bool = False) -> Iterator[Plugins]:
    """Use only these plugins in a block, whatever is installed and registered around it.

    Args:
        *registered: plugins, as for `airlock.register()`; the last is asked first.
        installed: load what is installed as well.

    Yields:
        The plugin manager, to register more, or to look at `failures`.
    """
    with manager.isolated(installed=installed):
        for plugin in registered:
            manager.register(plugin)
        yield manager
