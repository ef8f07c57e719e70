"""One intent on its way: the call of `send_with_options`, `enqueue` or `run` that it stands for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from airlock_dramatiq.collecting import stand_in
from airlock_dramatiq.kinds import actor_of, is_dramatiqs, is_message, is_pipeline
from airlock_dramatiq.options import META, milliseconds, named

if TYPE_CHECKING:
    from airlock import Intent


def send(intent: Intent, broker: Any) -> Any:
    """Send an intent to a broker, with the context variables of its `enqueue` line.

    Args:
        intent: the intent.
        broker: what stands in for the broker of its task.

    Returns:
        The message that Dramatiq returned; for a pipeline or group, that itself.
    """
    return intent.run(_send, intent, broker)


def _send(intent: Intent, broker: Any) -> Any:
    task, options = intent.task, intent.dispatch_options
    meta = {META: dict(intent.meta)} if intent.has_meta else {}
    actor = actor_of(task)
    if actor is not None:
        if not options and _sends_as_dramatiq_does(actor):
            return broker.enqueue(_message(actor, intent, meta))
        sender = stand_in(actor, _Sender)
        sender.broker = _Stamp(broker, intent.id, meta)
        return sender.send_with_options(args=intent.args, kwargs=dict(intent.kwargs), **options)
    delay = milliseconds(options.get("delay"))
    if is_message(task):
        message = task.copy(options={**named(options), **meta})
        return broker.enqueue(message, delay=delay)
    _copy(task, broker, meta).run(delay=delay)
    return task


def _message(actor: Any, intent: Intent, meta: dict[str, Any]) -> Any:
    """Make the message of an actor that has no options, as `send_with_options` makes it.

    The detour over that, to change the id of its message after, takes 11 µs, and this 3.
    """
    return sys.modules["dramatiq.message"].Message(
        actor.queue_name,
        actor.actor_name,
        intent.args,
        dict(intent.kwargs),
        meta,
        intent.id,
    )


def _sends_as_dramatiq_does(actor: Any) -> bool:
    """Whether nobody has put a method of his own in place of those that make a message."""
    kind, own = type(actor), vars(actor)
    return all(
        is_dramatiqs(kind, name, "dramatiq.actor") and name not in own
        for name in ("send_with_options", "message_with_options")
    )


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
