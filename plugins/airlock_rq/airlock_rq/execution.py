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
        """Perform the job with what its `meta` has brought, and flush what it has enqueued."""
        with airlock.received(self.meta):
            if is_coroutine_function(super().func):
                return super().perform()
            with airlock.scope(name=self._scope_name) as scope:
                result = super().perform()
                _discard_if_retried(scope, result)
            return result

    @property
    def success_callback(self) -> Any:
        """What `on_success` names; it finds in place what the job's `meta` has brought."""
        return self._receiving(super().success_callback)

    @property
    def failure_callback(self) -> Any:
        """What `on_failure` names; it finds in place what the job's `meta` has brought."""
        return self._receiving(super().failure_callback)

    def _receiving(self, callback: Any) -> Any:
        # RQ itself refuses a coroutine function, which it must be able to see.
        if callback is None or is_coroutine_function(callback):
            return callback

        @wraps(callback)
        def call(*args: Any, **kwargs: Any) -> Any:
            with airlock.received(self.meta):
                return callback(*args, **kwargs)

        return call

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
