"""airlock for Celery: tasks leave for their queue when the work that asked for them has succeeded.

Importing it does not import Celery. What needs Celery's classes is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock_celery.application import production_app
from airlock_celery.executor import CeleryExecutor, celery_executor
from airlock_celery.intercept import install_global_intercept, uninstall_global_intercept
from airlock_celery.receiving import install_context

if TYPE_CHECKING:
    from airlock_celery.shim import LegacyTaskShim

__version__ = "0.1.0"

__all__ = [
    "CeleryExecutor",
    "LegacyTaskShim",
    "celery_executor",
    "install_context",
    "install_global_intercept",
    "production_app",
    "uninstall_global_intercept",
]


def __getattr__(name: str) -> Any:
    # A task class derives from Celery's own, so its module imports Celery.
    if name == "LegacyTaskShim":
        from airlock_celery.shim import LegacyTaskShim

        return LegacyTaskShim
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
