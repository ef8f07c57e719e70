"""airlock for Huey: tasks leave for their queue when the work that asked for them has succeeded.

Importing it does not import Huey.
"""

from __future__ import annotations

from airlock_huey.execution import install_scopes
from airlock_huey.executor import HueyExecutor, huey_executor

__version__ = "0.1.0"

__all__ = [
    "HueyExecutor",
    "huey_executor",
    "install_scopes",
]
