"""A policy plugin for airlock: no e-mail at weekends."""

from airlock_quiet_hours.policy import QuietHours, from_environment

__all__ = ["QuietHours", "from_environment", "plugin"]

#: What the entry point `quiet_hours` registers.
plugin = from_environment()
