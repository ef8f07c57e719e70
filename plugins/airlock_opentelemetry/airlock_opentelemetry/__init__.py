"""airlock for OpenTelemetry: one trace from a request to its jobs, and metrics of what left.

Importing it does not import OpenTelemetry.
"""

from __future__ import annotations

from airlock_opentelemetry.plugin import OpenTelemetryPlugin, opentelemetry_plugin
from airlock_opentelemetry.propagator import TracePropagator
from airlock_opentelemetry.settings import configure

__version__ = "0.1.0"

__all__ = ["OpenTelemetryPlugin", "TracePropagator", "configure", "opentelemetry_plugin"]
