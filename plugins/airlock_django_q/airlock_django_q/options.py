"""The options of a task: `q_options` of django-q's `async_task()`, by their own names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Those that travel in the task's package.
PACKED = ("hook", "group", "save", "sync", "cached", "ack_failure", "chain", "cluster", "timeout")

#: All that `_dispatch_options` may hold.
NAMES = (*PACKED, "broker", "task_name")


def options_of(given: Mapping[str, Any], cluster: str | None, broker: Any) -> dict[str, Any]:
    """Join the options of an enqueue with the defaults of the executor.

    Args:
        given: the options of the enqueue.
        cluster: the name of the executor's cluster, or None.
        broker: the executor's broker, or None.

    Returns:
        The options, without those that are None: django-q's worker would stumble over them.
    """
    options = {name: value for name, value in given.items() if value is not None}
    if "broker" not in options and "cluster" not in options:
        options |= {} if cluster is None else {"cluster": cluster}
        options |= {} if broker is None else {"broker": broker}
    return options


def runs_here(options: Mapping[str, Any]) -> bool:
    """Whether django-q runs the task in this process, without its broker."""
    from django_q.conf import Conf

    return bool(options.get("sync", Conf.SYNC))


def linked(options: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the functions, or their dotted paths, that come after the task itself."""
    if options.get("hook") is not None:
        yield options["hook"]
    for step in options.get("chain") or ():
        yield step[0] if isinstance(step, tuple) else step
