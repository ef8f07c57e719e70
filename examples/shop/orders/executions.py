"""The audit of the worker: a line for each task that it has executed, whoever sent it."""

from collections.abc import Sequence

from django.core.exceptions import ObjectDoesNotExist

from orders.audit import write


def executed(id: str, task: str, args: Sequence[str], said: object) -> None:
    """Write it down. Every task reads its row first, so it knows whether the row is there.

    Args:
        id: the id that the worker knows it by.
        task: the task's name.
        args: its arguments.
        said: what it returned, or the error that it raised.
    """
    write(
        "executed.jsonl",
        id=id,
        task=task,
        order=args[0],
        row_existed=not isinstance(said, ObjectDoesNotExist),
        succeeded=not isinstance(said, BaseException),
        said=str(said),
    )
