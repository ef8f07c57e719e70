"""What the shop does. Nothing in here mentions a scope, a queue or `on_commit`."""

import structlog
from django.db import transaction
from django.db.models import Sum

from orders import payments
from orders.models import LoyaltyEntry, Order

log = structlog.get_logger()

PRICES = {"tea": 5, "kettle": 40, "samovar": 400}
MOST_POINTS = 300


class TooManyPoints(Exception):
    """A customer would have more points than the card can hold."""


def checkout(number: str, customer: str, item: str, card: str) -> Order:
    """Place an order and charge the card, both or neither."""
    with transaction.atomic():
        order = Order.objects.create(
            number=number, customer=customer, item=item, price=PRICES[item]
        )
        try:
            earn_points(order)
        except TooManyPoints:
            # The savepoint is rolled back. The order goes on without points.
            log.info("no points", order=number)
        payments.charge(card)
    return order


def earn_points(order: Order) -> None:
    """Give the customer the points of an order, unless the card is full.

    Raises:
        TooManyPoints: it is; the points are undone.
    """
    with transaction.atomic():
        LoyaltyEntry.objects.create(order=order, points=order.price)
        of_customer = LoyaltyEntry.objects.filter(order__customer=order.customer)
        if of_customer.aggregate(sum=Sum("points"))["sum"] > MOST_POINTS:
            raise TooManyPoints(order.customer)
