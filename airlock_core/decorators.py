"""`@airlock.scoped()`: each call of a function runs in a scope of its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, ParamSpec, TypeVar, overload

from airlock_core.entry import scope
from airlock_core.errors import ConfigurationError
from airlock_core.resuming import adrive, drive
from airlock_core.scopes import Scope

P = ParamSpec("P")
R = TypeVar("R")
W = TypeVar("W", bound=Callable[..., Any])


@overload
def scoped(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def scoped(**arguments: Any) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def scoped(function: Any = None, /, **arguments: Any) -> Any:
    """Run each call of the function in a scope of its own: `@scoped`, `@scoped()`, `@scoped(...)`.

    Success flushes; an exception discards, a queue's "retry me" exception included. Generators
    are in their scope only while they run, and closing one early discards.

    Args:
        function: a function, coroutine function, generator or async generator function.
        **arguments: those of `airlock.scope()`.

    Raises:
        ConfigurationError: it was put on something that is no function.
    """
    if function is None:
        return lambda function: _wrapped(function, arguments)
    return _wrapped(function, arguments)


def _wrapped(function: Any, arguments: dict[str, Any]) -> Any:
    if isinstance(function, staticmethod | classmethod):
        return type(function)(_wrapped(function.__func__, arguments))
    kinds = (FunctionType, BuiltinFunctionType, MethodType, functools.partial)
    if not isinstance(function, kinds):
        raise ConfigurationError(
            f"@airlock.scoped() takes a function, and got {function!r}. Put it directly above the "
            "`def`, below the decorator that makes a task of it."
        )
    name = getattr(function, "__qualname__", repr(function))

    def make() -> Scope:
        return scope(**{"name": name, **arguments})

    if inspect.isasyncgenfunction(function):

        @_stands_for(function)
        async def in_scope_async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            driven = adrive(make(), function(*args, **kwargs))
            sent = None
            try:
                while True:
                    try:
                        value = await driven.asend(sent)
                    except StopAsyncIteration:
                        return
                    while True:
                        try:
                            sent = yield value
                            break
                        except GeneratorExit:
                            raise
                        except BaseException as error:
                            try:
                                value = await driven.athrow(error)
                            except StopAsyncIteration:
                                return
            finally:
                await driven.aclose()

        return in_scope_async_generator

    if inspect.isgeneratorfunction(function):

        @_stands_for(function)
        def in_scope_generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return (yield from drive(make(), function(*args, **kwargs)))

        return in_scope_generator

    if inspect.iscoroutinefunction(function):

        @_stands_for(function)
        async def in_scope_coroutine(*args: Any, **kwargs: Any) -> Any:
            async with make():
                return await function(*args, **kwargs)

        return in_scope_coroutine

    @_stands_for(function)
    def in_scope(*args: Any, **kwargs: Any) -> Any:
        with make():
            return function(*args, **kwargs)

    return in_scope


def _stands_for(function: Callable[..., Any]) -> Callable[[W], W]:
    """Do what `functools.wraps` does, for those as well who read a signature and do not unwrap.

    Celery is one of them: it checks the arguments of a `.delay()`, and asks an errback how many it
    takes.
    """

    def dress(wrapper: W) -> W:
        functools.update_wrapper(wrapper, function)
        try:
            wrapper.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            pass  # a built-in has none
        return wrapper

    return dress
