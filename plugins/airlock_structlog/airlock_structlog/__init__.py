"""airlock for structlog: what became of each effect, and request ids that travel to the worker.

Importing it does not import structlog.
"""

from __future__ import annotations

from airlock_structlog.context import StructlogPropagator
from airlock_structlog.plugin import StructlogPlugin, structlog_plugin
from airlock_structlog.settings import Settings, configure

__version__ = "0.1.0"

__all__ = [
    "Settings",
    "StructlogPlugin",
    "StructlogPropagator",
    "configure",
    "structlog_plugin",
]
