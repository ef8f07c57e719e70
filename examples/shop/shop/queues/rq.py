"""RQ, on Redis."""

from typing import Any

from django.conf import settings
from orders.executions import executed
from redis import Redis
from rq.decorators import job

from airlock_rq import ScopedJob

task = job("shop", connection=Redis.from_url(settings.REDIS_URL))


class Job(ScopedJob):
    """A job that is a scope, and is written down: `rq worker --job-class shop.queues.rq.Job`."""

    def perform(self) -> Any:
        """Perform it, and write it down."""
        try:
            result = super().perform()
        except Exception as error:
            executed(self.id, self.func_name, self.args, error)
            raise
        executed(self.id, self.func_name, self.args, result)
        return result
