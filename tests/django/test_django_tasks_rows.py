"""The database backend of Django's tasks: a run of intents is one INSERT."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models.signals import post_save, pre_save
from django.dispatch import Signal
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import airlock
from airlock import State
from airlock.testing import ExecutorContract
from airlock_django.tasks import django_tasks_executor
from django_tasks_shop import add, plain
from django_tasks_tables import BACKEND, numbers, rows

pytest_plugins = ["django_tasks_fixtures"]

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "pg"])

language: ContextVar[str] = ContextVar("language", default="none")


@contextmanager
def received(signal: Signal) -> Iterator[list[dict[str, Any]]]:
    """List what a signal tells meanwhile, and in which context."""
    heard: list[dict[str, Any]] = []

    def receiver(**told: Any) -> None:
        heard.append({**told, "language": language.get()})

    signal.connect(receiver)
    try:
        yield heard
    finally:
        signal.disconnect(receiver)


@contextmanager
def inserts(alias: str) -> Iterator[list[str]]:
    """List the INSERTs of a block."""
    found: list[str] = []
    with CaptureQueriesContext(connections[alias]) as queries:
        yield found
    found += [query["sql"] for query in queries if query["sql"].startswith("INSERT")]


def task_enqueued() -> Signal:
    """The signal, of Django or of the backport."""
    from django_tasks_db.backend import task_enqueued

    return task_enqueued


@pytest.mark.usefixtures("task_alias")
class TestContract(ExecutorContract):
    """What every executor must do, with rows."""

    @pytest.fixture
    def executor(self) -> Any:
        """The executor of Django's tasks."""
        return django_tasks_executor

    @pytest.fixture
    def broken_executor(self, executor: Any, request: pytest.FixtureRequest) -> Any:
        """The same, without the table."""
        from django_tasks_db.models import DBTaskResult

        monkeypatch = request.getfixturevalue("monkeypatch")
        monkeypatch.setattr(DBTaskResult._meta, "db_table", "not_migrated")
        return executor

    @pytest.fixture
    def task(self) -> Any:
        """A Django task."""
        return add

    @pytest.fixture
    def foreign_task(self) -> Any:
        """A plain function is none."""
        return plain

    def sent(self, executor: Any) -> list[int]:
        """Look into the table."""
        return numbers()


def test_a_run_is_one_insert(task_alias: str) -> None:
    """Fifty tasks are one INSERT, a worker takes them in their order, and each has its receipt."""
    with inserts(task_alias) as statements, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(50)]
    assert len(statements) == 1
    assert numbers() == list(range(50))
    assert [intent.receipt.id for intent in intents] == [str(row.id) for row in rows()]


def test_a_thousand_are_one_insert_on_postgresql(task_alias: str) -> None:
    """SQLite takes so many parameters and no more, PostgreSQL a thousand rows."""
    with inserts(task_alias) as statements, airlock.scope():
        for number in range(1000):
            airlock.enqueue(add, number)
    parts = connections[task_alias].ops.bulk_batch_size(["a column"] * 15, [None] * 1000)
    assert len(statements) == -(-1000 // min(parts, 1000))
    assert numbers() == list(range(1000))


@pytest.mark.usefixtures("task_alias")
def test_the_row_is_that_of_the_backend() -> None:
    """But for its id and its time, it is what `task.enqueue()` writes, and so is the receipt."""
    later = timezone.now() + timedelta(hours=1)
    options = {"queue_name": "emails", "priority": 7, "run_after": later}
    for given in ({}, options):
        theirs = add.using(**given).enqueue(1, other=2)
        with airlock.scope():
            intent = airlock.enqueue(add, 1, other=2, _dispatch_options=given)
        ours = intent.receipt
        assert type(ours) is type(theirs)
        one, other = (
            {
                field.name: getattr(result.db_result, field.attname)
                for field in result.db_result._meta.concrete_fields
                if field.name not in ("id", "enqueued_at")
            }
            for result in (theirs, ours)
        )
        assert one == other
        ours.refresh()
        assert (ours.task, ours.args, ours.kwargs) == (theirs.task, [1], {"other": 2})


@pytest.mark.usefixtures("task_alias")
def test_the_id_is_known_before_the_row_is_there() -> None:
    """`intent.id` is the id of the row, and of the receipt."""
    with airlock.scope():
        intent = airlock.enqueue(add, 1)
        known = intent.id
    assert [str(row.id) for row in rows()] == [known] == [intent.receipt.id]


def numbered() -> uuid.UUID:
    """Make an id as an application would."""
    return uuid.UUID(int=uuid.uuid4().int >> 64)


@pytest.mark.usefixtures("task_alias")
def test_an_id_function_makes_the_id(settings: Any) -> None:
    """The `id_function` of the backend is asked, once for each."""
    settings.TASKS = {"default": {"BACKEND": BACKEND, "OPTIONS": {"id_function": numbered}}}
    with airlock.scope():
        intent = airlock.enqueue(add, 1)
        asked = airlock.enqueue(add, 2).id
    assert all(uuid.UUID(found).int < 1 << 64 for found in (intent.receipt.id, asked))
    assert [str(row.id) for row in rows()] == [intent.id, asked]


@pytest.mark.usefixtures("task_alias")
def test_each_task_has_its_signal_in_the_context_of_its_enqueue() -> None:
    """`task_enqueued` is told of each row, once it is there, with the caller's context."""
    with received(task_enqueued()) as heard, airlock.scope():
        for tongue in ("de", "fr"):
            token = language.set(tongue)
            airlock.enqueue(add, 1)
            language.reset(token)
        assert heard == []
    assert [told["language"] for told in heard] == ["de", "fr"]
    assert [told["task_result"].id for told in heard] == [str(row.id) for row in rows()]
    assert {told["sender"] for told in heard} == {type(add.get_backend())}


def test_the_signals_of_the_model_are_told(task_alias: str) -> None:
    """A receiver of `pre_save` or `post_save` does not notice that rows are written together."""
    with received(pre_save) as before, received(post_save) as after:
        add.enqueue(1)
        with airlock.scope():
            airlock.enqueue(add, 2)
    for heard in (before, after):
        theirs, ours = heard
        # Only save() can say whether somebody forced an INSERT.
        assert {**theirs, "instance": 0} == {**ours, "instance": 0}
        assert ours["using"] == task_alias


@pytest.mark.usefixtures("task_alias")
def test_a_receiver_that_fails_does_not_undo_a_row() -> None:
    """The others are told, and what it failed for is uncertain: never sent again by itself."""

    def receiver(task_result: Any, **told: Any) -> None:
        if task_result.args == [1]:
            raise ZeroDivisionError

    task_enqueued().connect(receiver)
    try:
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, number) for number in range(3)]
    finally:
        task_enqueued().disconnect(receiver)
    assert [intent.state for intent in intents] == [
        State.DISPATCHED,
        State.UNCERTAIN,
        State.DISPATCHED,
    ]
    caught.value.retry()
    assert numbers() == [0, 1, 2]


@pytest.mark.usefixtures("task_alias")
def test_one_that_cannot_be_made_fails_alone(settings: Any) -> None:
    """Without `strict` it is found at the flush, and the others leave."""
    settings.AIRLOCK = {"STRICT": False}
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, value) for value in (1, object(), 3)]
    assert list(caught.value.failed) == [intents[1]]
    assert numbers() == [1, 3]


@pytest.mark.usefixtures("task_alias")
def test_one_that_the_database_refuses_fails_alone(settings: Any) -> None:
    """The INSERT is taken back, and each row goes by itself."""
    settings.AIRLOCK = {"STRICT": False}
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, value) for value in (1, float("nan"), 3)]
    assert list(caught.value.failed) == [intents[1]]
    assert numbers() == [1, 3]


@pytest.mark.usefixtures("task_alias")
def test_several_backends_on_one_table_share_an_insert(settings: Any, task_alias: str) -> None:
    """Each row names its own backend."""
    settings.TASKS = {"default": {"BACKEND": BACKEND}, "nightly": {"BACKEND": BACKEND}}
    with inserts(task_alias) as statements, airlock.scope():
        airlock.enqueue(add, 1)
        airlock.enqueue(add, 2, _dispatch_options={"backend": "nightly"})
    assert len(statements) == 1
    assert [row.backend_name for row in rows()] == ["default", "nightly"]


def _subclass_backend() -> str:
    from django_tasks_db import DatabaseBackend

    class Backend(DatabaseBackend):
        """Somebody has a say in what is enqueued."""

        def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
            return super().enqueue(task, [args[0] + 100], kwargs)

    globals()["Backend"] = Backend
    return f"{__name__}.Backend"


def test_a_backend_of_ones_own_is_asked(settings: Any, task_alias: str) -> None:
    """Where `enqueue()` is overridden, it is called for each."""
    settings.TASKS = {"default": {"BACKEND": _subclass_backend()}}
    with inserts(task_alias) as statements, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(3)]
    assert len(statements) == 3
    assert numbers() == [100, 101, 102]
    assert [intent.receipt.args for intent in intents] == [[100], [101], [102]]


@pytest.mark.parametrize("patched", ["task", "backend"])
def test_who_has_replaced_enqueue_is_asked(
    task_alias: str, patched: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As monitoring does it: what stands in for `enqueue()` sees each."""
    from functools import wraps

    owner = type(add) if patched == "task" else type(add.get_backend())
    original: Callable[..., Any] = owner.enqueue
    seen: list[Any] = []

    @wraps(original)
    def enqueue(*args: Any, **kwargs: Any) -> Any:
        seen.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, "enqueue", enqueue)
    with inserts(task_alias) as statements, airlock.scope():
        airlock.enqueue(add, 1)
        airlock.enqueue(add, 2)
    assert len(seen) == len(statements) == 2
    assert numbers() == [1, 2]
