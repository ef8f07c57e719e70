"""Putting a function in the place of a method, so that it can be put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

#: Called with the object, its original method (bound), and the arguments of the call.
StandIn = Callable[[Any, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


class Replaced:
    """A method that a stand-in has taken the place of.

    What the class inherits is looked up at each call, since Celery replaces methods of its own
    base class when a worker starts.

    Args:
        cls: the class; it defines the method, or inherits it.
        name: the method's name.
        stand_in: what is called instead.
    """

    def __init__(self, cls: type, name: str, stand_in: StandIn) -> None:
        """Replace it."""
        own = cls.__dict__.get(name)

        def method(self: Any, /, *positional: Any, **named: Any) -> Any:
            if own is None:
                original = getattr(super(cls, self), name)
            else:
                original = own.__get__(self, type(self))
            return stand_in(self, original, positional, named)

        method.__name__ = name
        method.__qualname__ = f"{cls.__qualname__}.{name}"
        if own is None:
            _inherited.add(method)
        else:
            _originals[method] = own
        setattr(cls, name, method)
        self._cls, self._name, self._own, self._method = cls, name, own, method

    def restore(self) -> None:
        """Put the method back, unless somebody else has replaced it since."""
        if self._cls.__dict__.get(self._name) is not self._method:
            return
        if self._own is None:
            delattr(self._cls, self._name)
        else:
            setattr(self._cls, self._name, self._own)


_inherited: WeakSet[Callable[..., Any]] = WeakSet()
_originals: WeakKeyDictionary[Callable[..., Any], Any] = WeakKeyDictionary()


def defines(cls: type, name: str) -> bool:
    """Whether a class itself defines a method, and has no mere stand-in for an inherited one."""
    return name in cls.__dict__ and cls.__dict__[name] not in _inherited


def original(cls: type, name: str) -> Any:
    """Return the method that a class has without stand-ins."""
    for base in cls.__mro__:
        method = base.__dict__.get(name)
        if method is not None and method not in _inherited:
            return _originals.get(method, method)
    return None
