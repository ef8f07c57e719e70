"""A canvas as it is at the call: what is changed afterwards does not change what is sent."""

from __future__ import annotations

from typing import Any

from airlock_celery.kinds import kind_of
from airlock_celery.members import members
from airlock_core.admission import snapshot


def as_it_is(signature: Any) -> Any:
    """Copy a signature with all that is in it, the arguments included."""
    copy = signature.clone()
    copy.immutable = signature.immutable  # which the copy of a chain forgets
    _detach(copy, {})
    return copy


def _detach(signature: Any, copies: dict[int, Any]) -> None:
    kind = kind_of(signature)
    if kind == "task":
        signature["args"] = tuple(snapshot(value, True, copies) for value in signature.args)
        kwargs = signature.kwargs.items()
        signature["kwargs"] = {key: snapshot(value, True, copies) for key, value in kwargs}
    elif kind in ("map", "chunks"):
        # A generator is asked now; a list is copied.
        items = snapshot(list(signature.kwargs["it"]), True, copies)
        signature["kwargs"] = {**signature.kwargs, "it": items}
    for part in members(signature):
        _detach(part, copies)
