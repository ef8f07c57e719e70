"""A scope around each execution of a job: success flushes, failure and retry discard."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from rq.job import Job, Retry

import airlock
from airlock_core.calls import is_coroutine_function


class ScopedJob(Job):
    """A job that a worker performs in a scope: `rq worker --job-class airlock_rq.ScopedJob`.

    What the job enqueues leaves when its function has returned. An exception discards it, and so
    does a returned `Retry`. An error of the flush is the job's own: it fails, and is retried where
    it has retries.
    """

    @property
    def func(self) -> Any:
        """The job's function; a coroutine function in an `async with` scope of its own."""
        function = super().func
        return self._awaited(function) if is_coroutine_function(function) else function

    def perform(self) -> Any:
        """Perform the job, and flush what it has enqueued."""
        if is_coroutine_function(super().func):
            return super().perform()
        with airlock.scope(name=self._scope_name) as scope:
            result = super().perform()
            _discard_if_retried(scope, result)
        return result

    def _awaited(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            async with airlock.scope(name=self._scope_name) as scope:
                result = await function(*args, **kwargs)
                _discard_if_retried(scope, result)
            return result

        return call

    @property
    def _scope_name(self) -> str:
        return f"job {self.func_name}"


def _discard_if_retried(scope: airlock.Scope, result: object) -> None:
    if isinstance(result, Retry):
        scope.discard()
