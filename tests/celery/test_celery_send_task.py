"""`app.send_task`, and calls with a connection of their own, under the global intercept."""

from __future__ import annotations

import inspect
import warnings

import pytest
from celery import Celery
from kombu import Connection

import airlock
from airlock.integrations.celery import install_global_intercept, uninstall_global_intercept
from celery_messages import sent

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def app(make_intercepted, broker):
    return make_intercepted(broker)


@pytest.mark.parametrize("name", ["shop.add", "shop.elsewhere"])
def test_in_a_scope_it_is_held(app, add, broker, name):
    """Whether or not the name is known here, it is one intent, and returns the worker's id."""
    with airlock.scope() as scope:
        result = app.send_task(name, (1,), {"right": 2}, countdown=5)
        assert sent(broker) == []
        assert [intent.name for intent in scope.intents] == [name]

    (message,) = sent(broker)
    assert (message.task, message.id) == (name, result.id)
    assert (message.args, message.kwargs) == ([1], {"right": 2})
    assert message.headers["eta"]
    assert isinstance(result, app.AsyncResult)


def test_outside_it_passes_and_warns(app, broker):
    """Outside any scope it goes out at once; either way the caller's line is warned."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = inspect.currentframe().f_lineno + 1
        app.send_task("shop.elsewhere")

    assert [(w.filename, w.lineno) for w in caught] == [(__file__, line)]
    assert len(sent(broker)) == 1


def test_it_is_discarded_with_its_scope(app, broker):
    """Nothing of a block that raises is sent."""
    with pytest.raises(ZeroDivisionError), airlock.scope():
        app.send_task("shop.elsewhere", kwargs={"number": 1})
        raise ZeroDivisionError

    assert sent(broker) == []


def test_block_tasks_knows_the_name(app, broker):
    """A policy sees the name that is sent."""
    with airlock.scope(policy=airlock.BlockTasks({"shop.elsewhere"})) as scope:
        app.send_task("shop.elsewhere")
        app.send_task("shop.other")

    assert [intent.state.value for intent in scope.intents] == ["denied", "dispatched"]


def test_the_apps_own_send_task_runs_at_the_real_publish(broker):
    """An app whose class has a `send_task` of its own keeps it, and gets it back."""
    calls = []

    class Counting(Celery):
        def send_task(self, name, *args, **kwargs):
            calls.append(name)
            return super().send_task(name, *args, **kwargs)

    app = Counting("counting", broker=broker, set_as_current=False)
    install_global_intercept(app)
    with airlock.scope():
        app.send_task("shop.elsewhere")
        assert calls == []
    assert calls == ["shop.elsewhere"]

    uninstall_global_intercept(app)
    assert "send_task" not in vars(app)
    app.close()


def test_a_connection_of_the_caller_to_the_same_broker(app, add, broker):
    """A call with its own producer or connection is held as any other, also when that closes."""
    with airlock.scope() as scope:
        with Connection(broker) as connection:
            add.apply_async((1,), connection=connection)
            add.apply_async((2,), producer=connection.Producer())
            with app.producer_or_acquire() as producer:
                add.apply_async((3,), publisher=producer)
        assert sent(broker) == []
        assert all(not intent.dispatch_options for intent in scope.intents)

    assert [m.args for m in sent(broker)] == [[1], [2], [3]]


def test_a_connection_to_another_broker(app, add, broker, new_database):
    """What was meant for another broker goes there, at the end of the scope."""
    other = new_database()
    with airlock.scope():
        with Connection(other) as connection:
            add.apply_async((1,), connection=connection)
            add.s(2).apply_async(producer=connection.Producer())
            (add.s(3) | add.s(4)).apply_async(connection=connection)
        add.delay(5)
        assert sent(other) == []

    assert [m.args for m in sent(other)] == [[1], [2], [3]]
    assert [m.args for m in sent(broker)] == [[5]]


def test_another_broker_that_is_down_fails_alone(app, add, broker, free_port):
    """The messages for the app's own broker leave."""
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        with Connection(f"redis://127.0.0.1:{free_port()}/0") as connection:
            add.apply_async((1,), connection=connection, retry=False)
        add.delay(2)

    assert [m.args for m in sent(broker)] == [[2]]
    assert len(caught.value.failed) == 1
