"""airlock for Dramatiq: messages leave when the work that asked for them has succeeded.

Importing it does not import Dramatiq. What needs Dramatiq's classes is loaded when it is first
used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock_dramatiq.executor import DramatiqExecutor, dramatiq_executor

if TYPE_CHECKING:
    from airlock_dramatiq.execution import AirlockMiddleware

__version__ = "0.1.0"

__all__ = [
    "AirlockMiddleware",
    "DramatiqExecutor",
    "dramatiq_executor",
]


def __getattr__(name: str) -> Any:
    # A middleware derives from Dramatiq's own, so its module imports Dramatiq.
    if name == "AirlockMiddleware":
        from airlock_dramatiq.execution import AirlockMiddleware

        return AirlockMiddleware
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
