"""Helpers for the tests of applications and of plugins; public as `airlock.testing`."""

from airlock_core.testing.contract import ExecutorContract
from airlock_core.testing.recorder import RecordingExecutor
from airlock_core.testing.registry import plugins

__all__ = ["ExecutorContract", "RecordingExecutor", "plugins"]
