"""The middleware: each request is a scope, and its intents leave when the response is a success."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async

from airlock import DispatchError, Phase, Scope, scope
from airlock_core.resuming import Resumable
from airlock_django import settings
from airlock_django.reporting import logger, report
from airlock_django.scopes import DjangoScope
from airlock_django.streaming import AsyncBody, Body, resumed


class AirlockMiddleware:
    """Runs each request in a scope, for sync and async views.

    Intents leave with a response below `AIRLOCK["DISCARD_FROM_STATUS"]`, after whatever
    transactions they were enqueued in have committed. Exceptions, which arrive here as 500s, and
    other errors discard them. A streaming body is part of its request: the scope ends with it.

    Place it below the middleware that binds request ids, users or traces, and above whatever
    opens transactions. The scope is `request.airlock_scope`. Override `should_flush` to decide
    otherwise.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        """Wrap the next layer."""
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def should_flush(self, request: Any, response: Any) -> bool:
        """Decide from the response whether the request's intents may leave.

        The default compares its status with `AIRLOCK["DISCARD_FROM_STATUS"]`. The scope's own
        `should_flush(error)` and the hook `scope_exit` are asked afterwards.
        """
        limit = settings.get("DISCARD_FROM_STATUS")
        return limit is None or response.status_code < limit

    def make_scope(self, request: Any) -> Scope:
        """Make the request's scope: by default what `airlock.scope()` makes."""
        return scope(name=f"{request.method} {request.path}")

    def __call__(self, request: Any) -> Any:
        """Answer the request in a scope."""
        if self.is_async:
            return self._answer_async(request)
        request.airlock_scope = current = self.make_scope(request)
        resumable = Resumable(current)
        try:
            with resumable:
                response = self.get_response(request)
        except BaseException as error:
            if _still_open(current):
                current.exit(error)
            raise
        return self._leave(resumable, request, response)

    async def _answer_async(self, request: Any) -> Any:
        request.airlock_scope = current = self.make_scope(request)
        current.awaited()
        resumable = Resumable(current)
        try:
            with resumable:
                response = await self.get_response(request)
        except BaseException as error:
            if _still_open(current):
                await current.aexit(error)
            raise
        if _follows(response):
            return self._leave(resumable, request, response)
        await self._aend(current, self.should_flush(request, response), response.status_code)
        return response

    def _leave(self, resumable: Resumable, request: Any, response: Any) -> Any:
        current = resumable.scope
        flush = self.should_flush(request, response)
        status = response.status_code
        if not _follows(response):
            self._end(current, flush, status)
            return response
        # What a generator does when it is closed early is a part of the request, too.
        response._resource_closers[:] = [resumed(resumable, c) for c in response._resource_closers]
        if response.is_async:

            async def aend() -> None:
                await self._aend(current, flush, status)

            response.streaming_content = AsyncBody(
                resumable,
                response.streaming_content,
                aend,
                lambda: self._end(current, flush, status),
            )
        else:
            response.streaming_content = Body(
                resumable, response.streaming_content, lambda: self._end(current, flush, status)
            )
        return response

    def _end(self, current: Scope, flush: bool, status: int) -> None:
        if not _still_open(current):
            return
        if not flush:
            _discard(current, status)
            return
        try:
            current.exit()
        except DispatchError as error:
            # The work is committed and the answer a success.
            if not isinstance(current, DjangoScope):  # which has reported it
                report(error)
            if settings.get("RAISE_DISPATCH_ERRORS"):
                raise

    async def _aend(self, current: Scope, flush: bool, status: int) -> None:
        if not _still_open(current):
            return
        if not flush:
            _discard(current, status)
            return
        try:
            await current.aexit()
        except DispatchError as error:
            if not isinstance(current, DjangoScope):
                await sync_to_async(report)(error)
            if settings.get("RAISE_DISPATCH_ERRORS"):
                raise


def _follows(response: Any) -> bool:
    """Whether the body is still to be made by the application's own code."""
    return bool(getattr(response, "streaming", False)) and not getattr(
        response, "file_to_stream", None
    )


def _still_open(current: Scope) -> bool:
    """Whether the view left the end of its scope to us."""
    return current.phase is Phase.OPEN


def _discard(current: Scope, status: int) -> None:
    if len(current):
        logger.info("%s: discarded %d intents: response %d", current.name, len(current), status)
    current.discard(f"response {status}")
