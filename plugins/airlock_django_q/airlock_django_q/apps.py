"""The app: each task that this process puts on a queue is to run in a scope."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps

from airlock import ConfigurationError


class AirlockDjangoQConfig(AppConfig):
    """`INSTALLED_APPS = ["django_q", "airlock_django_q"]`."""

    name = "airlock_django_q"
    label = "airlock_django_q"
    verbose_name = "airlock for django-q"

    def ready(self) -> None:
        """Follow django-q's own signal, which schedules and chains send, too.

        Raises:
            ConfigurationError: django-q itself is not installed.
        """
        if not apps.is_installed("django_q"):
            raise ConfigurationError(
                "'airlock_django_q' in INSTALLED_APPS needs 'django_q' there. Add it."
            )
        from django_q.signals import pre_enqueue, pre_execute

        from airlock_django_q.execution import arrives

        pre_enqueue.connect(_scope_the_task, dispatch_uid="airlock_django_q")
        pre_execute.connect(arrives, dispatch_uid="airlock_django_q")


def _scope_the_task(*, task: dict[str, Any], **kwargs: Any) -> None:
    from airlock_django_q.execution import ScopedTask

    if not isinstance(task["func"], ScopedTask):
        task["func"] = ScopedTask(task["func"])
