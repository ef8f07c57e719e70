"""One intent on its way: the package that django-q's `async_task()` would make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import airlock
from airlock_django_q.checking import check_options
from airlock_django_q.options import PACKED

if TYPE_CHECKING:
    from airlock import Intent


@dataclass(slots=True)
class Message:
    """A package that is signed, and can be sent.

    Attributes:
        id: the id of the task.
        name: the name of its function.
        queue: the key of the queue it is for.
        payload: the signed package.
        runs_here: whether django-q runs it in this process.
    """

    id: str
    name: str
    queue: str
    payload: str
    runs_here: bool


def make(intent: Intent, options: Mapping[str, Any], queue: str) -> Message:
    """Make the message of an intent, with the context variables of its `enqueue` line.

    Args:
        intent: the intent.
        options: its options.
        queue: the key of its queue.

    Raises:
        IntentError: django-q does not have such options.
        Exception: a receiver of `pre_enqueue` refuses it, or it cannot be pickled.
    """
    return intent.run(_make, intent, options, queue)


def _make(intent: Intent, options: Mapping[str, Any], queue: str) -> Message:
    from django_q.signals import pre_enqueue

    check_options(options)  # not every intent was checked at its own line
    task = package_of(intent, options)
    pre_enqueue.send(sender="django_q", task=task)
    here = bool(task.get("sync"))
    return Message(task["id"], intent.name, queue, signed(task), runs_here=here)


def package_of(intent: Intent, options: Mapping[str, Any]) -> dict[str, Any]:
    """Make the package of an intent.

    Not by `async_task()`, which takes a function's own `hook`, `group` or `timeout` for its options
    and makes the id itself.
    """
    from django.utils import timezone
    from django_q.conf import Conf
    from django_q.humanhash import humanize

    # An id that airlock made itself, for want of an explicit executor, has hyphens.
    task_id = intent.id.replace("-", "")
    task = {
        "id": task_id,
        "name": options.get("task_name") or humanize(task_id),
        "func": intent.task,
        "args": intent.args,
    }
    task |= {name: options[name] for name in PACKED if name in options}
    for name, default in (
        ("cached", Conf.CACHED),
        ("sync", Conf.SYNC),
        ("ack_failure", Conf.ACK_FAILURES),
    ):
        if default:
            task.setdefault(name, default)
    if "chain" in options:  # as `async_chain()` does: the worker looks for each of them
        task["chain"] = list(options["chain"])
        task = {"group": task_id, "cached": False, "sync": False} | task
    if intent.has_meta:
        task["meta"] = dict(intent.meta)
    task["kwargs"] = dict(intent.kwargs)
    task["started"] = timezone.now()
    return task


def signed(task: Mapping[str, Any]) -> str:
    """Pickle and sign a package."""
    from django_q.signing import SignedPackage

    return str(SignedPackage.dumps(task))


def run_here(message: Message) -> str:
    """Have django-q run the task, in a scope of its own: what a failing one enqueued is discarded.

    Raises:
        Exception: whatever the task raises.
    """
    from django_q.tasks import _sync

    with airlock.Scope(name=f"task {message.name}"):
        return str(_sync(message.payload))
