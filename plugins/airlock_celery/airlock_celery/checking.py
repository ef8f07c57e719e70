"""What can be known at the `enqueue` line: do the arguments fit, and can they be encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airlock import IntentError
from airlock_celery.kinds import is_signature, kind_of, registered
from airlock_celery.members import parts, signatures


def check_call(
    task: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Raise `IntentError` where sending this would fail, or would fail in the worker.

    Args:
        task: a task or a signature.
        args: its positional arguments; a signature puts them before its own.
        kwargs: its keyword arguments.
        options: the options for `apply_async`.
    """
    if not is_signature(task):
        check_arity(task, args, kwargs)
        check_encoding(task, args, kwargs, options.get("serializer"))
    elif (kind := kind_of(task)) == "task":
        _check_signature(task, args, kwargs, options)
    elif kind == "chain":
        # Each later step gets the result of the one before, which nobody knows yet.
        for first in list(parts(task))[:1]:
            check_call(first, args, kwargs, {})
    elif kind == "group":
        for part in parts(task):
            check_call(part, args, kwargs, {})
    elif kind == "chord":
        own = {key: value for key, value in kwargs.items() if key != "body"}
        for part in signatures(task["kwargs"].get("header")):
            check_call(part, args, own, {})


def _check_signature(
    signature: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    if signature.immutable:
        args, kwargs = signature.args, signature.kwargs
    else:
        args, kwargs = (*args, *signature.args), {**signature.kwargs, **kwargs}
    task = registered(signature)
    if task is not None:
        check_arity(task, args, kwargs)
    serializer = options.get("serializer") or signature.options.get("serializer")
    check_encoding(signature if task is None else task, args, kwargs, serializer)


def check_arity(task: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raise `IntentError` where the task does not take these arguments.

    Tasks made with `typing=False` are left alone, as Celery leaves them alone.
    """
    header = getattr(task, "__header__", None)
    if header is None or not task.typing:
        return
    try:
        header(*args, **kwargs)
    except TypeError as error:
        raise IntentError(
            f"{task.name} does not take these arguments: {error}. Correct the call, or make the "
            "task with typing=False."
        ) from None


def check_encoding(task: Any, args: Any, kwargs: Any, serializer: str | None) -> None:
    """Raise `IntentError` where the arguments cannot be encoded.

    Args:
        task: the task, or the signature of one that only a worker knows.
        args: its positional arguments.
        kwargs: its keyword arguments.
        serializer: the one asked for; otherwise it is that of the task or of its app.
    """
    from kombu import serialization

    encode: Any = serialization.dumps  # not annotated
    serializer = serializer or getattr(task, "serializer", None) or task.app.conf.task_serializer
    dump_models = getattr(task, "_dump_pydantic_arguments", None)
    try:
        if dump_models is not None and serializer != "pickle":
            args, kwargs = dump_models(args, kwargs)
        encode((args, kwargs), serializer=serializer)
    except Exception as error:
        raise IntentError(
            f"the arguments of {task.name} cannot be encoded as {serializer}: {error}. Pass plain "
            "values such as ids, or choose another serializer."
        ) from error
