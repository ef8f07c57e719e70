"""What a held call sends and returns is what Celery would have sent and returned at its line."""

from __future__ import annotations

import asyncio
import contextlib
import warnings

import pytest
from celery import Celery, Task, chain, chord, group

import airlock
from celery_messages import sent

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def app(make_intercepted, broker) -> Celery:
    return make_intercepted(broker, result_backend="cache+memory://")


@pytest.fixture
def task(app):
    @app.task(shared=False, name="shop.any", typing=False)
    def task(*args, **kwargs): ...

    return task


def first_arguments(broker: str) -> list:
    return [message.args[0] for message in sent(broker)]


def test_groups_in_a_group_keep_their_order(task, broker):
    """The members of groups inside are sent, and their results stand, in the order given."""
    with airlock.scope():
        result = group(
            task.s(0), group(task.s(1), task.s(2)), group(task.s(3), task.s(4), task.s(5)), chain()
        ).delay()

    messages = sent(broker)
    assert [message.args[0] for message in messages] == [0, 1, 2, 3, 4, 5]
    assert [message.headers["group_index"] for message in messages] == [0, 1, 2, 3, 4, 5]
    assert [part.id for part in result.results] == [message.id for message in messages]


@pytest.mark.parametrize("kind", ["chain", "chord"])
def test_an_id_that_was_set_is_kept(task, kind):
    """`.set(task_id=...)` on a canvas is the id of its result."""
    canvas = chain(task.s(1), task.s(2)) if kind == "chain" else chord([task.s(1)], task.s())
    with airlock.scope() as scope:
        assert canvas.set(task_id="chosen").delay().id == "chosen"

    assert scope.intents[0].id == "chosen"


def test_arguments_are_those_of_the_call(app, task, broker):
    """What is changed after the call is not changed in the message, in a canvas either."""
    lists = [["as it was"] for _ in range(6)]
    with airlock.scope():
        (task.s(lists[0]) | task.s()).delay()
        group(task.s(lists[1])).delay()
        chord([task.s(lists[2]), task.s(0)])(task.s())
        app.signature("shop.elsewhere", (lists[3],)).delay()
        mapped = task.map(lists[4])
        mapped.delay()
        task.chunks([(lists[5],)], 1)()
        for each in lists:
            each.append("changed")
        mapped.set(queue="another")

    assert "changed" not in str([(m.args, m.kwargs) for m in sent(broker)])
    assert len(sent(broker)) == 7


def test_an_immutable_chain_takes_nothing(task, broker):
    """The arguments of the call are not given to it."""
    with airlock.scope():
        chain(task.s("own"), task.s(2)).set(immutable=True).apply_async((7, 8))

    assert [m.args for m in sent(broker)] == [["own"]]


def test_an_empty_chain_in_a_chain(task, broker):
    """It is nothing, as for Celery."""
    with airlock.scope() as scope:
        assert chain(chain()).delay() is None
        assert len(scope) == 0


def test_a_signature_as_an_argument(app, task):
    """It stays a signature, for a serializer that takes it."""
    with airlock.scope() as scope:
        task.apply_async((task.s(1),), serializer="pickle")
        assert type(scope.intents[0].args[0]) is type(task.s(1))
        scope.discard()


def test_the_answer_comes_to_the_thread_that_asked(make_intercepted, broker):
    """With `rpc://` a task that leaves from another thread is answered in the caller's queue."""
    app = make_intercepted(broker, result_backend="rpc://")

    @app.task(shared=False, name="shop.asked")
    def asked(): ...

    async def ask():
        async with airlock.scope():
            asked.delay()

    asyncio.run(ask())
    assert sent(broker)[0].properties["reply_to"] == app.thread_oid


def test_a_result_that_nobody_stores(app, task, broker):
    """`ignore_result` is known to the result, so that nobody waits for it."""

    @app.task(shared=False, name="shop.ignored", ignore_result=True)
    def ignored(): ...

    with airlock.scope():
        results = [ignored.delay(), task.apply_async(ignore_result=True)]
        results += [app.send_task("shop.elsewhere", ignore_result=True)]

    assert [result.get(timeout=1) for result in results] == [None, None, None]


def test_an_apply_async_that_passes_everything_on(app, broker):
    """Positional options reach Celery's own parameters through `*args` of a task's class."""

    class Passing(Task):
        def apply_async(self, *args, **options):
            return super().apply_async(*args, **options)

    @app.task(shared=False, name="shop.passing", base=Passing)
    def passing(number): ...

    with airlock.scope():
        passing.apply_async((1,), None, "chosen")

    assert [(m.id, m.args) for m in sent(broker)] == [("chosen", [1])]


@pytest.fixture(params=["pipeline", "one by one"])
def either_app(request, make_intercepted, broker) -> Celery:
    options = {} if request.param == "pipeline" else {"retry_on_timeout": True}
    return make_intercepted(broker, broker_transport_options=options)


def test_a_bad_option_keeps_nothing_else_back(either_app, broker):
    """A message with an unknown compression fails alone."""

    @either_app.task(shared=False, name="shop.any")
    def task(number): ...

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        task.apply_async((1,), compression="nope")
        task.delay(2)

    assert first_arguments(broker) == [2]
    assert len(caught.value.failed) == 1


def test_a_torn_group_is_not_sent_twice(either_app, broker):
    """Where one of its messages cannot be sent, `retry()` never repeats those before it."""

    @either_app.task(shared=False, name="shop.any")
    def task(number): ...

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
        group(task.s(1), task.s(2).set(headers={"x": object()}), task.s(3)).delay()
        task.delay(4)
    with contextlib.suppress(airlock.DispatchError):
        caught.value.retry()

    numbers = first_arguments(broker)
    state = scope.intents[0].state.value
    assert (state, numbers) in [("failed", [4]), ("uncertain", [1, 4])]


def test_celerys_old_send_task(app, broker):
    """`celery.execute.send_task` is held as `app.send_task` is."""
    from celery.execute import send_task

    app.set_current()
    with airlock.scope() as scope:
        send_task("shop.elsewhere", (1,))
        assert len(scope) == 1
        scope.discard()

    assert sent(broker) == []


def test_a_send_task_that_is_patched_later(app, task, monkeypatch):
    """What watches `Celery.send_task`, and comes after the intercept, sees each real publish."""
    seen = []
    original = Celery.send_task

    def watching(self, name, *args, **options):
        seen.append(name)
        return original(self, name, *args, **options)

    monkeypatch.setattr(Celery, "send_task", watching)
    with airlock.scope():
        app.send_task("shop.elsewhere")
        task.delay()
        assert seen == []
    assert seen == ["shop.elsewhere", "shop.any"]


def test_the_id_of_the_running_task_given_to_another(app, task, broker):
    """It is no retry: it is held, and discarded with the run."""

    @app.task(shared=False, name="shop.runs", bind=True)
    def runs(self):
        task.apply_async((1,), task_id=self.request.id)
        raise ZeroDivisionError

    runs.apply()
    assert sent(broker) == []


def test_what_a_class_does_around_the_body_is_not_retried(app):
    """`autoretry_for` is for the body alone, as in Celery, and for the flush."""
    runs = []

    class Failing(Task):
        def __call__(self, *args, **kwargs):
            super().__call__(*args, **kwargs)
            raise ConnectionError("behind the body")

    @app.task(
        shared=False, name="shop.own", base=Failing, autoretry_for=(ConnectionError,),
        max_retries=2, default_retry_delay=0,
    )  # fmt: skip
    def own():
        runs.append(1)

    own.apply()
    assert runs == [1]


def test_a_patched_call_is_called(app, task, monkeypatch):
    """What watches executions through `Task.__call__` goes on seeing them."""
    seen = []
    original = Task.__call__

    def watching(self, *args, **kwargs):
        seen.append(self.name)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Task, "__call__", watching)
    task.apply()
    assert seen == ["shop.any"]


def test_callbacks_of_eager_tasks_are_celerys_own(make_intercepted):
    """They run when Celery runs them, in the flush, and warn nobody."""
    app = make_intercepted("memory://", task_always_eager=True)
    ran: list[int] = []

    @app.task(shared=False, name="shop.add")
    def add(left, right):
        ran.append(left + right)
        return left + right

    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        with airlock.scope():
            airlock.enqueue(add, 1, 2, _dispatch_options={"link": add.s(4)})
    assert ran == [3, 7]
