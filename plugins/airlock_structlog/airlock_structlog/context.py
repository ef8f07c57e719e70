"""The ids of a request, from structlog's context variables to those of the worker."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from math import isfinite
from typing import TYPE_CHECKING, Any
from uuid import UUID

import airlock
from airlock_structlog.settings import current

if TYPE_CHECKING:
    from airlock import Intent

#: Where it stands in `intent.meta`, and so among the headers of a message.
KEY = "airlock_structlog"

# The largest that every queue can carry: an id of a request is no reason to lose an effect.
_LARGEST = 2**63 - 1  # an integer in a header of AMQP
_LONGEST = 512  # characters; with a few of these, a message's headers fit into one frame


class StructlogPropagator(airlock.Propagator):
    """Carries what is bound with `structlog.contextvars`, and binds it again around each job."""

    key = KEY

    def capture(self, intent: Intent) -> dict[str, Any] | None:
        """Return what is bound here of the names that travel; None where nothing is."""
        module = sys.modules.get("structlog.contextvars")
        if module is None:  # so nothing is bound
            return None
        bound = module.get_contextvars()
        if not bound:
            return None
        found = {name: plain(bound[name]) for name in current().carried if name in bound}
        return {name: value for name, value in found.items() if value is not None} or None

    def restore(self, value: Mapping[str, Any]) -> AbstractContextManager[Any]:
        """Bind what has travelled; what the worker itself had bound is back afterwards."""
        from structlog.contextvars import bound_contextvars

        return bound_contextvars(**value)


def plain(value: Any) -> Any:
    """Return a value as every queue can carry it, or None where none can.

    Numbers and text travel as they are; a number that is too large, or not finite, and a UUID as
    text. Text loses what PostgreSQL and UTF-8 refuse, and what is too long for an id.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST:
        return int(value)
    if isinstance(value, float) and isfinite(value):
        return float(value)
    if isinstance(value, str | int | float | UUID):
        text = str(value)[:_LONGEST].replace("\0", "")
        return text.encode("utf-8", "replace").decode()
    return None


def shared(intents: Sequence[Intent]) -> dict[str, Any]:
    """Return what the places that asked for these intents had in common.

    They are of one request, mostly. It is what was bound there, and not what is bound where they
    are sent, which may be after the commit of somebody else's transaction.
    """
    bound = [intent.meta.get(KEY) or {} if intent.has_meta else {} for intent in intents]
    first = bound[0] if bound else {}
    return {
        name: value for name, value in first.items() if all(b.get(name) == value for b in bound[1:])
    }
