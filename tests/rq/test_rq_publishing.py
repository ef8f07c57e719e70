"""What is enqueued, and how: options, ids, meta, one transaction, and jobs that cannot be made."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

import pytest
from rq import Callback, Queue, Repeat, Retry
from rq.job import Job, JobStatus

import airlock
import rq_shop
from airlock import State
from airlock_rq import RQExecutor, rq_executor

language: ContextVar[str] = ContextVar("language", default="en")


@pytest.fixture
def executor(queue):
    return RQExecutor(queue)


def stored(job: Job) -> dict:
    """What is in Redis for a job, without what differs from job to job."""
    fields = job.connection.hgetall(job.key)
    fields[b"ttl of the key"] = job.connection.ttl(job.key)
    return {
        name: value for name, value in fields.items() if name not in (b"created_at", b"enqueued_at")
    }


def test_a_decorated_function_goes_to_its_queue_without_configuration(decorated, queue):
    """A function with `@job` leaves at the scope's end, and not before, with the job's defaults."""
    with airlock.scope() as scope:
        intent = airlock.enqueue(decorated, 1, timeout=2)
        assert [planned.executor for planned in scope.plan()] == [rq_executor]
        assert queue.job_ids == []

    (job,) = queue.jobs
    assert (job.func_name, job.args, job.kwargs) == ("rq_shop.decorated", (1,), {"timeout": 2})
    assert (job.result_ttl, job.meta) == (77, {"from": "decorator"})
    assert job.id == intent.id == intent.receipt.id


def test_a_plain_function_is_not_claimed(queue):
    """A function without `@job` runs here, where RQ is not named."""
    with airlock.scope() as scope:
        airlock.enqueue(rq_shop.add, 1)

    assert scope.intents[0].receipt == 1


def test_it_is_the_same_job_that_rq_makes(queue, executor, decorated):
    """What is in Redis is, field for field, what RQ's own call puts there."""
    ends = Callback(rq_shop.ended, timeout=7)
    options = {
        "job_timeout": 30,
        "result_ttl": 60,
        "ttl": 90,
        "failure_ttl": 120,
        "description": "a description",
        "meta": {"tenant": "north"},
        "retry": Retry(max=3, interval=[10, 20]),
        "repeat": Repeat(times=2, interval=5),
        "on_success": ends,
        "on_failure": ends,
        "on_stopped": ends,
        "at_front": True,
    }
    own = queue.enqueue(rq_shop.add, 1, right=2, **options)
    with airlock.scope(executor=executor):
        ours = airlock.enqueue(rq_shop.add, 1, right=2, _dispatch_options=options)

    assert stored(ours.receipt) == stored(own)
    assert queue.job_ids == [ours.id, own.id]  # at the front
    assert queue.connection.smembers("rq:queues") == {b"rq:queue:default"}


def test_a_decorated_function_is_the_same_job_that_rq_makes(queue, decorated):
    """So it is with the defaults of `@job`."""
    own = decorated.enqueue(1)
    with airlock.scope():
        ours = airlock.enqueue(decorated, 1)

    assert stored(ours.receipt) == stored(own)


def test_options_of_an_enqueue_win_over_the_decorators(queue, decorated):
    """`_dispatch_options` take the place of what `@job` says, by either name of the timeout."""
    options = {"job_timeout": 11, "result_ttl": 5, "meta": {"from": "options"}}
    with airlock.scope():
        airlock.enqueue(decorated, 1, _dispatch_options=options)
        airlock.enqueue(decorated, 2, _dispatch_options={"timeout": 12})

    first, second = queue.jobs
    assert (first.timeout, first.result_ttl, first.meta) == (11, 5, {"from": "options"})
    assert (second.timeout, second.result_ttl) == (12, 77)
    assert options["meta"] == {"from": "options"}


@pytest.mark.parametrize("delay", ["datetime", "time_delta"])
def test_jobs_for_later_are_scheduled(queue, executor, delay):
    """`datetime` and `time_delta` do what `enqueue_at` and `enqueue_in` do; the time counts from the flush."""
    before = datetime.now(UTC)
    hour = timedelta(hours=1)
    when = before + hour if delay == "datetime" else hour
    with airlock.scope(executor=executor):
        intent = airlock.enqueue(
            rq_shop.add, 1, right=2, _dispatch_options={delay: when, "job_timeout": 9}
        )

    registry = queue.scheduled_job_registry
    assert registry.get_job_ids() == [intent.id]
    due = registry.get_scheduled_time(intent.id)
    assert timedelta(seconds=-2) < due - before - hour < timedelta(seconds=30)
    job = queue.fetch_job(intent.id)
    assert (job.args, job.kwargs, job.timeout) == ((1,), {"right": 2}, 9)
    assert job.get_status() == JobStatus.SCHEDULED
    assert queue.job_ids == []


@pytest.mark.parametrize("options", [None, {"time_delta": timedelta(0)}])
def test_arguments_that_are_called_like_options_reach_the_function(queue, executor, options):
    """Whatever a function's own keyword arguments are called, they are its own."""
    names = [
        "timeout", "job_timeout", "description", "meta", "retry", "args", "kwargs", "ttl", "unique",
        "result_ttl", "depends_on", "job_id", "at_front", "pipeline", "queue", "datetime", "func",
    ]  # fmt: skip
    given = dict.fromkeys(names, "its own")
    with airlock.scope(executor=executor):
        intent = airlock.enqueue(rq_shop.greedy, "first", _dispatch_options=options, **given)

    job = queue.fetch_job(intent.id)
    assert (job.args, job.kwargs) == (("first",), given)
    assert job.perform() == [("first",), given]


@pytest.mark.parametrize(
    ("task", "name", "result"),
    [
        ("rq_shop.add", "rq_shop.add", 3),
        (rq_shop.Counter(2).count, "count", 3),
        (rq_shop.Counter.static, "rq_shop.Counter.static", 1),
        (rq_shop.Counter.named, "named", "Counter 1"),
        (abs, "builtins.abs", 1),
    ],
)
def test_whatever_rq_carries_is_carried(queue, executor, task, name, result):
    """Dotted paths, methods and built-in functions are jobs as functions are."""
    with airlock.scope(executor=executor):
        if task == "rq_shop.add":
            airlock.enqueue(task, 1, right=2)
        else:
            airlock.enqueue(task, 1)

    (job,) = queue.jobs
    assert job.func_name == name
    assert job.perform() == result


def test_a_job_id_in_the_options_is_the_intents_id(queue, executor):
    """Where the caller chose the id, `intent.id` is that one, from the beginning."""
    with airlock.scope(executor=executor):
        intent = airlock.enqueue(rq_shop.add, 1, _dispatch_options={"job_id": "order-7"})
        assert intent.id == "order-7"

    assert queue.job_ids == ["order-7"]


def test_meta_travels(queue, decorated):
    """What plugins put into `intent.meta` is in the job's; the caller's own meta wins."""
    with airlock.scope():
        intent = airlock.enqueue(decorated, 1)
        intent.meta.update({"traceparent": "00-1-2-01", "from": "a plugin"})

    assert queue.jobs[0].meta == {"traceparent": "00-1-2-01", "from": "decorator"}
    assert rq_shop.decorator.meta == {"from": "decorator"}


def test_the_job_is_made_in_the_context_of_the_enqueue(queue, connection):
    """Context variables, for a job class that reads them, are those of the `enqueue` line."""

    class Spoken(Job):
        def save(self, *args, **kwargs):
            self.meta["language"] = language.get()
            super().save(*args, **kwargs)

    queue.job_class = Spoken
    with airlock.scope(executor=RQExecutor(queue)):
        for spoken in ("de", "fr"):
            language.set(spoken)
            airlock.enqueue(rq_shop.add, 1)
        language.set("en")

    assert [job.meta["language"] for job in queue.jobs] == ["de", "fr"]


def test_the_receipt_asks_through_the_applications_connection(queue, executor):
    """RQ's own job is the receipt, and it knows the connection of the queue."""
    with airlock.scope(executor=executor):
        intent = airlock.enqueue(rq_shop.add, 1)

    assert type(intent.receipt) is Job
    assert intent.receipt.connection is queue.connection
    assert intent.receipt.is_queued


def test_a_thousand_jobs_leave_in_two_round_trips(far, proxy, url):
    """A thousand jobs, of three queues and the schedule, cost a knock and a transaction."""
    with airlock.scope(executor=RQExecutor(far)):
        airlock.enqueue(rq_shop.add, -1)  # connects, and asks for the version
    with proxy.counting() as counted, airlock.scope(executor=RQExecutor(far)):
        for number in range(1000):
            options = [
                None,
                {"queue": "emails"},
                {"queue": Queue("fresh", connection=far.connection)},
                {"time_delta": timedelta(hours=1)},
            ][number % 4]
            airlock.enqueue(rq_shop.add, number, _dispatch_options=options)

    assert counted == [2]
    queues = [Queue(name, connection=far.connection) for name in ("default", "emails", "fresh")]
    arrived = [[job.args[0] for job in queue.jobs] for queue in queues]
    assert arrived == [
        [-1, *range(0, 1000, 4)],
        list(range(1, 1000, 4)),
        list(range(2, 1000, 4)),
    ]
    assert len(far.scheduled_job_registry) == 250


def test_the_first_flush_of_a_process_costs_what_rq_costs(far, proxy):
    """It connects and asks for the version of Redis, as the first call of RQ's own does."""
    with proxy.counting() as own:
        far.enqueue(rq_shop.add, 1)
    with proxy.counting() as ours, airlock.scope(executor=RQExecutor(far)):
        airlock.enqueue(rq_shop.add, 1)

    assert ours <= own


def test_more_than_a_transaction_holds_leaves_in_order(queue, executor):
    """Two and a half thousand jobs need three transactions, and keep their order."""
    with airlock.scope(executor=executor):
        intents = [airlock.enqueue(rq_shop.add, number) for number in range(2500)]

    assert queue.job_ids == [intent.id for intent in intents]


@pytest.mark.parametrize("broken", [threading.Lock(), object.__reduce_ex__])
def test_what_cannot_be_pickled_fails_alone(queue, executor, broken):
    """Of three jobs one cannot be pickled: it fails, and the others leave."""
    airlock.configure(strict=False)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=executor):
        airlock.enqueue(rq_shop.add, 1)
        bad = airlock.enqueue(rq_shop.add, lambda: broken)
        airlock.enqueue(rq_shop.add, 3)

    assert caught.value.failed == (bad,)
    assert [job.args for job in queue.jobs] == [(1,), (3,)]


@pytest.mark.parametrize(
    "options", [{"description": object()}, {"ttl": -1}, {"timeout": "soon"}, {"retry": 3}]
)
def test_what_rq_or_redis_cannot_take_fails_alone(queue, executor, options):
    """So does one whose options have values that RQ refuses, or that Redis could not be given."""
    airlock.configure(strict=False)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=executor):
        airlock.enqueue(rq_shop.add, 1)
        bad = airlock.enqueue(rq_shop.add, 2, _dispatch_options=options)
        airlock.enqueue(rq_shop.add, 3)

    assert caught.value.failed == (bad,)
    assert [job.args for job in queue.jobs] == [(1,), (3,)]


def test_what_redis_refuses_fails_alone(queue, executor):
    """A queue whose key is something else entirely fails its own jobs, and all of them."""
    queue.connection.set("rq:queue:taken", "a string")
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=executor):
        airlock.enqueue(rq_shop.add, 1)
        bad = airlock.enqueue(rq_shop.add, 2, _dispatch_options={"queue": "taken"})
        airlock.enqueue(rq_shop.add, 3)
        worse = airlock.enqueue(rq_shop.add, 4, _dispatch_options={"queue": "taken"})

    assert caught.value.failed == (bad, worse)
    assert [job.args for job in queue.jobs] == [(1,), (3,)]


def test_what_redis_refuses_before_the_transaction_fails_alone(queue, connection, connect, url):
    """A queue that the user of Redis may not write stops the transaction, and not the other jobs."""
    connection.acl_setuser(
        "clerk", enabled=True, nopass=True, categories=["+@all"],
        keys=["rq:job:*", "rq:queues", "rq:queue:default"],
    )  # fmt: skip
    try:
        clerk = Queue(connection=connect(url, username="clerk", password="any"))
        with (
            pytest.raises(airlock.DispatchError) as caught,
            airlock.scope(executor=RQExecutor(clerk)),
        ):
            airlock.enqueue(rq_shop.add, 1)
            bad = airlock.enqueue(rq_shop.add, 2, _dispatch_options={"queue": "secret"})
            airlock.enqueue(rq_shop.add, 3)
    finally:
        connection.acl_deluser("clerk")

    assert caught.value.failed == (bad,)
    assert [job.args for job in queue.jobs] == [(1,), (3,)]


def test_threads_share_a_queue(queue, executor):
    """Eight threads whose scopes flush at the same time: each job leaves once, each in order."""

    def work(worker: int) -> None:
        for number in range(20):
            with airlock.scope(executor=executor):
                for part in range(10):
                    airlock.enqueue(rq_shop.add, worker, 10 * number + part)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    arrived: dict[int, list[int]] = {worker: [] for worker in range(8)}
    for job in queue.jobs:
        worker, number = job.args
        arrived[worker].append(number)
    assert arrived == {worker: list(range(200)) for worker in range(8)}


@pytest.mark.asyncio
async def test_async_scopes_do_not_block_the_event_loop(queue, monkeypatch):
    """In `async with`, jobs are enqueued off the event loop."""
    threads = []

    class Noting(Job):
        def save(self, *args, **kwargs):
            threads.append(threading.current_thread())
            super().save(*args, **kwargs)

    queue.job_class = Noting
    async with airlock.scope(executor=RQExecutor(queue)):
        airlock.enqueue(rq_shop.add, 1)

    assert len(queue.job_ids) == 1
    assert threads[0] is not threading.current_thread()


def test_the_name_of_the_plugin_is_the_executor(queue):
    """`executor="rq"` is the executor that the plugin is."""
    with airlock.scope(executor="rq") as scope:
        airlock.enqueue(rq_shop.add, 1, _dispatch_options={"queue": queue})
        assert [planned.executor for planned in scope.plan()] == [rq_executor]

    assert scope.intents[0].state is State.DISPATCHED
    assert len(queue.job_ids) == 1


def test_policies_see_callbacks(queue, executor):
    """`BlockTasks` blocks a job that carries a blocked function along as its callback."""
    options = {"on_success": Callback(rq_shop.ended)}
    policy = airlock.BlockTasks({"ended"})
    with airlock.scope(executor=executor, policy=policy) as scope:
        airlock.enqueue(rq_shop.add, 1, _dispatch_options=options)

    assert scope.intents[0].state is State.DENIED
    assert queue.job_ids == []


def test_nothing_is_sent_while_jobs_are_made(queue, executor, monkeypatch):
    """All jobs are made before the first is sent, those for later too."""
    seen = []
    own = Job.to_dict

    def look(job, *args, **kwargs):
        seen.append(queue.connection.keys())
        return own(job, *args, **kwargs)

    airlock.configure(strict=False)
    monkeypatch.setattr(Job, "to_dict", look)
    with airlock.scope(executor=executor):
        for _ in range(2):
            airlock.enqueue(rq_shop.add, 1)
            airlock.enqueue(rq_shop.add, 2, _dispatch_options={"time_delta": timedelta(1)})

    assert seen == [[]] * 4
