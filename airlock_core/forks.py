"""A forked child has copies of its parent's scopes, whose intents are the parent's to send."""

from __future__ import annotations

import os

from airlock_core.context import NOWHERE, Place, here, scope_of
from airlock_core.intents import settling
from airlock_core.outcomes import Phase
from airlock_core.plugins import manager


def watch() -> None:
    """Have every child that is forked from this process begin outside of any scope."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_acquire, after_in_parent=_release, after_in_child=_begin_in_child
        )


def _acquire() -> None:
    # A lock that another thread held at the fork would stay locked in the child for ever.
    manager.lock.acquire()
    settling.acquire()


def _release() -> None:
    settling.release()
    manager.lock.release()


def _begin_in_child() -> None:
    _release()
    # A child that used the copies would lose what it enqueues, since nobody ends them; or, coming
    # to the end of their blocks, it would send what the parent sends.
    place: Place | None = here.get()
    here.set(NOWHERE)
    while place is not None and place is not NOWHERE:
        place.has_left = True
        scope = scope_of(place)
        if scope is not None:
            scope.inlet = None
            scope.phase = Phase.DISCARDED
            scope._intents = []
        place = place.around
