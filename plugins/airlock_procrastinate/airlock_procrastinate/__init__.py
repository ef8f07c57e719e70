"""airlock for procrastinate: jobs commit with the work that asked for them, or vanish with it.

Importing it does not import procrastinate.
"""

from __future__ import annotations

from airlock_procrastinate.execution import scoped_jobs
from airlock_procrastinate.executor import ProcrastinateExecutor, procrastinate_executor

__version__ = "0.1.0"

__all__ = ["ProcrastinateExecutor", "procrastinate_executor", "scoped_jobs"]
