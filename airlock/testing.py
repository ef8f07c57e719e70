"""Helpers for the tests of applications and of plugins."""

from airlock_core.testing import ExecutorContract, RecordingExecutor, plugins

__all__ = ["ExecutorContract", "RecordingExecutor", "plugins"]
