"""The messages of one intent, made first and sent then: what stands in for a broker keeps them."""

from __future__ import annotations

from functools import cache
from types import new_class
from typing import TYPE_CHECKING, Any, TypeVar

from airlock_dramatiq.kinds import is_dramatiqs

if TYPE_CHECKING:
    from airlock_dramatiq.letters import Letter

M = TypeVar("M")


def stand_in(original: Any, difference: type[M]) -> M:
    """Make an object that is an actor or a broker but for what a class defines.

    It shares the attributes of the original, which is not changed: other threads see nothing of
    it. So Dramatiq's own code does its work, and that of a class derived from it, too.

    Args:
        original: the actor or broker.
        difference: a class whose attributes come first; it names its own in `__slots__`.
    """
    made: M = object.__new__(_class_of((difference, type(original))))
    object.__setattr__(made, "__dict__", original.__dict__)
    return made


@cache
def _class_of(bases: tuple[type, type]) -> Any:
    return new_class(bases[1].__qualname__, bases)


class Collecting:
    """What stands in for a broker that makes its messages itself, and keeps them in a letter.

    Middleware is told of a message when it is made, and that it has left when it has left; it sees
    the application's broker.
    """

    __slots__ = ("_airlock_letter", "_airlock_route")

    _airlock_letter: Letter
    _airlock_route: Any

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Pass on."""
        route = self._airlock_route
        if route.hears_before or signal != "enqueue":
            route.broker.emit_before(signal, *args, **kwargs)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Pass on, but for `after_enqueue`, which comes when the message has left."""
        route = self._airlock_route
        if signal != "enqueue":
            route.broker.emit_after(signal, *args, **kwargs)
        elif route.hears_after:
            self._airlock_letter.announced.append(args)


class Keeper:
    """A broker of any kind that keeps messages as they are.

    Args:
        broker: the application's broker.
        letter: where they are kept.
    """

    def __init__(self, broker: Any, letter: Letter) -> None:
        """Stand in for the broker."""
        self._broker = broker
        self._letter = letter

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        """Keep a message."""
        message.encode()  # one that cannot be encoded is to fail before the first is sent
        self._letter.kept.append((message, delay))
        return message

    def __getattr__(self, name: str) -> Any:
        """Be the broker in everything else."""
        return getattr(self._broker, name)


def hears(broker: Any, hook: str) -> bool:
    """Whether telling the middleware would do anything: most has nothing to say of an enqueue.

    Ten times nothing for each message is a good part of what a message costs.
    """
    from dramatiq import Middleware

    emit = "emit_" + hook.partition("_")[0]
    if emit in vars(broker) or not is_dramatiqs(type(broker), emit, "dramatiq.broker"):
        return True
    if not is_dramatiqs(Middleware, hook, "dramatiq.middleware.middleware"):
        return True
    silent = getattr(Middleware, hook)
    return any(
        getattr(type(each), hook, None) is not silent or hook in vars(each)
        for each in broker.middleware
    )
