"""For pytest: strict checks while tests run, and the fixture `airlock_recorder`.

Found by pytest through an entry point. `-p no:airlock` leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airlock_core.testing import RecordingExecutor


def pytest_configure(config: pytest.Config) -> None:
    """Make `strict` the default: wrong arguments fail at their own `enqueue` line."""
    from airlock_core.configuration import set_defaults

    set_defaults(strict=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Put the default back."""
    from airlock_core.configuration import set_defaults

    set_defaults(strict=False)


@pytest.fixture
def airlock_recorder() -> Iterator[RecordingExecutor]:
    """Record what would leave, in scopes that name no executor of their own."""
    from airlock_core.configuration import configure, restore_configuration
    from airlock_core.testing import RecordingExecutor

    recorder = RecordingExecutor()
    before = configure(executor=recorder)
    yield recorder
    restore_configuration(before)
