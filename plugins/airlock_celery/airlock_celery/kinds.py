"""What belongs to Celery, told without importing it: no task exists where Celery is not loaded."""

from __future__ import annotations

import sys
from typing import Any, cast

# One task over many arguments: what Celery calls the tasks that do this.
_MAPS = frozenset({"celery.map", "celery.starmap"})


def is_task(thing: object) -> bool:
    """Whether it is a Celery task; sees through the proxies of `@app.task` and `@shared_task`."""
    module = sys.modules.get("celery.app.task")
    if module is None:
        # `@shared_task` alone does not load the module of tasks: its proxy does, when resolved.
        proxies = sys.modules.get("celery.local")
        if proxies is None or not issubclass(type(thing), proxies.Proxy):
            return False
        cast(Any, thing)._get_current_object()
        module = sys.modules.get("celery.app.task")
    return module is not None and isinstance(thing, module.Task)


def is_signature(thing: object) -> bool:
    """Whether it is a signature: of one task, or a chain, group, chord, map, starmap or chunks."""
    module = sys.modules.get("celery.canvas")
    return module is not None and isinstance(thing, module.Signature)


def is_carried(thing: object) -> bool:
    """Whether Celery can carry it."""
    return is_task(thing) or is_signature(thing)


def kind_of(signature: Any) -> str:
    """Name the kind of a signature, also where it is a plain dict out of a message.

    Returns:
        `chain`, `group`, `chord`, `chunks`, `map` (starmap included), or `task`.
    """
    kind = signature.get("subtask_type")
    if kind in ("chain", "group", "chord"):
        return str(kind)
    name = signature.get("task")
    if name in _MAPS:
        return "map"
    return "chunks" if name == "celery.chunks" else "task"


def is_one_message(task: Any) -> bool:
    """Whether it leaves as a single message, through the producer that it is given."""
    return not is_signature(task) or kind_of(task) in ("task", "map")


def registered(signature: Any) -> Any:
    """Return the task of a plain signature, or None where only a worker knows it."""
    try:
        return signature.type
    except KeyError:
        return None
