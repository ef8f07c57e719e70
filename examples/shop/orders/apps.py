"""The app's configuration."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """The app of the orders."""

    name = "orders"

    def ready(self) -> None:
        """Listen to what the worker executes."""
        from orders import executions  # noqa: F401  (importing it connects its receiver)
