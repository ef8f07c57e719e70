"""Django's own tasks are one more queue: `django.tasks`, or the backport before Django 6."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import django
import pytest
from django.db import transaction
from django.utils import timezone

import airlock
from airlock import State
from airlock.testing import ExecutorContract
from airlock_django.tasks import django_tasks_executor

if django.VERSION >= (6, 0):
    from django.tasks import TaskResult, default_task_backend, task

    PACKAGE = "django.tasks"
else:
    from django_tasks import TaskResult, default_task_backend, task

    PACKAGE = "django_tasks"

TASKS = {
    "default": {
        "BACKEND": f"{PACKAGE}.backends.dummy.DummyBackend",
        "QUEUES": ["default", "emails"],
    },
    "immediate": {"BACKEND": f"{PACKAGE}.backends.immediate.ImmediateBackend"},
}

ran: list[Any] = []


@task
def add(number: int, other: int = 0) -> int:
    """A task; newer Djangos pickle it by this name."""
    ran.append((number, other))
    return number + other


@task(takes_context=True)
def with_context(context: Any, number: int) -> int:
    """A task that is given its context."""
    return number


def plain(number: int) -> None:
    """No task."""


@pytest.fixture(autouse=True)
def _backend(settings: Any) -> Iterator[None]:
    settings.TASKS = TASKS
    ran.clear()
    default_task_backend.clear()  # made here, or each context would make one of its own
    yield
    default_task_backend.clear()


@pytest.fixture
def job() -> Any:
    """A Django task."""
    return add


def results() -> list[Any]:
    """What the backend was given."""
    return list(default_task_backend.results)


class TestContract(ExecutorContract):
    """What every executor must do."""

    @pytest.fixture
    def executor(self) -> Any:
        """The executor of Django's tasks."""
        default_task_backend.clear()
        return django_tasks_executor

    @pytest.fixture
    def broken_executor(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """The same, with a backend that is down."""

        def enqueue(*args: Any) -> None:
            raise ConnectionError

        backend = import_module(f"{PACKAGE}.backends.dummy").DummyBackend
        monkeypatch.setattr(backend, "enqueue", enqueue)
        return django_tasks_executor

    @pytest.fixture
    def task(self, job: Any) -> Any:
        """A task of this kind."""
        return job

    @pytest.fixture
    def foreign_task(self) -> Any:
        """A plain function is none."""
        return plain

    def sent(self, executor: Any) -> list[int]:
        """Look into the backend."""
        return [result.args[0] for result in results()]


def test_a_task_goes_home(job: Any) -> None:
    """Without any configuration it goes to its own backend, and the receipt is its result."""
    with airlock.scope() as scope:
        intent = airlock.enqueue(job, 1, other=2)
        airlock.enqueue(ran.append, "inline")
        assert [str(entry).rpartition(" ")[2] for entry in scope.plan()] == [
            "django-tasks",
            "sync",
        ]
        assert results() == []
    (result,) = results()
    assert (list(result.args), result.kwargs) == ([1], {"other": 2})
    assert isinstance(intent.receipt, TaskResult)
    assert intent.receipt.id == result.id
    assert ran == ["inline"]


def test_options_are_those_of_using(job: Any) -> None:
    """Queue, priority, delay and backend go through `Task.using()`."""
    later = timezone.now() + timedelta(hours=1)
    options = {"queue_name": "emails", "priority": 7, "run_after": later}
    with airlock.scope():
        airlock.enqueue(job, 1, _dispatch_options=options)
        airlock.enqueue(job, 2, _dispatch_options={"backend": "immediate"})
    (result,) = results()
    assert (result.task.queue_name, result.task.priority) == ("emails", 7)
    assert result.task.run_after == later
    assert ran == [(2, 0)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"countdown": 3}, "no option 'countdown'.*priority, queue_name, run_after"),
        ({"queue": "emails"}, "Did you mean 'queue_name'"),
        ({"args": (1,)}, "no option 'args'"),
        ({"queue_name": "unknown"}, "Queue 'unknown' is not valid for backend"),
        ({"priority": 1_000}, "priority must be a whole number between -100 and 100"),
        ({"priority": "high"}, "cannot be carried by the backend 'default'"),
        ({"backend": "unknown"}, "no backend 'unknown'. There are: default, immediate"),
        ({"run_after": datetime(2040, 1, 1)}, "run_after must be an aware datetime"),
        ({"run_after": timedelta(hours=1)}, "cannot be carried by the backend 'default'"),
        (
            {"backend": "immediate", "run_after": datetime(2040, 1, 1, tzinfo=UTC)},
            "backend 'immediate' of TASKS: Backend does not support run_after. Correct",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("strict", [True, False])
def test_options_that_cannot_be_are_refused_at_the_enqueue(
    settings: Any, strict: bool, options: dict[str, Any], said: str
) -> None:
    """Unknown ones, and those that the backend does not support."""
    settings.AIRLOCK = {"STRICT": strict}
    with airlock.scope() as scope:
        with pytest.raises(airlock.IntentError, match=said):
            airlock.enqueue(add, 1, _dispatch_options=options)
        assert len(scope) == 0


def test_settings_that_have_changed_since_the_decorator_are_noticed(settings: Any) -> None:
    """A backend that is no longer there, and a queue that is no longer its."""
    settings.TASKS = {"other": TASKS["default"]}
    with airlock.scope(), pytest.raises(airlock.IntentError, match="There are: other"):
        airlock.enqueue(add, 1)
    settings.TASKS = {"default": {**TASKS["default"], "QUEUES": ["emails"]}}
    with airlock.scope(), pytest.raises(airlock.IntentError, match="Queue 'default'"):
        airlock.enqueue(add, 1)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        ((1, 2, 3), {}),
        ((1,), {"missing": 1}),
        ((object(),), {}),
        ((timezone.now(),), {}),
        ((float("nan"),), {}),
        ((b"\xff",), {}),
    ],
)
def test_arguments_are_checked_where_strict(
    job: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Wrong arguments, and what is no JSON, fail at the `enqueue`."""
    with airlock.scope(), pytest.raises(airlock.IntentError):
        airlock.enqueue(job, *args, **kwargs)


def test_a_task_that_takes_its_context() -> None:
    """The backend gives the context, the caller does not."""
    with airlock.scope():
        airlock.enqueue(with_context, 1)
        with pytest.raises(airlock.IntentError):
            airlock.enqueue(with_context, None, 1)
    assert len(results()) == 1


def test_one_that_cannot_be_sent_fails_alone(settings: Any) -> None:
    """Arguments that are no JSON, and a queue that has gone meanwhile; the others leave."""
    settings.AIRLOCK = {"STRICT": False}
    emails = {"queue_name": "emails"}
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        airlock.enqueue(add, 1, _dispatch_options=emails)
        no_json = airlock.enqueue(add, object(), _dispatch_options=emails)
        gone = airlock.enqueue(add, 3)
        airlock.enqueue(add, 4, _dispatch_options=emails)
        settings.TASKS = {"default": {**TASKS["default"], "QUEUES": ["emails"]}}
    assert list(caught.value.failed) == [no_json, gone]
    assert [result.args for result in results()] == [[1], [4]]


@pytest.mark.django_db(transaction=True)
def test_it_leaves_after_the_commit(job: Any) -> None:
    """As every effect does."""
    with airlock.scope():
        with transaction.atomic():
            airlock.enqueue(job, 1)
        with transaction.atomic():
            gone = airlock.enqueue(job, 2)
            transaction.set_rollback(True)
        assert results() == []
    assert len(results()) == 1
    assert gone.state is State.ROLLED_BACK


@pytest.mark.parametrize("named", ["add", "dotted", "object"])
def test_a_policy_knows_a_task_by_its_names(job: Any, named: str) -> None:
    """By short name, by dotted name, and by the object itself."""
    known = {"add": "add", "dotted": f"{__name__}.add", "object": job}[named]
    with airlock.scope(policy=airlock.BlockTasks({known})):
        intent = airlock.enqueue(job, 1)
    assert intent.state is State.DENIED
    assert intent.name == f"{__name__}.add"


def test_a_policy_tells_tasks_of_one_name_apart(job: Any) -> None:
    """A function of the same name in another module is another task."""
    with airlock.scope(policy=airlock.BlockTasks({"elsewhere.add"})):
        airlock.enqueue(job, 1)
    assert len(results()) == 1


def test_an_async_scope_takes_them(job: Any) -> None:
    """Also in an event loop."""
    from asgiref.sync import async_to_sync

    async def main() -> airlock.Intent:
        async with airlock.scope():
            return airlock.enqueue(job, 1)

    assert isinstance(async_to_sync(main)().receipt, TaskResult)


def test_the_dummy_backend_shows_what_has_left(settings: Any) -> None:
    """Also where it is first asked for in the scope: its results are those that the test sees."""
    settings.TASKS = {"default": dict(TASKS["default"])}
    with airlock.scope():
        airlock.enqueue(add, 1)
    assert [result.args for result in results()] == [[1]]


@task
def asks(number: int, fails: bool = False) -> None:
    """Enqueue something, and fail then."""
    airlock.enqueue(ran.append, number)
    if fails:
        raise ZeroDivisionError


@task
async def asks_async(number: int, fails: bool = False) -> None:
    """Do so in an event loop."""
    asks.func(number, fails)


@pytest.mark.parametrize("asking", [asks, asks_async], ids=["sync", "async"])
def test_the_immediate_backend_runs_the_task_at_the_flush(asking: Any) -> None:
    """In a scope of its own: what one that fails had enqueued is gone, its error in the result."""
    options = {"backend": "immediate"}
    with airlock.scope():
        intents = [
            airlock.enqueue(asking, 1, _dispatch_options=options),
            airlock.enqueue(asking, 2, fails=True, _dispatch_options=options),
            airlock.enqueue(asking, 3, _dispatch_options=options),
        ]
        assert ran == []
    assert ran == [1, 3]
    assert [intent.state for intent in intents] == [State.DISPATCHED] * 3
    statuses = [intent.receipt.status for intent in intents]
    assert statuses == ["SUCCESSFUL", "FAILED", "SUCCESSFUL"]
    assert intents[1].receipt.errors[0].exception_class is ZeroDivisionError


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("backend", ["default", "immediate"])
def test_they_are_not_of_the_transaction(backend: str) -> None:
    """Neither is a row, so both wait for the commit."""
    with transaction.atomic():
        with airlock.scope():
            intent = airlock.enqueue(add, 1, _dispatch_options={"backend": backend})
        assert intent.state is State.PENDING
    assert intent.state is State.DISPATCHED


def test_enqueue_of_the_task_itself_does_not_wait() -> None:
    """Only what goes through airlock does."""
    with pytest.raises(ZeroDivisionError), airlock.scope():
        airlock.enqueue(add, 1)
        add.enqueue(2)
        raise ZeroDivisionError
    assert [result.args for result in results()] == [[2]]


def test_scoped_goes_below_task() -> None:
    """Above it there is no function any more, and airlock says so."""
    with pytest.raises(airlock.ConfigurationError, match="below the decorator"):
        airlock.scoped()(add)


def test_a_process_without_tasks_is_not_asked(run_django: Any) -> None:
    """Where the module of the tasks is not imported, none can exist, and nothing imports it."""
    files = {
        "shop/__init__.py": "",
        "shop/management/commands/look.py": """
            import sys

            from django.core.management import BaseCommand

            import airlock


            class Command(BaseCommand):
                def handle(self, **options):
                    with airlock.scope():
                        airlock.enqueue(print, "sent")
                    print("django_tasks" in sys.modules)
        """,
    }
    done = run_django("look", settings="INSTALLED_APPS += ['shop']", files=files)
    assert done.stdout == "sent\nFalse\n", done.stderr
