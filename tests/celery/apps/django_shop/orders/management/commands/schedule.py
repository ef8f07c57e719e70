import json

from django.core.management.base import BaseCommand
from django_celery_beat.models import IntervalSchedule, PeriodicTask


class Command(BaseCommand):
    """Have beat send a task that succeeds and one that fails, five times a second each."""

    def handle(self, **options):
        schedule, _ = IntervalSchedule.objects.get_or_create(
            every=200_000, period=IntervalSchedule.MICROSECONDS
        )
        for name, fails in (("succeeds", False), ("fails", True)):
            PeriodicTask.objects.create(
                interval=schedule,
                name=name,
                task="orders.tasks.periodic",
                args=json.dumps([name, fails]),
            )
