"""`manage.py remind`: ask every customer who was not asked yet."""

from typing import Any

from django.db import transaction

from airlock_django.commands import ScopedCommand
from orders.audit import report
from orders.correlation import correlated
from orders.models import Order


class Command(ScopedCommand):
    """Runs in a scope. `--dry-run-effects` shows what it would send, and undoes its work."""

    help = "Ask every customer who was not asked yet how it was."

    def handle(self, *args: Any, **options: Any) -> None:
        """Remind them, all or none."""
        with transaction.atomic():
            for order in Order.objects.filter(reminded=False).order_by("number"):
                order.remind()

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Execute it under a new correlation id, and report what has become of its effects."""
        with correlated():
            try:
                return super().execute(*args, **options)
            finally:
                report(self.airlock_scope)
