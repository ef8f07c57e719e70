"""`install_global_intercept`: what is intercepted, what passes through, and taking it out again."""

from __future__ import annotations

import inspect
import warnings

import pytest
from celery import Celery, Task, chain, chord, group, shared_task, signature

import airlock
import airlock.testing
from airlock import ConfigurationError, State
from airlock.integrations.celery import install_global_intercept, uninstall_global_intercept
from celery_messages import sent

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def app(make_intercepted, broker) -> Celery:
    return make_intercepted(broker)


def test_in_a_scope_calls_are_held(broker, add):
    """`.delay()` and `.apply_async()` are intents, and return the worker's id."""
    with airlock.scope() as scope:
        results = [add.delay(1), add.apply_async((2,), countdown=3), add.s(3).delay()]
        assert sent(broker) == []
        assert [(intent.task, intent.args) for intent in scope.intents] == [
            (add, (number,)) for number in (1, 2, 3)
        ]

    assert [m.args for m in sent(broker)] == [[1], [2], [3]]
    assert [m.id for m in sent(broker)] == [result.id for result in results]


def test_in_a_scope_that_fails_they_are_discarded(broker, add):
    """Nothing of a block that raises is sent."""
    with pytest.raises(ZeroDivisionError), airlock.scope():
        add.delay(1)
        raise ZeroDivisionError

    assert sent(broker) == []


def test_outside_a_scope_calls_pass_through(broker, add):
    """Each legal form of the call reaches Celery as it is, and returns what Celery returns."""
    results = [
        add.delay(1),
        add.apply_async((2,), None, "chosen"),
        add.apply_async(args=[3], kwargs={"right": 4}),
        add.s(5).apply_async(),
    ]

    assert [m.args for m in sent(broker)] == [[1], [2], [3], [5]]
    assert [m.id for m in sent(broker)] == [result.id for result in results]
    with pytest.raises(TypeError):
        add.delay(1, 2, 3)
    with pytest.raises(TypeError):
        add.apply_async((1,), args=(1,))


@pytest.mark.parametrize("scoped", [True, False])
def test_each_call_warns_once_at_its_line(add, broker, scoped):
    """In a scope or outside, the caller's line is named once, a canvas's not for its parts."""
    scope = airlock.scope(executor=airlock.testing.RecordingExecutor())
    if scoped:
        scope.enter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first = inspect.currentframe().f_lineno + 1
        add.delay(1)
        add.apply_async((1,))
        add.s(1).delay()
        (add.s(1) | add.s(2)).delay()
        group(add.s(1), add.s(2)).apply_async()
    if scoped:
        scope.exit()

    assert [w.category for w in caught] == [DeprecationWarning] * 5
    assert [w.lineno for w in caught] == list(range(first, first + 5))
    assert {w.filename for w in caught} == {__file__}


def test_airlocks_own_publishing_is_not_intercepted(broker, add):
    """`airlock.enqueue` neither warns nor is held a second time."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with airlock.scope():
            intents = [airlock.enqueue(add, 1), airlock.enqueue(add.s(2) | add.s(3))]
            intents += [airlock.enqueue(group(add.s(4), add.s(5)))]

    assert {intent.state for intent in intents} == {State.DISPATCHED}
    assert len(sent(broker)) == 4


def test_canvases_are_held_whole(make_intercepted, broker):
    """A chain, a group and a chord are one intent each, and return results with the final ids."""
    app = make_intercepted(broker, result_backend="cache+memory://")

    @app.task(shared=False, name="shop.any")
    def task(*args): ...

    with airlock.scope() as scope:
        chained = chain(task.s(1), task.s(2)).delay()
        grouped = group(task.s(3), task.s(4))()
        chorded = chord([task.s(5), task.s(6)])(task.s())
        alone = signature("shop.elsewhere", app=app).delay(7)
        asked: list[int] = []
        mapped = task.map(asked.append(number) or number for number in (8, 9)).delay()
        assert asked == [8, 9]  # by the time that the call returns, as without airlock
        chunked = task.chunks([(1,), (2,)], 1)()
        assert sent(broker) == []
        assert len(scope) == 6

    messages = sent(broker)
    first, third, fourth, fifth, sixth, seventh, eighth, *rest = messages
    assert first.embed["chain"][0]["options"]["task_id"] == chained.id
    assert first.id == chained.parent.id
    assert [third.id, fourth.id] == [part.id for part in grouped.results]
    assert third.headers["group"] == grouped.id
    assert fifth.embed["chord"]["options"]["task_id"] == chorded.id
    assert [fifth.id, sixth.id] == [part.id for part in chorded.parent.results]
    assert (seventh.id, eighth.id) == (alone.id, mapped.id)
    assert [message.id for message in rest[:2]] == [part.id for part in chunked.results]
    assert [intent.id for intent in scope.intents] == [
        result.id for result in (chained, grouped, chorded, alone, mapped, chunked)
    ]


def test_a_held_canvas_is_what_it_was_at_the_call(broker, add):
    """Changing a signature after the call does not change what is sent."""
    step = add.s(1)
    sig = step | add.s(2)
    with airlock.scope():
        sig.delay()
        sig.tasks[0].args = (99,)
        sig.set(queue="elsewhere")

    assert [m.args for m in sent(broker)] == [[1]]


@pytest.mark.parametrize("empty", [group, chain])
def test_an_empty_canvas_is_no_intent(app, empty):
    """A group or chain of nothing sends nothing, with or without airlock."""
    with airlock.scope() as scope:
        empty(app=app).apply_async()
        assert len(scope) == 0


def test_only_the_named_app_is_intercepted(app, make_app, new_database):
    """Tasks and canvases of another app in the process are left alone."""
    url = new_database()
    other = make_app(url)

    @other.task(shared=False, name="shop.other")
    def task(*args): ...

    with airlock.scope() as scope:
        task.delay()
        (task.s() | task.s()).delay()
        assert len(scope) == 0
    assert len(sent(url)) == 2


def test_it_can_be_taken_out_again(app, add, broker):
    """Afterwards everything is as before: no warning, no holding, Celery's own methods."""
    pristine = Task.apply_async
    assert "apply_async" in vars(type(add._get_current_object()))
    uninstall_global_intercept(app)
    uninstall_global_intercept(app)  # nothing to do

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with airlock.scope() as scope:
            add.delay(1)
            (add.s(2) | add.s(3)).delay()
            assert len(scope) == 0
    assert len(sent(broker)) == 2
    assert not {"apply_async", "__call__"} & vars(type(add._get_current_object())).keys()
    assert Task.apply_async is pristine
    assert type(app._tasks).__name__ == "TaskRegistry"
    assert chain.__mro__[1].apply_async.__module__ == "celery.canvas"


def test_installing_twice_is_the_same_as_once(app, add, broker):
    """Twice with the same arguments changes nothing; with another setting it is an error."""
    install_global_intercept(app)
    with pytest.raises(ConfigurationError, match="wrap_task_execution=True"):
        install_global_intercept(app, wrap_task_execution=False)

    with airlock.scope() as scope:
        add.delay(1)
        assert len(scope) == 1
    assert len(sent(broker)) == 1


def test_something_that_is_no_app():
    """Anything but an app is refused, and the message says where to call it."""
    with pytest.raises(ConfigurationError, match=r"app = Celery\(\.\.\.\)"):
        install_global_intercept("shop")


def test_the_current_app_can_be_given(make_app, broker):
    """`celery.current_app`, which is a proxy, stands for the app that is current."""
    from celery import current_app

    app = make_app(broker)
    app.set_current()
    install_global_intercept(current_app)
    try:
        with pytest.raises(ConfigurationError):
            install_global_intercept(app, wrap_task_execution=False)
    finally:
        uninstall_global_intercept(app)


def test_shared_tasks_and_classes(app, broker):
    """Tasks by `@shared_task` and by class are intercepted, made before or after."""

    @shared_task(name="shop.shared_and_intercepted")
    def shared(number): ...

    class Based(Task):
        name = "shop.based"

        def run(self, number): ...

    based = app.register_task(Based())
    app.set_current()
    app.set_default()
    with airlock.scope() as scope:
        shared.delay(1)
        based.delay(2)
        assert len(scope) == 2

    assert [m.task for m in sent(broker)] == ["shop.shared_and_intercepted", "shop.based"]


def test_a_class_that_derives_from_another_tasks_class(app, broker):
    """Two tasks whose classes derive from each other are one intent per call."""

    class Parent(Task):
        name = "shop.parent"

        def run(self, *args): ...

        def apply_async(self, args=None, kwargs=None, **options):
            return super().apply_async((*args, "seen"), kwargs, **options)

    class Child(Parent):
        name = "shop.child"

    app.register_task(Parent())
    child = app.register_task(Child())
    with airlock.scope() as scope:
        child.delay(1)
        assert len(scope) == 1

    assert [m.args for m in sent(broker)] == [[1, "seen"]]


def test_eager_tasks_in_a_scope(make_intercepted):
    """With `task_always_eager` a held task runs at the scope's end; what it publishes follows."""
    app = make_intercepted("memory://", task_always_eager=True)
    ran = []

    @app.task(shared=False, name="shop.outer", bind=True)
    def outer(self, fails=False):
        ran.append(("outer", len(self.request_stack)))
        inner.delay()
        ran.append("outer ends")
        if fails:
            raise ZeroDivisionError

    @app.task(shared=False, name="shop.inner")
    def inner():
        ran.append("inner")

    with airlock.scope():
        outer.delay()
        assert ran == []
    assert ran == [("outer", 1), "outer ends", "inner"]
    ran.clear()
    outer.delay()  # outside any scope: it runs at once, in a scope of its own
    assert ran == [("outer", 1), "outer ends", "inner"]
    ran.clear()
    outer.delay(fails=True)
    assert ran == [("outer", 1), "outer ends"]


def test_execution_can_be_left_alone(make_intercepted, broker):
    """`wrap_task_execution=False`: a task that is executed opens no scope, so its calls pass."""
    app = make_intercepted(broker, wrap_task_execution=False)

    @app.task(shared=False, name="shop.outer")
    def outer():
        assert airlock.get_current_scope() is None
        inner.delay()
        raise ZeroDivisionError

    @app.task(shared=False, name="shop.inner")
    def inner(): ...

    outer.apply()
    assert [m.task for m in sent(broker)] == ["shop.inner"]


def test_calling_a_task_directly_opens_no_scope(app, add):
    """`task(...)` is a function call, and belongs to whatever is around it."""

    @app.task(shared=False, name="shop.looks")
    def looks():
        return airlock.get_current_scope()

    @app.task(shared=False, name="shop.calls")
    def calls(depth):
        return {airlock.get_current_scope()} | (calls(depth - 1) if depth else set())

    assert looks() is None
    assert looks.apply().get() is not None
    assert len(calls.apply((3,)).get()) == 1  # an execution that calls its own task three times
    with airlock.scope() as scope:
        assert looks() is scope
        scope.discard()


def test_names_and_frames_of_the_application(app, add, broker):
    """The origin of an intent is the application's line, through a canvas, too."""
    with airlock.scope() as scope:
        here = inspect.currentframe().f_lineno + 1
        group(add.s(1), add.s(2)).delay()
        scope.discard()

    assert scope.intents[0].origin.startswith(f"{__file__}:{here}")


def test_tasks_that_are_there_already(make_app, broker):
    """An app that is in use already can get the intercept, too."""
    app = make_app(broker)

    @app.task(shared=False, name="shop.early")
    def early(): ...

    early.delay()
    install_global_intercept(app)
    try:
        with airlock.scope() as scope:
            early.delay()
            assert len(scope) == 1
            scope.discard()
    finally:
        uninstall_global_intercept(app)

    assert len(sent(broker)) == 1


def test_celerys_own_tasks_open_no_scope(app):
    """Of Celery's own tasks only those run in a scope that call the application's tasks."""
    wrapped = {
        name
        for name, task in app.tasks.items()
        if name.startswith("celery.") and "__call__" in vars(type(task))
    }

    assert wrapped == {"celery.map", "celery.starmap"}


def test_inherited_tasks_run_on_their_own_request(app):
    """A task whose class derives from another task's writes into its request, not into a copy."""

    class Parent(Task):
        name = "shop.parent"

        def run(self):
            return len(self.request_stack)

    class Child(Parent):
        name = "shop.child"

    app.register_task(Parent())
    assert app.register_task(Child()).apply().get() == 1
