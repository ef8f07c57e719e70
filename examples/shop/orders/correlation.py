"""The correlation id: one for each request and each run of a command, on every line of the logs."""

from contextlib import AbstractContextManager
from uuid import uuid4

from structlog.contextvars import bound_contextvars


def correlated(id: str | None = None) -> AbstractContextManager[None]:
    """Bind a correlation id. airlock-structlog has it travel to the worker with each effect.

    Args:
        id: the id; by default a new one.
    """
    return bound_contextvars(correlation_id=id or uuid4().hex)
