"""One intent on its way: the call of `send_with_options`, `enqueue` or `run` that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airlock_dramatiq.kinds import actor_of, is_message, is_pipeline
from airlock_dramatiq.standins import stand_in

if TYPE_CHECKING:
    from airlock import Intent

#: The option under which `intent.meta` travels: `message.options["airlock"]`.
META = "airlock"


def send(intent: Intent, broker: Any) -> Any:
    """Send an intent to a broker, with the context variables of its `enqueue` line.

    Args:
        intent: the intent.
        broker: what stands in for the broker of its task.

    Returns:
        The message that Dramatiq returned; for a pipeline or group, that itself.
    """
    return intent.run(_send, intent, broker)


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


def _send(intent: Intent, broker: Any) -> Any:
    task, options = intent.task, intent.dispatch_options
    meta = {META: dict(intent.meta)} if intent.has_meta else {}
    actor = actor_of(task)
    if actor is not None:
        sender = stand_in(actor, _Sender)
        sender.broker = _Stamp(broker, intent.id, meta)
        return sender.send_with_options(args=intent.args, kwargs=dict(intent.kwargs), **options)
    delay = milliseconds(options.get("delay"))
    if is_message(task):
        message = task.copy(options={**named(options), **meta})
        return broker.enqueue(message, delay=delay)
    _copy(task, broker, meta).run(delay=delay)
    return task


class _Sender:
    """An actor that sends to another broker than its own."""

    __slots__ = ("broker",)

    broker: Any
    send_with_options: Any


class _Stamp:
    """A broker that gives the first message the id of the intent, and each its meta."""

    def __init__(self, broker: Any, message_id: str, meta: dict[str, Any]) -> None:
        self._broker = broker
        self._changes: dict[str, Any] = {"message_id": message_id}
        self._meta = meta

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        message = message.copy(**self._changes, options=self._meta)
        self._changes = {}
        return self._broker.enqueue(message, delay=delay)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


def _copy(task: Any, broker: Any, meta: dict[str, Any]) -> Any:
    """Copy a pipeline or group for another broker; each message keeps its id."""
    if is_pipeline(task):
        return type(task)([message.copy(options=meta) for message in task.messages], broker=broker)
    children = [
        child.copy(options=meta) if is_message(child) else _copy(child, broker, meta)
        for child in task.children
    ]
    group = type(task)(children, broker=broker)
    group.completion_callbacks = [
        {**callback, "options": {**callback["options"], **meta}}
        for callback in task.completion_callbacks
    ]
    return group
