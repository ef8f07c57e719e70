"""For the tests of a Django project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airlock.testing import RecordingExecutor
from airlock_core.configuration import configure, restore_configuration


@contextmanager
def captured_effects() -> Iterator[RecordingExecutor]:
    """Record what leaves in a block, instead of sending it, from scopes that name no executor.

    Effects leave when they would in production, also in a `TestCase`, whose own transaction does
    not count.

    Yields:
        The recorder: `.names`, `.calls`, `.sent(task)`.

    Example: `with captured_effects() as effects: self.client.post(...)`
    """
    recorder = RecordingExecutor()
    before = configure(executor=recorder)
    try:
        yield recorder
    finally:
        restore_configuration(before)
