"""The tasks inside a canvas, for policies such as `BlockTasks`. Nothing is changed by looking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airlock_celery.kinds import is_signature, kind_of


def members(signature: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the signatures directly inside another: its parts, its callbacks and its errbacks."""
    yield from parts(signature)
    yield from linked(signature.get("options") or {})


def parts(signature: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the parts of a canvas: the steps of a chain, the header and the body of a chord ..."""
    kwargs = signature.get("kwargs") or {}
    kind = kind_of(signature)
    if kind in ("chain", "group"):
        yield from signatures(kwargs.get("tasks"))
    elif kind == "chord":
        yield from signatures(kwargs.get("header"))
        yield from signatures(kwargs.get("body"))
    elif kind in ("map", "chunks"):
        yield from signatures(kwargs.get("task"))


def linked(options: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the signatures that options of `apply_async` carry along."""
    for option in ("link", "link_error", "chord", "chain"):
        yield from signatures(options.get(option))


def signatures(value: Any) -> Iterator[Any]:
    """Yield the signatures in a value: it is one, or a plain dict of one, or has several."""
    if value is None or isinstance(value, str):
        return
    if is_signature(value):
        yield value
    elif isinstance(value, Mapping):  # as it comes out of a message
        from celery.canvas import Signature

        if "task" in value:
            yield Signature(value)
    elif isinstance(value, Iterable):
        for item in value:
            yield from signatures(item)
