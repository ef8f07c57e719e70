"""Warnings at the line that has to change, once for each such line as Python's filters have it."""

from __future__ import annotations

import warnings
from types import FrameType


def warn_at(frame: FrameType, message: str) -> None:
    """Issue a `DeprecationWarning` for the line that `frame` is at.

    Python itself remembers which lines have warned, in that module's own registry, so that its
    filters (`default`, `error`, `always`, ...) mean what they always mean.
    """
    warnings.warn_explicit(
        message,
        DeprecationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
