"""Print what the least pure Python costs that does the work of an enqueue and of an empty scope.

Each line adds one thing that the contract asks for; the last is what airlock itself costs.
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

import airlock

here: ContextVar[Any] = ContextVar("here", default=None)
get_here, set_here, getframe = here.get, here.set, sys._getframe
buffer: list[Any] = []


class Intent:
    __slots__ = ("args", "code", "context", "extras", "kwargs", "lasti", "outcome", "scope", "task")


def task(number: int) -> None:
    """Do nothing."""


def called(task: Any, /, *args: Any, options: Any = None, **kwargs: Any) -> None:
    pass


def placed(task: Any, /, *args: Any, options: Any = None, **kwargs: Any) -> None:
    get_here()


def traced(task: Any, /, *args: Any, options: Any = None, **kwargs: Any) -> None:
    get_here()
    caller = getframe(1)
    caller.f_code, caller.f_lasti  # noqa: B018


def in_context(task: Any, /, *args: Any, options: Any = None, **kwargs: Any) -> None:
    get_here()
    caller = getframe(1)
    caller.f_code, caller.f_lasti  # noqa: B018
    copy_context()


def recorded(task: Any, /, *args: Any, options: Any = None, **kwargs: Any) -> Intent:
    scope = get_here()
    caller = getframe(1)
    intent = Intent()
    intent.task, intent.args, intent.kwargs, intent.scope = task, args, kwargs, scope
    intent.outcome = intent.extras = None
    intent.code, intent.lasti = caller.f_code, caller.f_lasti
    intent.context = copy_context()
    buffer.append(intent)
    return intent


class Block:
    __slots__ = ()

    def __enter__(self) -> Block:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class Current(Block):
    __slots__ = ("around",)

    def __enter__(self) -> Block:
        self.around = get_here()
        set_here(self)
        return self

    def __exit__(self, *error: object) -> None:
        if get_here() is self:
            set_here(self.around)


class Buffering(Current):
    __slots__ = ("executor", "intents", "name", "origin", "parent", "phase", "policy")

    def __init__(self, policy: Any = None, executor: Any = None, name: str = "") -> None:
        self.policy, self.executor, self.name = policy, executor, name
        self.phase, self.parent, self.origin = "open", None, None
        self.intents: list[Any] = []


def block(*, policy: Any = None, executor: Any = None, name: str = "", **others: Any) -> Block:
    return Block()


def current(*, policy: Any = None, executor: Any = None, name: str = "", **others: Any) -> Block:
    return Current()


def buffering(*, policy: Any = None, executor: Any = None, name: str = "", **others: Any) -> Block:
    return Buffering()


def originated(*, policy: Any = None, executor: Any = None, name: str = "", **others: Any) -> Block:
    made = Buffering()
    caller = getframe(1)
    made.origin = (caller.f_code, caller.f_lasti)
    return made


def least(function: Callable[[], object]) -> float:
    times = []
    for _ in range(300):
        buffer.clear()
        times.append(timeit.timeit(function, number=1_000))
    return min(times) * 1e6


def entered(make: Callable[[], Any]) -> Callable[[], None]:
    def enter() -> None:
        with make():
            pass

    return enter


def main() -> None:
    lines: list[tuple[str, float]] = []
    for name, function in (
        ("an enqueue: the call", called),
        ("  + where it is", placed),
        ("  + its origin", traced),
        ("  + its context", in_context),
        ("  + an object, in a list", recorded),
    ):
        lines.append((name, least(lambda call=function: call(task, 1))))
    with airlock.scope() as scope:
        times = []
        for _ in range(300):
            scope._intents.clear()
            times.append(timeit.timeit(lambda: airlock.enqueue(task, 1), number=1_000))
        lines.append(("airlock.enqueue()", min(times) * 1e6))
        scope.discard()
    for name, make in (
        ("a scope: a call and a block", block),
        ("  + current, and put back", current),
        ("  + its state and a list", buffering),
        ("  + its origin", originated),
        ("airlock.scope()", airlock.scope),
    ):
        lines.append((name, least(entered(make))))
    for name, nanoseconds in lines:
        print(f"{name:34}{nanoseconds:>8,.0f} ns")


if __name__ == "__main__":
    main()
