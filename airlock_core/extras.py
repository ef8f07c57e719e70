"""What few intents have: options, local policies, holds, an id that was asked for, and meta."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airlock_core.intents import Hold
    from airlock_core.policies import Policy

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


class Extras:
    """One object for all of it: an intent that has none is 32 bytes smaller, and 20 ns cheaper."""

    __slots__ = ("holds", "id", "meta", "options", "policies")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.options = NO_OPTIONS
        self.policies: tuple[Policy, ...] = ()
        self.holds: tuple[Hold, ...] = ()
        self.id: str | None = None
        self.meta: dict[str, Any] | None = None
