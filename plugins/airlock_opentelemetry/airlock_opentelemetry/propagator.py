"""The trace and the baggage of a request, from its `enqueue` line to the worker."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import airlock
from airlock_opentelemetry.celery_tasks import is_celerys
from airlock_opentelemetry.jobs import ReceivedJob

if TYPE_CHECKING:
    from airlock import Intent
    from airlock_opentelemetry.instruments import Instruments

#: Where it stands in `intent.meta`, and so among the headers of a message.
KEY = "airlock_opentelemetry"


class TracePropagator(airlock.Propagator):
    """Carries what OpenTelemetry's global propagator does, and has a span around each job.

    Args:
        instruments: has the tracer.
    """

    key = KEY

    def __init__(self, instruments: Instruments) -> None:
        """Begin."""
        self._instruments = instruments

    def capture(self, intent: Intent) -> dict[str, Any] | None:
        """Return the headers of the current trace, and the task's name; None without a trace."""
        module = sys.modules.get("opentelemetry.context")
        if module is None or not module.get_current():  # nobody has begun anything
            return None
        from opentelemetry.propagate import inject

        headers: dict[str, str] = {}
        inject(headers)
        return {"task": intent.name, "headers": headers} if headers else None

    @airlock.hookimpl
    def intent_created(self, intent: Intent) -> None:
        """Put the headers into `intent.meta`."""
        super().intent_created(intent)
        if intent.has_meta and KEY in intent.meta and is_celerys(intent.task):
            # Under their own names, too: OpenTelemetry's instrumentation of Celery looks for them
            # there, and it may be at work in the worker alone.
            intent.meta.update(intent.meta[KEY]["headers"])

    def restore(self, value: Mapping[str, Any]) -> ReceivedJob:
        """Put the trace and the baggage in place, and a span of the job's own."""
        return ReceivedJob(self._instruments, value)
