"""The options of a job: RQ's own names, out of the `@job` decorator and `_dispatch_options`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from airlock_rq.kinds import decorator_of

#: Those of `Queue.enqueue_at()` and `Queue.enqueue_in()`, by the names of their parameters.
DELAYS = ("datetime", "time_delta")

#: What a job calls when it has ended.
CALLBACKS = ("on_success", "on_failure", "on_stopped")

# What the decorator has a default for.
_DECORATED = (
    "timeout", "result_ttl", "ttl", "failure_ttl", "depends_on", "at_front", "meta", "description",
    "retry", *CALLBACKS, "webhooks",
)  # fmt: skip

# Parameters of `Queue.enqueue_call()` that are no options here.
_NOT_OPTIONS = frozenset({"self", "func", "args", "kwargs", "pipeline"})


@cache
def option_names() -> frozenset[str]:
    """Return what `_dispatch_options` may hold with the installed RQ."""
    from inspect import signature

    from rq import Queue

    own = signature(Queue.enqueue_call).parameters.keys() - _NOT_OPTIONS
    return frozenset(own | {"job_timeout", "queue", *DELAYS})


def options_of(task: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Join the defaults of a function's decorator with the options of one enqueue, which win.

    Args:
        task: the task; it need not have a decorator.
        given: the options of the enqueue.

    Returns:
        The options, without those that are None, and with `timeout` for `job_timeout`.
    """
    decorator = decorator_of(task)
    if decorator is None and not given:
        return {}
    options = {name: getattr(decorator, name, None) for name in _DECORATED}
    if isinstance(options["meta"], dict):
        options["meta"] = dict(options["meta"])  # one dictionary, for all jobs of the function
    options |= {name: value for name, value in given.items() if name != "queue"}
    if "job_timeout" in options:  # the name that `Queue.enqueue()` has for it
        options["timeout"] = options.pop("job_timeout")
    return {name: value for name, value in options.items() if value is not None}


def goes_alone(options: Mapping[str, Any]) -> bool:
    """Whether RQ has to talk with Redis to enqueue it, and so cannot do it in a pipeline."""
    if any(name in options for name in DELAYS):
        return bool(options.get("unique"))
    return any(options.get(name) for name in ("depends_on", "unique", "rate_limit"))


def linked(options: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the functions, or their dotted names, that options have a job call at its end."""
    for name in CALLBACKS:
        callback = options.get(name)
        if callback is not None:
            yield getattr(callback, "func", callback)
