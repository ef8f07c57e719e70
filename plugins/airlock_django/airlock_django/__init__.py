"""airlock for Django: a scope waits for the commit, exactly as the rows do.

`INSTALLED_APPS = ["airlock_django"]`, `MIDDLEWARE = [..., "airlock_django.AirlockMiddleware"]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock_django.plugin import plugin

if TYPE_CHECKING:
    from airlock_django.middleware import AirlockMiddleware
    from airlock_django.scopes import DjangoScope

__version__ = "0.1.0"

__all__ = ["AirlockMiddleware", "DjangoScope", "plugin"]


def __getattr__(name: str) -> Any:
    # Imported when first asked for: the entry point loads this package in every process that
    # has it installed, also where Django is not in use.
    if name == "AirlockMiddleware":
        from airlock_django.middleware import AirlockMiddleware

        return AirlockMiddleware
    if name == "DjangoScope":
        from airlock_django.scopes import DjangoScope

        return DjangoScope
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
