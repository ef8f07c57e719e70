"""`manage.py remind`: ask every customer who was not asked yet."""

from typing import Any

from django.db import transaction

import airlock
from airlock_django.commands import ScopedCommand
from orders.audit import report
from orders.models import Order


class Command(ScopedCommand):
    """Runs in a scope. `--dry-run-effects` shows what it would send, and undoes its work."""

    scope: airlock.Scope | None = None
    help = "Ask every customer who was not asked yet how it was."

    def handle(self, *args: Any, **options: Any) -> None:
        """Remind them, all or none."""
        self.scope = airlock.get_current_scope()
        with transaction.atomic():
            for order in Order.objects.filter(reminded=False).order_by("number"):
                order.remind()

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Execute it, and report what has become of its effects."""
        ended = "dry run" if options["dry_run_effects"] else "success"
        try:
            return super().execute(*args, **options)
        except BaseException as error:
            ended = repr(error)
            raise
        finally:
            if self.scope is not None:
                report(self.scope, ended)
