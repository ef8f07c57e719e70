"""What is Celery's own: the task that runs, its errors, and OpenTelemetry's instrumentation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

# On a task's request: the span of its execution.
_SPAN = "_airlock_span"


def is_celerys(task: Any) -> bool:
    """Whether a task is Celery's: a task or a signature."""
    if "celery" not in sys.modules:
        return False
    from celery import Signature, Task

    return isinstance(task, Task | Signature)


def current_task() -> Any:
    """Return the task that Celery executes here, or None."""
    if "celery" not in sys.modules:
        return None
    from celery import current_task

    return current_task if current_task else None


def is_instrumented() -> bool:
    """Whether OpenTelemetry's own instrumentation gives each execution its span."""
    module: Any = sys.modules.get("opentelemetry.instrumentation.celery")
    return module is not None and module.CeleryInstrumentor().is_instrumented_by_opentelemetry


def attributes_of(request: Any) -> dict[str, AttributeValue]:
    """Say what a task's request tells of its message."""
    attributes: dict[str, AttributeValue] = {
        "messaging.system": "celery",
        "messaging.message.id": request.id,
        "celery.retries": request.retries,
    }
    if queue := (request.delivery_info or {}).get("routing_key"):
        attributes["messaging.destination.name"] = queue
    return attributes


def watch(task: Any, span: Span) -> None:
    """Have the failure of an execution recorded on its span.

    Celery has handled the error when it says that the task has ended.
    """
    from celery.signals import task_failure

    setattr(task.request, _SPAN, span)
    task_failure.connect(_failed, weak=False, dispatch_uid="airlock_opentelemetry")


def _failed(*, sender: Any, exception: BaseException, **_: Any) -> None:
    from opentelemetry.trace import Status, StatusCode

    span = getattr(sender.request, _SPAN, None)
    if span is not None and not isinstance(exception, tuple(sender.throws or ())):
        span.record_exception(exception)
        span.set_status(Status(StatusCode.ERROR, type(exception).__qualname__))
