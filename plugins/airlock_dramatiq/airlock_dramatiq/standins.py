"""Something that stands in for an actor or a broker, and differs from it in a few methods.

It shares the attributes of the original, which is not changed: other threads see nothing of it. So
Dramatiq's own code does its work, and that of a class derived from it, too.
"""

from __future__ import annotations

from functools import cache
from types import new_class
from typing import Any, TypeVar

M = TypeVar("M")


def stand_in(original: Any, difference: type[M]) -> M:
    """Make an object that is the original but for what a class defines.

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
