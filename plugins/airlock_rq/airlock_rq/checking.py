"""What can be known at the `enqueue` line: can a worker import it, and are its options RQ's."""

from __future__ import annotations

import datetime
import inspect
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from types import FunctionType
from typing import TYPE_CHECKING, Any

from rq import Queue
from rq.job import validate_job_id

from airlock import IntentError
from airlock_core.calls import check_arguments, unwrapped
from airlock_rq.kinds import is_of_another_queue, is_queue
from airlock_rq.options import DELAYS, option_names, options_of
from airlock_rq.queues import queue_of

if TYPE_CHECKING:
    from airlock import Intent

_MOVE = "Define it in a module that the worker can import."


def check(intent: Intent, default: Any, strict: bool) -> None:
    """Raise `IntentError` where RQ cannot carry the intent.

    Args:
        intent: the intent.
        default: the executor's default queue, or None.
        strict: whether the arguments are to fit the function, and to be encoded, too.
    """
    _check_task(intent)
    if intent.dispatch_options:
        check_options(intent.dispatch_options)
    queue = queue_of(intent, default, {})
    if strict and callable(intent.task):
        check_arguments(intent.task, intent.args, intent.kwargs)
    # An object travels with its method, so it is looked at as a task is, and not as an argument.
    if strict or not isinstance(intent.task, str | FunctionType):
        _check_making(intent, queue, with_arguments=strict)


def _check_task(intent: Intent) -> None:
    task, name = intent.task, intent.name
    if is_of_another_queue(task):
        raise IntentError(
            f"{name} is a task of another queue, and RQ would run it past that. Leave out "
            'executor="rq", so that it goes home.'
        )
    if isinstance(task, str):
        if not all(part.isidentifier() for part in task.split(".")):
            raise IntentError(f'{task!r} is no dotted path. Give one such as "shop.tasks.send".')
        module, path = task.rpartition(".")[0], task
    elif not callable(task) or isinstance(task, type):
        raise IntentError(
            f"{task!r} is no function. RQ carries functions, methods and dotted paths to them."
        )
    else:
        function = unwrapped(task)
        if not hasattr(function, "__qualname__"):
            function = type(function)  # an object that can be called travels as its class and state
        module, path = getattr(function, "__module__", None) or "", function.__qualname__
    if module.partition(".")[0] == "__main__":
        raise IntentError(f"{name} is in __main__, which is another module in a worker. {_MOVE}")
    if "<" in path:  # <locals>, <lambda>
        raise IntentError(f"{name} is inside a function, where no worker finds it. {_MOVE}")
    if not isinstance(task, str) and not _is_found(module, path):
        raise IntentError(f"{module}.{path} is not there to be imported, as RQ would do. {_MOVE}")


def _is_found(module: str, path: str) -> bool:
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found is not None


def check_options(options: Mapping[str, Any]) -> None:
    """Raise `IntentError` where `_dispatch_options` are not what RQ takes."""
    if reserved := {"args", "kwargs"} & options.keys():
        raise IntentError(
            f"_dispatch_options cannot hold {min(reserved)!r}. Give the function's arguments to "
            "enqueue() itself."
        )
    known = option_names()
    if unknown := [name for name in options if name not in known]:
        close = get_close_matches(str(unknown[0]), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise IntentError(
            f"RQ has no option {unknown[0]!r}.{hint} It has: {', '.join(sorted(known))}."
        )
    for one, other in (("timeout", "job_timeout"), DELAYS):
        if one in options and other in options:
            raise IntentError(f"{one!r} and {other!r} are one option. Give one of them.")
    for name, kind in zip(DELAYS, (datetime.datetime, datetime.timedelta), strict=True):
        if not isinstance(options.get(name), kind | None):
            raise IntentError(f"{name}={options[name]!r} must be a datetime.{kind.__name__}.")
    queue = options.get("queue")
    if not (queue is None or is_queue(queue) or (isinstance(queue, str) and queue)):
        raise IntentError(f"queue={queue!r} must be an rq.Queue, or the name of one.")
    if options.get("unique") and not options.get("job_id"):
        raise IntentError("'unique' compares job ids, and there is none. Give a 'job_id', too.")
    if options.get("job_id") is not None:
        try:
            validate_job_id(options["job_id"])
        except (TypeError, ValueError) as error:
            raise IntentError(f"job_id={options['job_id']!r} cannot serve: {error}.") from None


def _check_making(intent: Intent, queue: Any, with_arguments: bool) -> None:
    """Make the job as the flush will, and throw it away."""
    options: dict[str, Any] = {}
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if with_arguments:
        args, kwargs = intent.args, dict(intent.kwargs)
        taken = inspect.signature(Queue.create_job).parameters
        given = options_of(intent.task, intent.dispatch_options)
        options = {name: value for name, value in given.items() if name in taken}
    encode = queue.connection.get_encoder().encode
    try:
        job = queue.create_job(intent.task, args=args, kwargs=kwargs, **options)
        for value in job.to_dict().values():
            encode(value)
    except Exception as error:
        raise IntentError(
            f"RQ cannot make a job of {intent.name}: {str(error).rstrip('.')}. Correct its "
            "options, and pass plain values such as ids."
        ) from error
