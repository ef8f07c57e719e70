"""Orders and loyalty points. Saving a new one asks for its effects.

`save()` does not know who calls it: a view, a command, a test. It does not need to. Whoever
opened the scope decides whether the effects leave, and the transaction decides when.
"""

from typing import Any

from django.db import models

import airlock
from orders import tasks


class Order(models.Model):
    """What a customer ordered."""

    number = models.CharField(primary_key=True, max_length=20)
    customer = models.CharField(max_length=100)
    item = models.CharField(max_length=100)
    price = models.PositiveIntegerField()
    reminded = models.BooleanField(default=False)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it; a new order is confirmed to the customer and announced to the warehouse."""
        is_new = self._state.adding
        super().save(*args, **kwargs)
        if is_new:
            airlock.enqueue(tasks.send_confirmation, self.number)
            airlock.enqueue(tasks.notify_warehouse, self.number)

    def remind(self) -> None:
        """Ask the customer, once, how it was."""
        self.reminded = True
        self.save()
        airlock.enqueue(tasks.send_reminder, self.number)


class LoyaltyEntry(models.Model):
    """The points that an order earned."""

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True)
    points = models.PositiveIntegerField()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it, and have the points added to the customer's card."""
        super().save(*args, **kwargs)
        airlock.enqueue(tasks.add_loyalty_points, self.order_id)
