"""The logger `airlock`, where the application has configured structlog."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from airlock_structlog.settings import current

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "error": logging.ERROR}


def log(level: str, event: str, fields: Callable[[], dict[str, Any]]) -> None:
    """Log an event.

    Nothing is logged before `structlog.configure()`: structlog would print it. A processor that
    fails is reported on the standard library's logger `airlock`: no effect is lost for its log.

    Args:
        level: `debug`, `info` or `error`.
        event: its name.
        fields: makes what it says; called where the level is logged.
    """
    if not is_on():
        return
    import structlog

    try:
        bound = structlog.get_logger("airlock").bind()
        # Of the class: structlog's generic logger takes every name for the name of a level.
        is_enabled = getattr(type(bound), "is_enabled_for", None)
        if is_enabled is None or is_enabled(bound, _LEVELS[level]):
            getattr(bound, level)(event, **fields())
    except Exception:
        logging.getLogger("airlock").exception("%s could not be logged", event)


def is_on() -> bool:
    """Whether events are logged at all."""
    structlog = sys.modules.get("structlog")
    return structlog is not None and structlog.is_configured() and current().events
