"""The app: applies the settings, follows their overrides, registers the checks."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig


class AirlockConfig(AppConfig):
    """`INSTALLED_APPS = ["airlock_django"]`."""

    name = "airlock_django"
    label = "airlock_django"
    verbose_name = "airlock"

    def ready(self) -> None:
        """Make every scope of this process one that waits for the commit."""
        from django.core.checks import register
        from django.core.signals import setting_changed
        from django.db.backends.signals import connection_created

        from airlock_django import checks, settings
        from airlock_django.tasks.checks import check_tasks

        settings.apply()
        setting_changed.connect(_setting_changed, dispatch_uid="airlock_django")
        connection_created.connect(_connection_created, dispatch_uid="airlock_django")
        register(checks.check_settings, "airlock")
        register(checks.check_middleware, "airlock")
        register(checks.check_databases, "airlock")
        register(checks.check_plugins, "airlock")
        register(check_tasks, "airlock")


def _setting_changed(*, setting: str, **kwargs: Any) -> None:
    if setting == "AIRLOCK":
        from airlock_django import settings

        settings.apply()


def _connection_created(**kwargs: Any) -> None:
    from airlock_django import blocks, settings

    if settings.tests_run():
        blocks.watch_blocks()
