"""The rows of django-tasks-db: made as its backend makes them, and written in one INSERT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import DataError, IntegrityError, connections, router, transaction
from django.db.models.signals import post_save, pre_save

from airlock import Failure
from airlock_django.tasks.execution import sent_kwargs
from airlock_django.tasks.kinds import normalize, writes_rows
from airlock_django.tasks.options import prepared

if TYPE_CHECKING:
    from airlock import Intent
    from airlock_django.tasks.letters import Letter

# What one row can bring upon an INSERT: the others may leave all the same.
_ERRORS_OF_A_ROW = (DataError, IntegrityError, TypeError, ValueError)


def database() -> str:
    """Return the alias of the database that the rows are written to."""
    alias: str = router.db_for_write(_model())
    return alias


def given_id(intent: Intent) -> str | None:
    """Return an id of the backend's `id_function`; None where there is none, or no row."""
    try:
        task = prepared(intent)
    except Exception:  # check() says it, at the same line
        return None
    backend = task.get_backend()
    if not backend.options.get("id_function") or not writes_rows(task):
        return None
    made = backend._get_id()
    return str(made if isinstance(made, UUID) else UUID(made))


def make(intent: Intent, task: Any, backend: Any) -> Any:
    """Make the row that `DatabaseBackend.enqueue()` would write; nothing is written.

    Args:
        intent: the intent, whose id the row gets.
        task: its task, with the options of the enqueue.
        backend: the backend of the task.
    """
    row = _model()(
        id=UUID(intent.id),
        args_kwargs=normalize(task, {"args": intent.args, "kwargs": sent_kwargs(intent, task)}),
        priority=task.priority,
        task_path=task.module_path,
        queue_name=task.queue_name,
        run_after=task.run_after,
        backend_name=backend.alias,
    )
    # bulk_create() does not send it, and django-tasks-db completes the row there.
    pre_save.send(type(row), instance=row, raw=False, using=database(), update_fields=None)
    return row


def send(letters: Sequence[Letter]) -> Iterator[Any]:
    """Write the rows, then tell of each, as the backend does.

    Yields:
        One outcome per letter: its `TaskResult`, or a `Failure`.

    Raises:
        Exception: the database does not take them. The letters without an outcome have not left.
    """
    alias = database()
    error = _insert([letter for letter in letters if letter.outcome is None], alias)
    for letter in letters:
        if letter.inserted:
            yield _told(letter, alias)
        elif letter.outcome is not None:
            yield letter.outcome
        elif error is not None:
            raise error
    if error is not None:
        raise error


def _insert(letters: Sequence[Letter], alias: str) -> Exception | None:
    """Write the rows together; where one of them is at fault, each by itself.

    Returns:
        The error after which nothing more is to be tried, or None.
    """
    if not letters:
        return None
    joined = connections[alias].in_atomic_block
    written = False
    try:
        # In a transaction it is a savepoint: an INSERT that fails does not undo the work around it.
        with transaction.atomic(using=alias):
            _model().objects.using(alias).bulk_create([letter.row for letter in letters])
            written = True
    except Exception as error:
        if written and not joined:  # the COMMIT broke, and nobody knows
            for letter in letters:
                letter.outcome = Failure(error, uncertain=True)
            return error
        if not isinstance(error, _ERRORS_OF_A_ROW):
            return error
        if len(letters) == 1:
            letters[0].outcome = Failure(error)
            return None
    else:
        for letter in letters:
            letter.inserted = True
        return None
    for letter in letters:
        broken = _insert([letter], alias)
        if broken is not None:
            return broken
    return None


def _told(letter: Letter, alias: str) -> Any:
    """Send the signals of a row; one that fails does not mean that the row is not there."""
    try:
        return letter.intent.run(_tell, letter, alias)
    except Exception as error:
        return Failure(error, uncertain=True)


def _tell(letter: Letter, alias: str) -> Any:
    # It imports that of Django, or that of the backport.
    from django_tasks_db.backend import task_enqueued  # type: ignore[attr-defined]

    row = letter.row
    post_save.send(
        type(row), instance=row, created=True, update_fields=None, raw=False, using=alias
    )
    result = row.task_result
    task_enqueued.send(type(letter.backend), task_result=result)
    return result


def _model() -> Any:
    from django_tasks_db.models import DBTaskResult

    return DBTaskResult
