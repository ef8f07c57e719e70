"""The audit of the worker: a line for each task that it has executed, whoever sent it."""

from typing import Any

from celery.signals import task_postrun
from django.core.exceptions import ObjectDoesNotExist

from orders.audit import write


@task_postrun.connect
def executed(task_id: str, task: Any, args: Any, retval: Any, state: str, **_: Any) -> None:
    """Write it down. Every task reads its row first, so it knows whether the row is there."""
    write(
        "executed.jsonl",
        id=task_id,
        task=task.name,
        order=args[0],
        row_existed=not isinstance(retval, ObjectDoesNotExist),
        state=state,
        said=str(retval),
    )
