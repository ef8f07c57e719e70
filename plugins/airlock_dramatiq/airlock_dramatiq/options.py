"""The options of a message: what they may be called, and the form in which they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airlock_dramatiq.kinds import actor_of

#: The option under which `intent.meta` travels: `message.options["airlock"]`.
META = "airlock"

#: Those that `_dispatch_options` cannot hold, and what to do instead.
RESERVED = {
    "args": "Give the actor's arguments to enqueue() itself.",
    "kwargs": "Give the actor's arguments to enqueue() itself.",
    "queue_name": "Dramatiq would ignore it. Enqueue a message for that queue: "
    "actor.message(...).copy(queue_name=...).",
    "message_id": "Dramatiq would ignore it: the id is intent.id. Enqueue a message that has its "
    "own: actor.message(...).copy(message_id=...).",
    META: "intent.meta travels under that name: put it there.",
}

#: Those that Dramatiq reads and that no middleware lists as its own.
OWN = frozenset({"broker_priority", "delay", "notify_shutdown", "throws"})


def named(options: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the options of a message, with actors replaced by their names, and without `delay`."""
    found = {}
    for name, value in options.items():
        if name != "delay":
            actor = actor_of(value)
            found[name] = value if actor is None else actor.actor_name
    return found


def milliseconds(delay: Any) -> Any:
    """Return a delay as `send_with_options` passes it on."""
    return int(delay.total_seconds() * 1000) if isinstance(delay, timedelta) else delay
