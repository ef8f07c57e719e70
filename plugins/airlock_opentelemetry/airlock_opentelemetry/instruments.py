"""What measures: the tracer, the counter and the histograms. Made when there is who listens."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram, Meter, MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

    from airlock import Scope

_NAME = "airlock"
# In seconds: from a pipeline to Redis to a broker that is asked until its deadline.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_INTENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


class Instruments:
    """The tracer and the metrics.

    Args:
        tracer_provider: whose tracer it is; by default the global one's.
        meter_provider: whose metrics they are; by default the global one's.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None
    ) -> None:
        """Keep the providers; nothing is made yet."""
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._tracing = tracer_provider is not None
        self._measuring = meter_provider is not None
        self._asked_for: ref[Scope] | None = None

    @property
    def tracing(self) -> bool:
        """Whether anybody listens to spans; who does so once, does so for good."""
        self._tracing = self._tracing or _is_set("trace", "get_tracer_provider")
        return self._tracing

    @property
    def measuring(self) -> bool:
        """Whether anybody listens to metrics; who does so once, does so for good."""
        self._measuring = self._measuring or _is_set("metrics", "get_meter_provider")
        return self._measuring

    def serve(self, scope: Scope) -> bool:
        """Whether anybody listens to anything, looked up once for a scope's many intents.

        The API reads the environment to find out that nobody does: 2 µs.
        """
        if self._tracing or self._measuring:
            return True
        if self._asked_for is None or self._asked_for() is not scope:
            self._asked_for = ref(scope)
            return self.tracing or self.measuring
        return False

    @cached_property
    def tracer(self) -> Tracer:
        """The tracer."""
        from opentelemetry import trace

        return trace.get_tracer(_NAME, tracer_provider=self._tracer_provider)

    @cached_property
    def _meter(self) -> Meter:
        from opentelemetry import metrics

        return metrics.get_meter(_NAME, meter_provider=self._meter_provider)

    @cached_property
    def intents(self) -> Counter:
        """The intents, by task and outcome."""
        return self._meter.create_counter(
            "airlock.intents", unit="{intent}", description="Intents that have their ends."
        )

    @cached_property
    def flush_duration(self) -> Histogram:
        """How long flushes take."""
        return self._histogram(
            "airlock.flush.duration", "s", "From the first batch of a flush to its end.", _SECONDS
        )

    @cached_property
    def buffered_duration(self) -> Histogram:
        """How long intents wait."""
        description = "From the enqueue of a batch's oldest intent to the batch's departure."
        return self._histogram("airlock.buffered.duration", "s", description, _SECONDS)

    @cached_property
    def batch_size(self) -> Histogram:
        """How many intents leave together."""
        return self._histogram(
            "airlock.publish.batch_size", "{intent}", "Intents in one batch.", _INTENTS
        )

    @cached_property
    def buffer_size(self) -> Histogram:
        """How many intents a scope has held."""
        return self._histogram(
            "airlock.scope.buffer_size", "{intent}", "Intents that a scope has held.", _INTENTS
        )

    def _histogram(
        self, name: str, unit: str, description: str, boundaries: tuple[float, ...]
    ) -> Histogram:
        return self._meter.create_histogram(
            name,
            unit=unit,
            description=description,
            explicit_bucket_boundaries_advisory=boundaries,
        )


def _is_set(package: str, getter: str) -> bool:
    """Whether there is a provider other than the API's own, which does nothing."""
    name = f"opentelemetry.{package}"
    module: Any = sys.modules.get(name)
    if module is None:  # whoever sets a provider imports it
        return False
    return not type(getattr(module, getter)()).__module__.startswith(name)
