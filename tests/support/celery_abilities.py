"""What the installed Celery and Kombu can do, where tests expect less of an older one.

assert round_trips == (1 if PIPELINES else 100)
"""

from __future__ import annotations

import celery
import kombu

#: Many messages to Redis are one round trip.
PIPELINES = hasattr(kombu.Producer, "supports_batch_publish")

#: Pydantic models in the arguments of a call are encoded.
MODELS = hasattr(celery.Task, "_dump_pydantic_arguments")
