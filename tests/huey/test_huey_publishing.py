"""What is sent, and how: options, ids, signals, one pipeline, and messages that cannot be sent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

import pytest
import redis
from huey import FileHuey, PriorityRedisHuey, RedisHuey, SqliteHuey
from huey.signals import SIGNAL_ENQUEUED

import airlock
from airlock import State
from airlock_huey import huey_executor

language: ContextVar[str] = ContextVar("language", default="en")

# A knock and a pipeline are two. On a busy machine the sender may pause in the middle of a long
# message, and the proxy takes that for a round trip.
A_FEW = 5


def test_a_task_goes_to_huey_without_configuration(huey, add):
    """A Huey task that is enqueued is sent at the scope's end, once, and not before."""
    with airlock.scope():
        intent = airlock.enqueue(add, 1, right=2)
        assert huey.pending() == []

    (task,) = huey.pending()
    assert (type(task), task.args, task.kwargs) == (add.task_class, (1,), {"right": 2})
    assert task.id == intent.id == intent.receipt.id


def test_nothing_is_sent_from_a_discarded_scope(huey, add):
    """A block that raises sends nothing."""
    with pytest.raises(ZeroDivisionError), airlock.scope():
        airlock.enqueue(add, 1)
        raise ZeroDivisionError

    assert huey.pending() == []


def test_a_tasks_own_arguments_are_no_options(huey):
    """Arguments that are named as Huey's options are reach the function."""

    @huey.task()
    def report(number, retries, priority, id, eta, delay, expires): ...

    own = {
        "retries": 5,
        "priority": "high",
        "id": 7,
        "eta": "noon",
        "delay": "none",
        "expires": "never",
    }
    with airlock.scope():
        intent = airlock.enqueue(report, 1, **own)

    (task,) = huey.pending()
    assert task.kwargs == own
    assert (task.id, task.retries, task.eta, task.expires) == (intent.id, 0, None, None)


def test_options_are_those_of_schedule(make_huey, make_task, broker):
    """What `_dispatch_options` hold is in the message exactly as `schedule()` puts it there."""
    huey = make_huey(broker, PriorityRedisHuey)
    add = make_task(huey)
    options = {
        "eta": datetime.now(UTC) + timedelta(minutes=5),
        "priority": 6,
        "retries": 3,
        "retry_delay": 10,
        "expires": datetime.now(UTC) + timedelta(hours=1),
        "id": "order-7",
    }
    add.schedule((1,), {"right": 2}, **options)
    with airlock.scope():
        intent = airlock.enqueue(add, 1, right=2, _dispatch_options=options)
        assert intent.id == "order-7"

    direct, ours = huey.pending()
    assert vars(ours) == vars(direct)
    assert ours.expires_resolved is not None


@pytest.mark.parametrize("utc", [True, False])
@pytest.mark.parametrize("delay", [60, 60.0, timedelta(minutes=1)])
def test_a_delay_begins_when_the_task_is_sent(make_huey, make_task, broker, utc, delay):
    """`delay` counts from the flush, as it counts from `schedule()`, in the time that Huey keeps."""
    huey = make_huey(broker, utc=utc)
    add = make_task(huey)
    with airlock.scope():
        airlock.enqueue(add, 1, _dispatch_options={"delay": delay})
        left = huey._get_timestamp()

    (task,) = huey.pending()
    assert timedelta(seconds=60) <= task.eta - left < timedelta(seconds=90)


def test_the_options_of_the_decorator_hold(huey):
    """What `@huey.task()` says is in the message where the options say nothing."""

    @huey.task(retries=3, retry_delay=7, expires=60)
    def report(number): ...

    with airlock.scope():
        airlock.enqueue(report, 1)
        airlock.enqueue(report, 2, _dispatch_options={"retries": 1})

    first, second = huey.pending()
    assert (first.retries, first.retry_delay, first.expires) == (3, 7, 60)
    assert (second.retries, second.retry_delay, second.expires) == (1, 7, 60)


def test_signals_fire_for_each_in_the_context_of_the_enqueue(huey, add):
    """Receivers of `SIGNAL_ENQUEUED` see each task, and the context variables of its line."""
    seen = []

    @huey.signal(SIGNAL_ENQUEUED)
    def note(signal, task):
        seen.append((task.args, language.get()))

    with airlock.scope():
        for number, spoken in enumerate(("de", "fr")):
            language.set(spoken)
            airlock.enqueue(add, number)
        language.set("en")

    assert seen == [((0,), "de"), ((1,), "fr")]


def test_a_huey_of_the_applications_own_class_is_asked(broker, make_huey, make_task):
    """Whatever a subclass does in `enqueue()` happens to what airlock sends."""

    class Stamping(RedisHuey):
        def enqueue(self, task):
            self.put(f"seen:{task.args[0]}", "yes")  # goes to Redis, past the pipeline
            task.kwargs["right"] = 5
            return super().enqueue(task)

    huey = make_huey(broker, Stamping)
    with airlock.scope():
        airlock.enqueue(make_task(huey), 1)

    assert huey.pending()[0].kwargs == {"right": 5}
    assert huey.get("seen:1") == "yes"


def test_a_storage_of_the_applications_own_class_is_asked(broker, make_huey, make_task):
    """So it is with a storage: its `enqueue()` is called for each message."""

    class Second(RedisHuey.storage_class):
        def enqueue(self, data, priority=None):
            super().enqueue(data, priority)
            self.conn.incr("messages")

    huey = make_huey(broker, storage_class=Second)
    add = make_task(huey)
    with airlock.scope():
        for number in range(3):
            airlock.enqueue(add, number)

    assert [task.args for task in huey.pending()] == [(0,), (1,), (2,)]
    assert huey.storage.conn.get("messages") == b"3"


def test_a_thousand_intents_leave_in_one_pipeline(far_huey, far_add, huey, proxy):
    """A thousand tasks cost a knock and a pipeline."""
    with airlock.scope():
        airlock.enqueue(far_add, 0)  # connects
    with proxy.counting() as counted, airlock.scope():
        for number in range(1000):
            airlock.enqueue(far_add, number)

    assert 2 <= counted[0] <= A_FEW
    assert [task.args[0] for task in far_huey.pending()][1:] == list(range(1000))


def test_hueys_on_one_redis_share_a_pipeline(make_huey, make_task, broker, redis_server, proxy):
    """A Huey is a queue: tasks of several, in turns, cost no more than those of one."""
    far = broker.replace(str(redis_server.port), str(proxy.port))
    hueys = [make_huey(far), make_huey(far, PriorityRedisHuey), make_huey(far)]
    tasks = [make_task(huey) for huey in hueys]
    with airlock.scope():
        airlock.enqueue(tasks[0], -1)
    with proxy.counting() as counted, airlock.scope():
        for number in range(999):
            airlock.enqueue(tasks[number % 3], number)

    assert 2 <= counted[0] <= A_FEW
    for first, huey in enumerate(hueys):
        arrived = [task.args[0] for task in huey.pending() if task.args != (-1,)]
        assert arrived == list(range(first, 999, 3))


def test_more_than_a_pipeline_holds_leaves_in_order(huey, add):
    """Two and a half thousand intents need three pipelines, and keep their order."""
    with airlock.scope():
        for number in range(2500):
            airlock.enqueue(add, number)

    assert [task.args[0] for task in huey.pending()] == list(range(2500))


def test_the_higher_priority_is_first_in_the_queue(make_huey, make_task, broker):
    """On a priority queue, the order is that of the priorities, and then of the enqueues."""
    huey = make_huey(broker, PriorityRedisHuey)
    add = make_task(huey)
    with airlock.scope():
        for number in range(6):
            airlock.enqueue(add, number, _dispatch_options={"priority": number % 2})

    assert [task.args[0] for task in huey.pending()] == [1, 3, 5, 0, 2, 4]


def test_what_cannot_be_encoded_fails_alone(huey, add):
    """Of three intents one holds what no serializer takes: it fails, and the others leave."""
    airlock.configure(strict=False)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
        for value in (1, lambda: None, 3):
            airlock.enqueue(add, value)

    assert [task.args for task in huey.pending()] == [(1,), (3,)]
    assert caught.value.failed == (scope.intents[1],)
    assert len(caught.value.dispatched) == 2


def test_a_priority_that_the_queue_has_not_fails_alone(huey, add):
    """A plain `RedisHuey` takes no priorities: the intent that has one fails."""
    airlock.configure(strict=False)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
        airlock.enqueue(add, 1)
        airlock.enqueue(add, 2, _dispatch_options={"priority": 2})
        airlock.enqueue(add, 3)

    assert "PriorityRedisHuey" in str(caught.value.exceptions[0])
    assert caught.value.failed == (scope.intents[1],)
    assert [task.args for task in huey.pending()] == [(1,), (3,)]


def test_a_receipt_is_hueys_own_and_belongs_to_the_huey(huey, add):
    """The receipt can do whatever a `Result` can: it reads, revokes and sends the task again."""
    with airlock.scope():
        intent = airlock.enqueue(add, 1, right=2)
    result = intent.receipt

    assert result.huey is huey
    result.reschedule(delay=60)
    assert [task.eta is None for task in huey.pending()] == [True, False]
    huey.execute(huey.dequeue())  # it was revoked when it was sent again
    huey.put_result(intent.id, 3)
    assert result.get() == 3


def test_without_results_the_receipt_is_a_handle(make_huey, make_task, broker):
    """Where Huey keeps no results, its call returns None; the intent has its `Result` all the same."""
    huey = make_huey(broker, results=False)
    with airlock.scope():
        intent = airlock.enqueue(make_task(huey), 1)

    assert intent.receipt.id == intent.id == huey.pending()[0].id


def test_hueys_of_every_kind_share_a_scope(make_task, huey, add, tmp_path):
    """Each task goes home, and each Huey gets its own in order."""
    sqlite = SqliteHuey("shop", filename=str(tmp_path / "huey.db"))
    hueys = [huey, sqlite, FileHuey("shop", path=str(tmp_path / "files"))]
    tasks = [add, make_task(sqlite), make_task(hueys[2])]
    with airlock.scope():
        for number in range(9):
            airlock.enqueue(tasks[number % 3], number)

    for first, each in enumerate(hueys):
        assert [task.args[0] for task in each.pending()] == list(range(first, 9, 3))
    sqlite.storage.close()


def test_a_run_is_one_transaction_of_sqlite(make_task, tmp_path):
    """A thousand tasks are committed once."""
    huey = SqliteHuey("shop", filename=str(tmp_path / "huey.db"))
    add = make_task(huey)
    statements = []
    huey.storage.conn.set_trace_callback(statements.append)
    with airlock.scope():
        for number in range(1000):
            airlock.enqueue(add, number)

    assert [statement for statement in statements if "insert" not in statement.lower()] == [
        "begin exclusive",
        "COMMIT",
    ]
    assert len(huey.pending()) == 1000
    huey.storage.close()


def test_it_can_be_named(huey, add):
    """`executor="huey"` is the executor that the plugin is."""
    with airlock.scope(executor="huey") as scope:
        airlock.enqueue(add, 1)
        assert [planned.executor for planned in scope.plan()] == [huey_executor]

    assert len(huey.pending()) == 1


def test_only_what_huey_carries_is_claimed(huey, add):
    """A plain function in the same scope runs here; the Huey task goes to Huey."""
    ran = []
    with airlock.scope() as scope:
        airlock.enqueue(ran.append, 1)
        airlock.enqueue(add, 1)
        plain, task = scope.plan()
        assert plain.executor is not huey_executor
        assert task.executor is huey_executor

    assert ran == [1]
    assert len(huey.pending()) == 1


def test_the_applications_connections_are_left_as_they_are(huey, add):
    """airlock has a connection of its own: the pool of the Huey has its settings, and no more in use."""
    pool, client = huey.storage.pool, huey.storage.conn
    before = dict(pool.connection_kwargs)
    with airlock.scope():
        airlock.enqueue(add, 1)

    assert huey.storage.pool is pool
    assert huey.storage.conn is client
    assert pool.connection_kwargs == before


def test_the_broker_is_left_clean(huey, add, broker):
    """Nothing but Huey's queue is left in Redis."""
    with airlock.scope():
        airlock.enqueue(add, 1)

    with redis.Redis.from_url(broker) as client:
        assert client.keys() == [huey.storage.queue_key.encode()]


def test_threads_share_a_huey(huey, add):
    """Eight threads whose scopes flush at the same time: each intent leaves once, each in order."""

    def work(worker: int) -> None:
        for number in range(20):
            with airlock.scope():
                for part in range(10):
                    airlock.enqueue(add, worker, 10 * number + part)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    arrived: dict[int, list[int]] = {worker: [] for worker in range(8)}
    for task in huey.pending():
        worker, number = task.args
        arrived[worker].append(number)
    assert arrived == {worker: list(range(200)) for worker in range(8)}


@pytest.mark.asyncio
async def test_async_scopes_do_not_block_the_event_loop(huey, add):
    """In `async with`, Huey sends off the event loop."""
    threads = []
    huey.signal(SIGNAL_ENQUEUED)(lambda *_: threads.append(threading.current_thread()))
    async with airlock.scope():
        intent = airlock.enqueue(add, 1)

    assert intent.state is State.DISPATCHED
    assert threads[0] is not threading.current_thread()
