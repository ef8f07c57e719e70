"""What can be known at the `enqueue` line: options, queue and broker, arguments and encoding."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airlock import IntentError
from airlock_core import configuration
from airlock_core.calls import check_arguments
from airlock_dramatiq.kinds import (
    actor_of,
    broker_of,
    function_of,
    is_carried,
    is_group,
    is_message,
    is_pipeline,
    messages_in,
)
from airlock_dramatiq.options import OWN, RESERVED, named

if TYPE_CHECKING:
    from airlock import Intent


def check(intent: Intent) -> None:
    """Raise `IntentError` where Dramatiq cannot carry an intent.

    Args:
        intent: the intent, as `enqueue` made it.
    """
    task, options = intent.task, intent.dispatch_options
    actor = actor_of(task)
    if actor is None and not is_carried(task):
        raise IntentError(
            f"{intent.name} is no actor of Dramatiq's. Put @dramatiq.actor above it; where only "
            "its name is known here, declare its queue on the broker, and enqueue "
            "dramatiq.pipeline([dramatiq.Message(...)], broker=broker)."
        )
    if options or actor is None:
        check_form(task, intent.args, intent.kwargs, options)
    broker = broker_of(task)
    addressed = messages_in(task) if actor is None else (actor,)
    _check_queues({each.queue_name for each in addressed}, broker)
    if configuration.current.strict:
        _check_options(options, broker)
        _check_call(task, intent.args, intent.kwargs, options)


def check_form(
    task: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Raise `IntentError` for arguments or options that this kind of task cannot have.

    Args:
        task: an actor, message, pipeline or group.
        args: the positional arguments of the `enqueue`.
        kwargs: its keyword arguments.
        options: its dispatch options.
    """
    for name in options:
        if name in RESERVED:
            raise IntentError(f"_dispatch_options cannot hold {name!r}. {RESERVED[name]}")
    delay = options.get("delay")
    if isinstance(delay, bool) or not isinstance(delay, int | float | timedelta | None):
        raise IntentError(f"delay={delay!r} must be a number of milliseconds, or a timedelta.")
    if actor_of(task) is not None:
        return
    if args or kwargs:
        raise IntentError(
            f"{task} has its arguments already. Enqueue it without any, or enqueue the actor."
        )
    other = options.keys() - {"delay"}
    if other and not is_message(task):
        raise IntentError(
            f"a {type(task).__name__} takes the option 'delay' alone, and not {min(other)!r}. Give "
            "it to its messages: actor.message_with_options(...)."
        )
    if not is_message(task) and not len(task):
        raise IntentError(f"an empty {type(task).__name__} sends nothing. Leave it out.")


def _check_queues(queues: set[str], broker: Any) -> None:
    """Refuse a message for a queue that the broker does not know."""
    if unknown := queues - broker.get_declared_queues():
        raise IntentError(
            f"the queue {min(unknown)!r} is not declared on {broker!r}. Declare it there: "
            f"broker.declare_queue({min(unknown)!r})."
        )


def _check_options(options: Mapping[str, Any], broker: Any) -> None:
    """Refuse what nobody would read; a message takes any name, and says nothing."""
    known = broker.actor_options | OWN
    if unknown := options.keys() - known:
        from difflib import get_close_matches

        name = min(unknown, key=str)
        close = get_close_matches(str(name), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise IntentError(
            f"no middleware of the broker knows the option {name!r}.{hint} Add the middleware that "
            "reads it, and have its `actor_options` list it."
        )


def _check_call(
    task: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    actor = actor_of(task)
    if actor is not None:
        check_arguments(function_of(actor), args, kwargs)
        own = {name: value for name, value in options.items() if name != "delay"}
        try:
            message = actor.message_with_options(args=args, kwargs=dict(kwargs), **own)
        except TypeError as error:  # a callback that is no actor
            raise IntentError(f"{actor.actor_name} does not take these options: {error}.") from None
        _check_encoding(message)
        return
    if is_message(task):
        _check_message(task)
        _check_encoding(task.copy(options=named(options)))
    elif is_pipeline(task):
        # Each later step gets the result of the one before, which nobody knows yet.
        _check_message(task.messages[0])
        _check_encoding(task.messages[0])  # it holds the others
    elif is_group(task):
        for child in task.children:
            _check_call(child, (), {}, {})


def _check_message(message: Any) -> None:
    """Look whether the actor of a message takes its arguments, where the actor is known here."""
    import dramatiq.broker

    broker = dramatiq.broker.global_broker
    actor = None if broker is None else broker.actors.get(message.actor_name)
    if actor is not None:
        check_arguments(function_of(actor), message.args, message.kwargs)


def _check_encoding(message: Any) -> None:
    try:
        message.encode()
    except Exception as error:
        raise IntentError(
            f"the arguments or options of {message.actor_name} cannot be encoded: {error}. Pass "
            "plain values such as ids, or choose another encoder."
        ) from error
