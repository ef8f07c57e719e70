"""What belongs to Dramatiq, told without importing it: none exists where it is not loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from airlock import IntentError
from airlock_core.calls import is_coroutine_function

#: On the function of an actor: its executions have a scope.
HAS_SCOPE = "_airlock_has_scope"


def actor_of(thing: Any) -> Any:
    """Return the actor that a thing is, or that a class-based one stands for, or None."""
    module = sys.modules.get("dramatiq.actor")
    if module is not None and isinstance(thing, module.Actor):
        return thing
    generic = sys.modules.get("dramatiq.generic")
    if generic is not None and isinstance(type(thing), generic.generic_actor):
        return vars(thing).get("__actor__")
    return None


def is_message(thing: object) -> bool:
    """Whether it is a ready-made message."""
    module = sys.modules.get("dramatiq.message")
    return module is not None and isinstance(thing, module.Message)


def is_pipeline(thing: object) -> bool:
    """Whether it is a pipeline of messages."""
    module = sys.modules.get("dramatiq.composition")
    return module is not None and isinstance(thing, module.pipeline)


def is_group(thing: object) -> bool:
    """Whether it is a group of messages, pipelines and groups."""
    module = sys.modules.get("dramatiq.composition")
    return module is not None and isinstance(thing, module.group)


def is_carried(thing: object) -> bool:
    """Whether Dramatiq can carry it."""
    return actor_of(thing) is not None or is_message(thing) or is_pipeline(thing) or is_group(thing)


def messages_in(task: Any) -> Iterator[Any]:
    """Yield the messages of a message, pipeline or group, in the order in which they are given."""
    if is_message(task):
        yield task
    elif is_pipeline(task):
        yield from task.messages
    else:
        for child in task.children:
            yield from messages_in(child)


def broker_of(task: Any) -> Any:
    """Return the broker that a task goes to.

    Raises:
        IntentError: a message whose actor is not one of the global broker's, or a group whose
            parts have different brokers.
    """
    actor = actor_of(task)
    if actor is not None:
        return actor.broker
    if is_message(task):
        return _global_broker_of(task)
    if is_group(task):
        for child in task.children:
            if not is_message(child) and broker_of(child) is not task.broker:
                raise IntentError(
                    f"{task} has a part with another broker than its own. Make a group for each "
                    "broker, and enqueue each."
                )
    return task.broker


def _global_broker_of(message: Any) -> Any:
    """Return the global broker. Dramatiq would make one for RabbitMQ where there is none."""
    module = sys.modules["dramatiq.broker"]
    broker = module.global_broker
    if broker is None or message.actor_name not in broker.actors:
        raise IntentError(
            f"the actor {message.actor_name!r} is not declared on the global broker, and a message "
            "does not say which broker it is for. Enqueue the actor itself, or name the broker: "
            "dramatiq.pipeline([message], broker=broker)."
        )
    return broker


def is_dramatiqs(kind: type, name: str, module: str) -> bool:
    """Whether a method of a class is the one that a module of Dramatiq's defines.

    One that a derived class has is not, nor one that something has put around Dramatiq's, to trace
    all calls of it.
    """
    method = getattr(kind, name)
    return type(method) is FunctionType and method.__globals__ is vars(sys.modules[module])


def function_of(actor: Any) -> Callable[..., Any]:
    """Return the function that an actor was made from, from under what Dramatiq and airlock add."""
    function: Callable[..., Any] = actor.fn
    if getattr(function, HAS_SCOPE, False):
        function = function.__wrapped__  # type: ignore[attr-defined]
    return coroutine_function_of(function) or function


def coroutine_function_of(function: Any) -> Callable[..., Any] | None:
    """Return the `async def` that Dramatiq has wrapped, or None where it is a plain function."""
    module = sys.modules.get("dramatiq.asyncio")
    if module is None or getattr(function, "__globals__", None) is not vars(module):
        return None
    inner: Callable[..., Any] | None = getattr(function, "__wrapped__", None)
    return inner if is_coroutine_function(inner) else None
