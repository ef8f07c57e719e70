"""Streaming bodies: made after the middleware has returned, and still part of the request.

The scope is current while the body makes its next piece, and ends with the body. A body that
fails, or whose client goes away, discards; one that nobody begins to read (a HEAD request)
leaves what the view itself enqueued to the view's own response.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from airlock import Phase
from airlock_core.resuming import Resumable


class Body(Iterator[Any]):
    """A body made by an iterator, in the scope of its request.

    Args:
        resumable: the request's scope.
        content: the response's own content.
        end: ends the scope as the response says.
    """

    def __init__(self, resumable: Resumable, content: Any, end: Callable[[], None]) -> None:
        """Begin; nothing is read before the first piece is asked for."""
        self._resumable = resumable
        self._content = content
        self._end = end
        self._begun = False

    def __next__(self) -> Any:
        """Make the next piece, in the scope."""
        self._begun = True
        try:
            with self._resumable:
                return next(self._content)
        except StopIteration:
            self._end()
            raise
        except BaseException as error:
            _discard(self._resumable, error)
            raise

    def close(self) -> None:
        """End the scope, where the body was not read to its end."""
        if self._begun:
            _discard(self._resumable, GeneratorExit())
        else:
            self._end()


class AsyncBody(AsyncIterator[Any]):
    """A body made by an async iterator, in the scope of its request.

    Args:
        resumable: the request's scope.
        content: the response's own content.
        aend: ends the scope as the response says.
        end: the same, where nothing can be awaited.
    """

    def __init__(
        self,
        resumable: Resumable,
        content: Any,
        aend: Callable[[], Awaitable[None]],
        end: Callable[[], None],
    ) -> None:
        """Begin; nothing is read before the first piece is asked for."""
        self._resumable = resumable
        self._content = aiter(content)
        self._aend = aend
        self._end = end
        self._begun = False

    async def __anext__(self) -> Any:
        """Make the next piece, in the scope."""
        self._begun = True
        try:
            with self._resumable:
                return await anext(self._content)
        except StopAsyncIteration:
            await self._aend()
            raise
        except BaseException as error:
            _discard(self._resumable, error)
            raise

    async def aclose(self) -> None:
        """End the scope, where the body was not read to its end."""
        aclose = getattr(self._content, "aclose", None)
        if aclose is not None:
            with self._resumable:
                await aclose()
        self.close()

    def close(self) -> None:
        """End the scope, where the body was not read to its end."""
        if self._begun:
            _discard(self._resumable, GeneratorExit())
        else:
            self._end()


def resumed(resumable: Resumable, close: Callable[[], Any]) -> Callable[[], None]:
    """Have what closes a body run in the scope of its request."""

    def close_in_scope() -> None:
        with resumable:
            close()

    return close_in_scope


def _discard(resumable: Resumable, error: BaseException) -> None:
    if resumable.scope.phase is Phase.OPEN:
        resumable.scope.exit(error)
