"""What the worker of RQ, Dramatiq or Huey imports: Django, and with its models the tasks.

Celery's worker finds Django and the tasks by itself.
"""

import django
from django.conf import settings

django.setup()

REDIS_URL = settings.REDIS_URL  # `rq worker --config shop.worker` reads it
if settings.QUEUE == "huey":
    from shop.queues.huey import huey  # noqa: F401  (`huey_consumer shop.worker.huey`)
