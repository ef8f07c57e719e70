"""One intent on its way: the call of `Queue.enqueue_call` that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airlock import Intent


def enqueue(intent: Intent, queue: Any, given: Mapping[str, Any], pipeline: Any = None) -> Any:
    """Enqueue the job of an intent, with the context variables of its `enqueue` line.

    Args:
        intent: the intent.
        queue: its queue.
        given: the options of its job.
        pipeline: where the commands are collected; without it they are sent.

    Returns:
        RQ's own `Job`.
    """
    return intent.run(_enqueue, intent, queue, given, pipeline)


def _enqueue(intent: Intent, queue: Any, given: Mapping[str, Any], pipeline: Any) -> Any:
    options = dict(given)
    options["job_id"] = intent.id
    options["pipeline"] = pipeline
    # Never as keywords of their own: the function may have some that are called like options.
    options["args"], options["kwargs"] = intent.args, dict(intent.kwargs)
    if intent.has_meta:
        options["meta"] = {**intent.meta, **options.get("meta", {})}
    when, delay = options.pop("datetime", None), options.pop("time_delta", None)
    if when is None and delay is None:
        # Django-rq's own call would wait for the commit or for the end of the request, as airlock
        # has done already.
        call = getattr(queue, "original_enqueue_call", queue.enqueue_call)
        return call(intent.task, **options)
    if "timeout" in options:  # these two take the name that `enqueue()` has for it
        options["job_timeout"] = options.pop("timeout")
    if when is not None:
        return queue.enqueue_at(when, intent.task, **options)
    return queue.enqueue_in(delay, intent.task, **options)
