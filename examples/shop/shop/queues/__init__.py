"""The queue of the shop. `SHOP_QUEUE` says which; each has a module in here.

That module is all that differs between the queues. It has the connection to the broker, the
decorator `task`, the scope around each execution, and the audit of what the worker executes.
"""

from importlib import import_module

from django.conf import settings

task = import_module(f"shop.queues.{settings.QUEUE}").task
