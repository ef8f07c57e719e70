"""What travels with an intent: the headers of its message, and of every message of a canvas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airlock import IntentError
from airlock_celery.kinds import is_signature, kind_of
from airlock_celery.members import signatures

if TYPE_CHECKING:
    from airlock import Intent

# Header names that are Celery's own: a message that had them overwritten would not arrive.
_CELERYS_HEADERS = frozenset({
    "argsrepr", "callbacks", "chain", "chord", "correlation_id", "errbacks", "eta", "expires",
    "group", "group_index", "id", "ignore_result", "kwargsrepr", "lang", "origin", "parent_id",
    "reply_to", "replaced_task_nesting", "retries", "root_id", "shadow", "stamped_headers",
    "stamps", "task", "timelimit",
})  # fmt: skip

# Options that hold the tasks that Celery sends when this one has ended.
_CALLBACKS = ("link", "link_error")


def headers_of(intent: Intent) -> dict[str, Any]:
    """Join what the plugins have put in `meta` with the headers that the caller gave.

    Raises:
        IntentError: a key of `meta` is a header of Celery's own.
    """
    if not intent.has_meta:
        return {}
    if clash := _CELERYS_HEADERS & intent.meta.keys():
        raise IntentError(
            f"intent.meta[{min(clash)!r}] would overwrite a header of Celery's own. "
            "Choose another key."
        )
    own = intent.dispatch_options.get("headers")
    if own is None and is_signature(intent.task):
        own = intent.task.options.get("headers")
    return {**intent.meta, **(own or {})}


def with_meta(signature: Any, meta: Mapping[str, Any]) -> Any:
    """Copy a signature, with `meta` in the headers of every task in it, callbacks included.

    Celery gives headers to the first step of a chain and to the header of a chord alone.
    """
    copy = signature.clone()
    copy.immutable = signature.immutable  # which the copy of a chain forgets
    options, kwargs = copy.options, copy.kwargs
    options["headers"] = {**meta, **(options.get("headers") or {})}
    carry_along(options, meta)
    kind = kind_of(copy)
    if kind in ("chain", "group"):
        kwargs["tasks"] = _each(kwargs.get("tasks"), meta)
    elif kind == "chord":
        header = kwargs.get("header")
        # That a header is a group is more than that it has several tasks: it may have options.
        kwargs["header"] = with_meta(header, meta) if is_signature(header) else _each(header, meta)
        for body in _each(kwargs.get("body"), meta):
            kwargs["body"] = body
    return copy


def carry_along(options: dict[str, Any], meta: Mapping[str, Any]) -> None:
    """Put copies that carry `meta` in the place of the callbacks in options."""
    for name in _CALLBACKS:
        if options.get(name):
            options[name] = _each(options[name], meta)


def _each(value: Any, meta: Mapping[str, Any]) -> list[Any]:
    return [with_meta(signature, meta) for signature in signatures(value)]
