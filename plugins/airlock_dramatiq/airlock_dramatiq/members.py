"""The actors inside a composition, for policies such as `BlockTasks`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airlock_dramatiq.kinds import actor_of, is_group, is_message, is_pipeline

#: Options that name the actor to which Dramatiq sends a message when this one has ended.
CALLBACKS = ("on_success", "on_failure", "on_retry_exhausted")


def members(task: Any) -> Iterable[Any] | None:
    """List what is directly inside a task: a message has its actor, a group its parts.

    Returns:
        None where it is no composition of Dramatiq's.
    """
    if is_message(task):
        return _in_message(task)
    if is_pipeline(task):
        return list(task.messages)
    if is_group(task):
        return [*task.children, *map(_message, task.completion_callbacks)]
    return None


def linked(options: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the actors that options name as callbacks, and the next message of a pipeline."""
    for option in CALLBACKS:
        callback = options.get(option)
        if isinstance(callback, str):
            yield _actor_named(callback)
        elif callback is not None and actor_of(callback) is not None:
            yield callback
    target = options.get("pipe_target")
    if isinstance(target, Mapping):
        yield _message(target)


def _in_message(message: Any) -> Iterator[Any]:
    yield _actor_named(message.actor_name)
    yield from linked(message.options)
    for callback in message.options.get("group_completion_callbacks") or ():
        yield _message(callback)


def _message(fields: Mapping[str, Any]) -> Any:
    return sys.modules["dramatiq.message"].Message(**fields)


def _actor_named(name: str) -> Any:
    """Look up an actor of the global broker; of another's only the name is known."""
    module = sys.modules.get("dramatiq.broker")
    broker = None if module is None else module.global_broker
    return name if broker is None else broker.actors.get(name, name)
