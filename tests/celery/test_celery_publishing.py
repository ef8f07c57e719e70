"""What is sent, and how: options, ids, headers, one pipeline, and messages that cannot be sent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

import pytest
import redis
from celery import Celery, shared_task, signals, signature
from kombu.exceptions import EncodeError

import airlock
import tcp_proxy
from airlock import State
from airlock_celery import celery_executor
from celery_abilities import PIPELINES
from celery_messages import sent

language: ContextVar[str] = ContextVar("language", default="en")


def test_a_task_goes_to_celery_without_configuration(app, broker, add):
    """A Celery task that is enqueued is sent at the scope's end, and not before."""
    with airlock.scope():
        intent = airlock.enqueue(add, 1, right=2)
        assert sent(broker) == []

    (message,) = sent(broker)
    assert (message.task, message.args, message.kwargs) == ("shop.add", [1], {"right": 2})
    assert message.id == intent.id == intent.receipt.id


def test_nothing_is_sent_from_a_discarded_scope(broker, add):
    """A block that raises sends nothing, and does not even connect."""
    with pytest.raises(ZeroDivisionError), airlock.scope():
        airlock.enqueue(add, 1 / 0)

    assert sent(broker) == []


def test_options_are_those_of_apply_async(broker, add):
    """What `_dispatch_options` hold is in the message exactly as `apply_async` puts it there."""
    options = {
        "queue": "emails",
        "priority": 6,
        "expires": datetime.now(UTC) + timedelta(hours=1),
        "eta": datetime.now(UTC) + timedelta(minutes=5),
        "headers": {"tenant": "north"},
        "shadow": "renamed",
        "time_limit": 30,
        "ignore_result": True,
        "link": signature("shop.audit"),
    }
    add.apply_async((1,), {"right": 2}, **options)
    with airlock.scope():
        airlock.enqueue(add, 1, right=2, _dispatch_options=options)

    # Priorities have queues of their own on Redis.
    direct, ours = sent(broker, "emails\x06\x166")
    for own in ("id", "root_id"):
        assert ours.headers.pop(own) != direct.headers.pop(own)
    for own in ("correlation_id", "delivery_tag", "expiration"):  # milliseconds from now
        assert ours.properties.pop(own) != direct.properties.pop(own)
    assert ours.embed == direct.embed
    assert (ours.args, ours.kwargs) == (direct.args, direct.kwargs)
    assert ours.headers == direct.headers
    assert ours.properties == direct.properties


def test_a_countdown_begins_when_the_task_is_sent(broker, add):
    """`countdown` counts from the flush, as it counts from `apply_async`."""
    with airlock.scope():
        airlock.enqueue(add, 1, _dispatch_options={"countdown": 60})
        left = datetime.now(UTC)

    eta = datetime.fromisoformat(sent(broker)[0].headers["eta"])
    assert timedelta(seconds=60) <= eta - left < timedelta(seconds=90)


def test_a_task_id_in_the_options_is_the_intents_id(broker, add):
    """Where the caller chose the id, `intent.id` is that one, from the beginning."""
    with airlock.scope():
        intent = airlock.enqueue(add, 1, _dispatch_options={"task_id": "order-7"})
        assert intent.id == "order-7"

    assert sent(broker)[0].id == "order-7"


def test_meta_travels_as_headers(broker, add):
    """What plugins put into `intent.meta` is in the headers; the caller's own headers win."""
    with airlock.scope():
        options = {"headers": {"tenant": "north"}}
        intent = airlock.enqueue(add, 1, _dispatch_options=options)
        intent.meta.update(traceparent="00-1-2-01", tenant="south")

    headers = sent(broker)[0].headers
    assert (headers["traceparent"], headers["tenant"]) == ("00-1-2-01", "north")
    assert options == {"headers": {"tenant": "north"}}


def test_meta_cannot_break_the_message(broker, add):
    """A key that would overwrite a header of Celery's own fails the intent, and says which."""
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        airlock.enqueue(add, 1).meta["id"] = "another"
        airlock.enqueue(add, 2)

    assert "intent.meta['id']" in str(caught.value.exceptions[0])
    assert [message.args for message in sent(broker)] == [[2]]


def test_signal_receivers_see_the_context_of_the_enqueue(app, broker, add):
    """Context variables during the publish are those of the `enqueue` line."""

    def stamp(headers, **_):
        headers["language"] = language.get()

    signals.before_task_publish.connect(stamp, sender="shop.add")
    try:
        with airlock.scope():
            for spoken in ("de", "fr"):
                language.set(spoken)
                airlock.enqueue(add, 1)
            language.set("en")
    finally:
        signals.before_task_publish.disconnect(stamp, sender="shop.add")

    assert [message.headers["language"] for message in sent(broker)] == ["de", "fr"]


def test_a_thousand_intents_leave_in_one_pipeline(make_app, redis_server, broker):
    """A thousand tasks, of two queues, cost a knock and a pipeline; without pipelines, one each."""
    several = 1000 if PIPELINES else 100  # the proxy waits at each round trip
    with tcp_proxy.Proxy(redis_server.port) as proxy:
        app = make_app(broker.replace(str(redis_server.port), str(proxy.port)))

        @app.task(shared=False, name="shop.add")
        def add(number): ...

        with airlock.scope():
            airlock.enqueue(add, 0)  # connects, and declares the queues
            airlock.enqueue(add, 0, _dispatch_options={"queue": "other"})
        with proxy.counting() as counted, airlock.scope():
            for number in range(several):
                options = {"queue": "other"} if number % 2 else None
                airlock.enqueue(add, number, _dispatch_options=options)

    assert counted == [1 + (1 if PIPELINES else several)]
    assert [message.args[0] for message in sent(broker)][1:] == list(range(0, several, 2))
    assert [message.args[0] for message in sent(broker, "other")][1:] == list(range(1, several, 2))


def test_more_than_a_pipeline_holds_leaves_in_order(broker, add, redis_server):
    """Two and a half thousand intents need three pipelines, and keep their order."""
    with airlock.scope():
        for number in range(2500):
            airlock.enqueue(add, number)

    assert [message.args[0] for message in sent(broker)] == list(range(2500))


def test_what_cannot_be_encoded_fails_alone(broker, add):
    """Of three intents one holds what no serializer takes: it fails, and the others leave."""
    airlock.configure(strict=False)
    try:
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, argument) for argument in (1, object(), 3)]
    finally:
        airlock.reset_configuration()

    states = [intent.state for intent in intents]
    assert states == [State.DISPATCHED, State.FAILED, State.DISPATCHED]
    assert isinstance(intents[1].outcome.error, EncodeError)
    assert caught.value.failed == (intents[1],)
    assert [message.args for message in sent(broker)] == [[1], [3]]


def test_wrong_arguments_fail_alone(broker, add):
    """So does one whose arguments the task does not take, where they were not checked before."""
    airlock.configure(strict=False)
    try:
        with pytest.raises(airlock.DispatchError), airlock.scope():
            wrong = airlock.enqueue(add, 1, 2, 3)
            airlock.enqueue(add, 4)
    finally:
        airlock.reset_configuration()

    assert isinstance(wrong.outcome.error, TypeError)
    assert [message.args for message in sent(broker)] == [[4]]


def test_a_transport_without_pipelines(make_app, tmp_path):
    """On a transport that has none, each message is sent by itself, and in order."""
    names = ("data_folder_in", "data_folder_out")
    folder = {**dict.fromkeys(names, str(tmp_path)), "control_folder": str(tmp_path / "control")}
    app = make_app("filesystem://", broker_transport_options=folder)
    received = []

    @app.task(shared=False, name="shop.add")
    def add(number): ...

    airlock.configure(strict=False)
    try:
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            for argument in (1, object(), 3):
                airlock.enqueue(add, argument)
    finally:
        airlock.reset_configuration()
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        for _ in range(2):
            message = queue.get(timeout=5)
            received.append(message.payload[0])
            message.ack()

    assert sorted(received) == [[1], [3]]
    assert len(caught.value.failed) == 1


def test_the_memory_transport(make_app):
    """The transport that needs no server carries intents, too."""
    app = make_app("memory://")

    @app.task(shared=False, name="shop.add")
    def add(number): ...

    with airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(3)]
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        messages = [queue.get(timeout=5) for _ in range(3)]

    assert [message.headers["id"] for message in messages] == [intent.id for intent in intents]


def test_eager_tasks_run_in_the_flush(make_app):
    """With `task_always_eager` the task runs at the scope's end; what it enqueues leaves, too."""
    app = make_app("memory://", task_always_eager=True)
    ran = []

    @app.task(shared=False, name="shop.outer", bind=True)
    def outer(self, number):
        ran.append((self.request.id, number))
        airlock.enqueue(inner, number + 1)

    @app.task(shared=False, name="shop.inner")
    def inner(number):
        ran.append(number)

    with airlock.scope():
        intent = airlock.enqueue(outer, 1)
        assert ran == []

    assert ran == [(intent.id, 1), 2]
    assert intent.receipt.successful()


def test_an_eager_task_that_raises_fails_alone(make_app):
    """With `task_eager_propagates` its error is that intent's own."""
    app = make_app("memory://", task_always_eager=True, task_eager_propagates=True)
    ran = []

    @app.task(shared=False, name="shop.divide")
    def divide(by):
        ran.append(1 / by)

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        for by in (1, 0, 2):
            airlock.enqueue(divide, by)

    assert ran == [1, 0.5]
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)


def test_two_apps_in_one_scope(make_app, new_database):
    """Each task goes to the broker of its own app, and the order of each is kept."""
    urls = [new_database(), new_database()]
    tasks = []
    for url in urls:
        app = make_app(url)

        @app.task(shared=False, name="shop.add")
        def add(number): ...

        tasks.append(add)

    with airlock.scope():
        for number in range(6):
            airlock.enqueue(tasks[number % 2], number)

    assert [[message.args[0] for message in sent(url)] for url in urls] == [[0, 2, 4], [1, 3, 5]]


def test_a_shared_task_belongs_to_the_app_of_the_flush(make_app, broker):
    """A `@shared_task` that is enqueued before any app is made goes to the app that is current."""

    @shared_task(name="shop.shared_before_any_app")
    def shared(number): ...

    app = Celery("later", broker=broker, set_as_current=False)
    with airlock.scope():
        airlock.enqueue(shared, 1)
        app.set_current()
        app.set_default()
    app.pool.force_close_all()

    assert [message.task for message in sent(broker)] == ["shop.shared_before_any_app"]


def test_an_own_apply_async_is_used(app, broker):
    """A task class's own `apply_async` runs once for each intent, when it is sent."""
    calls = []

    class Base(app.Task):
        def apply_async(self, args=None, kwargs=None, **options):
            calls.append(args)
            return super().apply_async(args, {**(kwargs or {}), "tenant": "north"}, **options)

    @app.task(shared=False, name="shop.tenanted", base=Base)
    def tenanted(number, tenant=None): ...

    with airlock.scope():
        airlock.enqueue(tenanted, 1)
        assert calls == []

    assert len(calls) == 1
    assert sent(broker)[0].kwargs == {"tenant": "north"}


def test_the_named_executor(broker, add):
    """`executor="celery"` is the executor that the plugin is."""
    with airlock.scope(executor="celery") as scope:
        airlock.enqueue(add, 1)
        assert [planned.executor for planned in scope.plan()] == [celery_executor]

    assert len(sent(broker)) == 1


def test_only_what_celery_carries_is_claimed(add):
    """A plain function in the same scope runs here; the Celery task goes to Celery."""
    ran = []
    with airlock.scope() as scope:
        airlock.enqueue(ran.append, 1)
        airlock.enqueue(add, 1)
        plain, task = scope.plan()
        assert plain.executor is not celery_executor
        assert task.executor is celery_executor

    assert ran == [1]


def test_the_broker_is_left_clean(broker, add):
    """Nothing but the message and Celery's own binding is left in Redis."""
    with airlock.scope():
        airlock.enqueue(add, 1)

    with redis.Redis.from_url(broker) as client:
        keys = {key.decode().partition(".")[0] for key in client.scan_iter()}
    assert keys <= {"celery", "_kombu"}


def test_threads_share_an_app(broker, add):
    """Eight threads whose scopes flush at the same time: each intent leaves once, each in order."""

    def work(worker: int) -> None:
        for number in range(20):
            with airlock.scope():
                for part in range(10):
                    airlock.enqueue(add, worker, 10 * number + part)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    arrived: dict[int, list[int]] = {worker: [] for worker in range(8)}
    for message in sent(broker):
        worker, number = message.args
        arrived[worker].append(number)
    assert arrived == {worker: list(range(200)) for worker in range(8)}


@pytest.mark.asyncio
async def test_async_scopes_do_not_block_the_event_loop(broker, add):
    """In `async with`, Celery publishes off the event loop."""
    threads = []

    def note(**_):
        threads.append(threading.current_thread())

    signals.before_task_publish.connect(note, sender="shop.add")
    try:
        async with airlock.scope():
            airlock.enqueue(add, 1)
    finally:
        signals.before_task_publish.disconnect(note, sender="shop.add")

    assert len(sent(broker)) == 1
    assert threads[0] is not threading.current_thread()
