"""Helpers for the tests of applications and of plugins; public as `airlock.testing`."""

from airlock_core.testing.recorder import RecordingExecutor
from airlock_core.testing.registry import plugins

try:
    from airlock_core.testing.contract import ExecutorContract
except ModuleNotFoundError as error:
    if error.name != "pytest":
        raise

    # The others serve any test runner, Django's for instance; only the suite is pytest's.
    class ExecutorContract:  # type: ignore[no-redef]
        """Stands for the suite where there is no pytest to run it."""

        def __init_subclass__(cls) -> None:
            """Say what to install."""
            raise ImportError("airlock.testing.ExecutorContract needs pytest: pip install pytest")


__all__ = ["ExecutorContract", "RecordingExecutor", "plugins"]
