"""What the worker does. Each task begins by reading the row that it is about, and logs itself."""

import structlog
from shop.queues import task

from orders import models

log = structlog.get_logger()


@task
def send_confirmation(number: str) -> str:
    """Confirm an order to its customer."""
    order = models.Order.objects.get(pk=number)
    log.info("send_confirmation", order=number)
    return f"e-mail to {order.customer}: thank you for the {order.item}"


@task
def notify_warehouse(number: str) -> str:
    """Tell the warehouse what to pack."""
    order = models.Order.objects.get(pk=number)
    log.info("notify_warehouse", order=number)
    return f"to pack: one {order.item}"


@task
def add_loyalty_points(number: str) -> str:
    """Add what an order earned to the customer's card, at the company that keeps the cards."""
    entry = models.LoyaltyEntry.objects.select_related("order").get(pk=number)
    log.info("add_loyalty_points", order=number)
    return f"{entry.points} points for {entry.order.customer}"


@task
def send_reminder(number: str) -> str:
    """Ask a customer how it was."""
    order = models.Order.objects.get(pk=number)
    log.info("send_reminder", order=number)
    return f"e-mail to {order.customer}: how is the {order.item}?"
