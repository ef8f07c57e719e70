"""The policy, and how the environment configures it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from airlock import BlockTasks, ConfigurationError, Deny, Intent, Policy

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class QuietHours(Policy):
    """Deny some tasks on some days of the week.

    The clock is read once for each intent, when its scope leaves: an order placed on Friday whose
    transaction commits on Saturday is quiet.

    Args:
        tasks: what is quiet: names (`"send_email"`, `"shop.tasks.send_email"`) or the tasks.
        days: on which days: `"sat"`, `"sun"`, ...
        clock: returns the time now; another one in tests.
    """

    def __init__(
        self,
        tasks: Collection[Any] = ("send_email",),
        *,
        days: Collection[str] = ("sat", "sun"),
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        if unknown := [day for day in days if day not in DAYS]:
            raise ConfigurationError(
                f"QuietHours knows no day {unknown[0]!r}. The days are: {', '.join(DAYS)}."
            )
        self._days = frozenset(days)
        self._clock = clock
        # BlockTasks knows a task by short name, dotted name and object, and looks into chains.
        self._quiet = BlockTasks(tasks)

    def allows(self, intent: Intent) -> bool | Deny:
        """Deny a quiet task on a quiet day."""
        today = DAYS[self._clock().weekday()]
        if today not in self._days or self._quiet.allows(intent) is True:
            return True
        return Deny(f"quiet hours: {intent.name} does not leave on a {today}")


def from_environment(environment: Mapping[str, str] = os.environ) -> QuietHours:
    """Make the policy that the environment describes.

    Args:
        environment: `AIRLOCK_QUIET_TASKS` and `AIRLOCK_QUIET_DAYS`, lists with commas, and
            `AIRLOCK_QUIET_TIMEZONE`, such as `Europe/Lisbon`; local time where it is not set.

    Raises:
        ConfigurationError: a day or a time zone does not exist.
    """
    name = environment.get("AIRLOCK_QUIET_TIMEZONE")
    try:
        zone = ZoneInfo(name) if name else None
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"AIRLOCK_QUIET_TIMEZONE={name} is no time zone.") from error
    return QuietHours(
        _words(environment.get("AIRLOCK_QUIET_TASKS", "send_email")),
        days=_words(environment.get("AIRLOCK_QUIET_DAYS", "sat,sun")),
        clock=lambda: datetime.now(zone),
    )


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
