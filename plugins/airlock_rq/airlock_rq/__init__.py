"""airlock for RQ: jobs leave for their queue when the work that asked for them has succeeded.

Importing it does not import RQ. What needs RQ's classes is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock_rq.executor import RQExecutor, rq_executor

if TYPE_CHECKING:
    from airlock_rq.execution import ScopedJob

__version__ = "0.1.0"

__all__ = ["RQExecutor", "ScopedJob", "rq_executor"]


def __getattr__(name: str) -> Any:
    # A job class derives from RQ's own, so its module imports RQ.
    if name == "ScopedJob":
        from airlock_rq.execution import ScopedJob

        return ScopedJob
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
