"""Scopes of work that is suspended and resumed: generators, and bodies that are streamed."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeVar

from airlock_core.context import here, place_of, scope_of
from airlock_core.scopes import Scope

R = TypeVar("R")


class Resumable:
    """Makes a scope current while a generator runs, and not while it is suspended.

    Args:
        scope: a new scope; it is opened here, inside the scope that is current.
    """

    def __init__(self, scope: Scope) -> None:
        """Open the scope, without making it current."""
        around = here.get()
        self.scope = scope
        scope.open(scope_of(around))
        self._inside = place_of(scope, around)
        self._outside = around

    def __enter__(self) -> None:
        """Resume: put back what was current inside when it was suspended."""
        self._outside = here.get()
        here.set(self._inside)

    def __exit__(self, *exc: object) -> None:
        """Suspend: remember what is current inside, and put back what is current around it."""
        self._inside = here.get()
        here.set(self._outside)


def drive(scope: Scope, generator: Generator[Any, Any, R]) -> Generator[Any, Any, R]:
    """Run a generator in a scope, which ends with it; closing it early discards."""
    resumed = Resumable(scope)
    step: Callable[[], Any] = functools.partial(next, generator)
    try:
        while True:
            with resumed:
                value = step()
            try:
                sent = yield value
                step = functools.partial(generator.send, sent)
            except GeneratorExit:
                with resumed:
                    generator.close()
                raise
            except BaseException as error:
                step = functools.partial(generator.throw, error)
    except StopIteration as stop:
        scope.exit()
        result: R = stop.value
        return result
    except BaseException as error:
        scope.exit(error)
        raise


async def adrive(scope: Scope, generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    """Run an async generator in a scope, which ends with it; closing it early discards."""
    scope.awaited()
    resumed = Resumable(scope)
    step: Callable[[], Any] = functools.partial(generator.asend, None)
    try:
        while True:
            with resumed:
                value = await step()
            try:
                sent = yield value
                step = functools.partial(generator.asend, sent)
            except GeneratorExit:
                with resumed:
                    await generator.aclose()
                raise
            except BaseException as error:
                step = functools.partial(generator.athrow, error)
    except StopAsyncIteration:
        await scope.aexit()
    except BaseException as error:
        await scope.aexit(error)
        raise
