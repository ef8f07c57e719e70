"""A canvas leaves whole or not at all, and in one round trip where the broker has pipelines."""

from __future__ import annotations

import pytest
from celery import chain, chord, group

import airlock
import tcp_proxy
from airlock import State
from celery_abilities import PIPELINES
from celery_messages import sent

CANVASES = {
    "chain": lambda task, bad: chain(task.s(1), task.s(2), task.s(bad)),
    "group": lambda task, bad: group(task.s(1), task.s(2), task.s(bad)),
    "chord": lambda task, bad: chord([task.s(1), task.s(2), task.s(bad)], task.s()),
    "chord with a bad body": lambda task, bad: chord([task.s(1), task.s(2)], task.s(bad)),
    "group of chains": lambda task, bad: group(chain(task.s(1), task.s(2)), chain(task.s(bad))),
    "chain into a group": lambda task, bad: chain(task.s(1), group(task.s(2), task.s(bad))),
    "chunks": lambda task, bad: task.chunks([(1,), (2,), (bad,)], 1),
    "chord in a chord": lambda task, bad: chord(
        [chord([task.s(1), task.s(2)], task.s()), task.s(bad)], task.s()
    ),
}


@pytest.fixture(params=["pipeline", "one by one"])
def app(request, make_app, broker):
    """An app whose broker has pipelines, and one whose connections may retry, and has none."""
    options = {} if request.param == "pipeline" else {"retry_on_timeout": True}
    return make_app(broker, result_backend="cache+memory://", broker_transport_options=options)


@pytest.mark.parametrize("kind", CANVASES)
def test_a_canvas_that_cannot_be_encoded_sends_nothing(app, add, broker, kind):
    """Where one part of it cannot be made, no part leaves; its neighbours do."""
    airlock.configure(strict=False)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
        airlock.enqueue(add, 7)
        airlock.enqueue(CANVASES[kind](add, object()))
        airlock.enqueue(add, 8)

    assert [intent.state for intent in scope.intents] == [
        State.DISPATCHED,
        State.FAILED,
        State.DISPATCHED,
    ]
    assert [m.args for m in sent(broker)] == [[7], [8]]
    assert len(caught.value.failed) == 1


@pytest.mark.parametrize("kind", CANVASES)
def test_a_canvas_leaves_as_celery_sends_it(app, add, broker, kind, new_database, make_app):
    """The messages are those that Celery itself sends: tasks, arguments, what follows, options."""
    with airlock.scope():
        airlock.enqueue(CANVASES[kind](add, 3), _dispatch_options={"priority": 4})

    other = make_app(new_database(), result_backend="cache+memory://")

    @other.task(shared=False, name="shop.add")
    def same(left, right=0): ...

    CANVASES[kind](same, 3).apply_async(priority=4)

    def without_ids(messages):
        return [
            (
                m.task,
                m.args,
                m.kwargs,
                m.properties["priority"],
                [step["task"] for step in m.embed["chain"] or []],
                (m.embed["chord"] or {}).get("task"),
                (m.embed["chord"] or {}).get("options", {}).keys(),
            )
            for m in messages
        ]

    assert without_ids(sent(broker)) == without_ids(sent(other.conf.broker_url))


def test_canvases_and_tasks_share_a_pipeline(make_app, redis_server, broker):
    """A hundred of them cost a knock and a pipeline; without pipelines, a round trip a message."""
    with tcp_proxy.Proxy(redis_server.port) as proxy:
        app = make_app(broker.replace(str(redis_server.port), str(proxy.port)))

        @app.task(shared=False, name="shop.add")
        def add(left, right=0): ...

        with airlock.scope():
            airlock.enqueue(add, 0)  # connects, and declares the queue
        with proxy.counting() as counted, airlock.scope():
            for _ in range(25):
                airlock.enqueue(add, 1)
                airlock.enqueue(chain(add.s(1), add.s(2)))
                airlock.enqueue(group(add.s(1), add.s(2)))
                airlock.enqueue(group(chain(add.s(1), add.s(2)), add.s(3)))

    messages = 25 * (1 + 1 + 2 + 2)
    assert counted == [1 + (1 if PIPELINES else messages)]
    assert len(sent(broker)) == 1 + messages
