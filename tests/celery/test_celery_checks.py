"""What is refused at the `enqueue` line."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
from celery import Task, chain, chord, chunks, group, signature

import airlock
from airlock import IntentError
from airlock_celery import celery_executor


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    airlock.configure(strict=True)
    yield
    airlock.reset_configuration()


@pytest.fixture
def refused():
    """A function that enqueues, expects a refusal, and returns its message."""

    def refused(*args, **kwargs) -> str:
        with airlock.scope() as scope:
            with pytest.raises(IntentError) as caught:
                airlock.enqueue(*args, **kwargs)
            assert len(scope) == 0
        return str(caught.value)

    return refused


@pytest.fixture
def accepted():
    """A function that enqueues in a scope that discards."""

    def accepted(*args, **kwargs) -> None:
        with airlock.scope() as scope:
            airlock.enqueue(*args, **kwargs)
            scope.discard()

    return accepted


def plain(number): ...


@pytest.mark.parametrize("task", [plain, functools.partial(plain, 1), "shop.add", print])
def test_what_is_no_celery_task_is_refused(task):
    """Named explicitly, the executor says how to make a task of what is none."""
    with airlock.scope(executor=celery_executor):
        with pytest.raises(IntentError, match=r"@app\.task or @shared_task") as caught:
            airlock.enqueue(task, 1)
    assert "celery.signature(" in str(caught.value)


def test_it_is_refused_also_where_not_strict():
    """An explicit executor checks the kind of the task, always."""
    airlock.configure(strict=False)
    with airlock.scope(executor=celery_executor), pytest.raises(IntentError):
        airlock.enqueue(plain, 1)


def test_wrong_arguments(add, refused, accepted):
    """Arguments that the task does not take."""
    assert "shop.add does not take these arguments" in refused(add, 1, 2, 3)
    refused(add)
    refused(add, 1, wrong=2)
    accepted(add, 1, right=2)


def test_a_bound_task_is_not_given_itself(app, accepted, refused):
    """`bind=True`: the task itself is none of the arguments."""

    @app.task(shared=False, name="shop.bound", bind=True)
    def bound(self, number): ...

    accepted(bound, 1)
    refused(bound, 1, 2)


def test_a_decorator_may_add_arguments(app, accepted):
    """What a decorated function takes is for its decorator to say, as in Celery."""

    def with_user(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function("user", *args)

        return wrapper

    @app.task(shared=False, name="shop.decorated")
    @with_user
    def task(user, number): ...

    accepted(task, 1)


def test_celery_sees_the_arguments_of_a_scoped_task(app):
    """`@airlock.scoped()` hides nothing: a `.delay()` that does not fit is refused as ever."""

    @app.task(shared=False, name="shop.scoped")
    @airlock.scoped()
    def scoped(number): ...

    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        scoped.delay()


def test_without_typing_anything_goes(app, accepted):
    """`typing=False` leaves the arguments to the worker, as in Celery."""

    @app.task(shared=False, name="shop.untyped", typing=False)
    def untyped(number): ...

    accepted(untyped, 1, 2, 3)


def test_a_class_based_task(app, accepted):
    """Celery does not check the arguments of a class's `run`, and neither does airlock."""

    class Based(Task):
        name = "shop.based"

        def run(self, number): ...

    accepted(app.register_task(Based()), 1, 2)


def test_what_cannot_be_encoded(add, refused, accepted):
    """Arguments that the task's serializer does not take; with another they are taken."""
    message = refused(add, object())
    assert "the arguments of shop.add cannot be encoded as json" in message
    assert "ids" in message
    refused(add, 1, right={1, object()})
    accepted(add, {1, 2}, _dispatch_options={"serializer": "pickle"})


def test_the_tasks_own_serializer(app, accepted, refused):
    """A task with `serializer="pickle"` takes what pickle takes."""

    @app.task(shared=False, name="shop.pickled", serializer="pickle")
    def pickled(value): ...

    accepted(pickled, 1j)
    refused(pickled, lambda: None)


def test_an_unknown_serializer(add, refused):
    """One that is not installed is a refusal, too."""
    assert "cannot be encoded as yoga" in refused(add, 1, _dispatch_options={"serializer": "yoga"})


@pytest.mark.parametrize("name", ["args", "kwargs"])
def test_arguments_in_the_options(add, refused, name):
    """The task's arguments go to `enqueue()`, not into the options."""
    assert repr(name) in refused(add, 1, _dispatch_options={name: [1]})


def test_signatures(add, app, accepted, refused):
    """The arguments of a signature are those of `enqueue()`, then its own."""
    accepted(add.s(1), 2)
    refused(add.s(1, 2), 3)
    refused(add.s(object()))
    accepted(add.si(1), 2, 3, 4)  # an immutable signature takes none
    accepted(signature("shop.elsewhere", app=app), 1, 2, 3)  # only a worker knows it
    refused(signature("shop.elsewhere", app=app), object())


def test_canvases(add, accepted, refused):
    """A chain's first step, and every member of a group or a header, is checked."""
    accepted(chain(add.s(1), add.s(2), add.s()))
    refused(chain(add.s(), add.s(1)))
    accepted(group(add.s(1), add.s(2)))
    refused(group(add.s(1), add.s(object())))
    accepted(group(add.s(1), add.s(2)), 3)
    accepted(chord([add.s(1)], add.s()))
    refused(chord([add.s(1), add.s(1, 2, 3)], add.s()))
    accepted(add.map([1, 2]))
    accepted(chunks(add.s(), [(1, 2), (3, 4)], 1))


def test_nothing_is_checked_where_not_strict(add, broker):
    """Without `strict` the arguments are looked at when the task is sent."""
    airlock.configure(strict=False)
    with airlock.scope() as scope:
        airlock.enqueue(add, object())
        scope.discard()
