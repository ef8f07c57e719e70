from django.core.management.base import BaseCommand
from django.db import transaction

from orders.models import Order
from orders.queue import work_off
from orders.tasks import sender


class Command(BaseCommand):
    """Place two orders in no scope: one is committed, one is rolled back."""

    def add_arguments(self, parser):
        parser.add_argument("customer")
        parser.add_argument("how")

    def handle(self, *, customer, how, **options):
        for name in ("committed", "rolled back"):
            with transaction.atomic():
                Order.objects.create(customer=customer, name=name)
                sender(how)(customer, name)
                work_off(children=2)
                transaction.set_rollback(name == "rolled back")
