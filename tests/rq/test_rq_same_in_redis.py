"""What is in Redis after a flush is what RQ's own calls put there, one after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from rq import Callback, Queue, Repeat, Retry
from rq.job import Job
from rq.serializers import JSONSerializer

import airlock
import rq_shop
from airlock_rq import RQExecutor

NOW = (b"created_at", b"enqueued_at")

seconds = st.integers(1, 9999)
plain = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
callbacks = st.builds(Callback, st.just("rq_shop.ended"), timeout=seconds)
options = st.fixed_dictionaries(
    {},
    optional={
        "queue": st.sampled_from(["default", "emails"]),
        "job_id": st.sampled_from(["one", "two"]),  # the same again overwrites the job
        "timeout": seconds | st.just(-1),
        "ttl": seconds,
        "result_ttl": seconds | st.sampled_from([0, -1]),
        "failure_ttl": seconds,
        "description": st.text(st.characters(codec="utf-8"), max_size=9),
        "at_front": st.booleans(),
        "meta": st.dictionaries(st.text(max_size=3), plain, max_size=2),
        "retry": st.builds(Retry, max=st.integers(1, 3), interval=st.lists(seconds, min_size=1)),
        "repeat": st.builds(Repeat, times=st.integers(1, 3), interval=seconds),
        "on_success": callbacks,
        "on_failure": callbacks,
        "on_stopped": callbacks,
        "datetime": st.datetimes(datetime(2030, 1, 1), timezones=st.just(UTC)),
        "depends_on": st.just("earlier"),
    },
).map(lambda given: {**given, "datetime": None} if given.get("depends_on") else given)
calls = st.lists(st.tuples(st.lists(plain, max_size=2), options), min_size=1, max_size=6)


class Marked(Job):
    """A job class of an application's own."""

    def to_dict(self, *args, **kwargs):
        return {**super().to_dict(*args, **kwargs), "mark": self.serializer.__name__}


class Counting(Queue):
    """A queue whose calls do something more, with what they were given."""

    def enqueue_call(self, func, args=None, kwargs=None, timeout=None, **options):
        job = super().enqueue_call(func, args, kwargs, timeout, **options)
        pipeline = options.get("pipeline")
        connection = self.connection if pipeline is None else pipeline
        connection.incrby("sizes", len(self.serializer.dumps([*(args or ())])))
        connection.rpush(self.key, "a line of its own")
        connection.ltrim(self.key, 0, 3)
        return job


QUEUES = {
    "as RQ makes it": lambda connection: Queue(connection=connection),
    "with settings": lambda connection: Queue(
        connection=connection, default_timeout=77, serializer=JSONSerializer
    ),
    "with a job class": lambda connection: Queue(connection=connection, job_class=Marked),
    "of a class of its own": lambda connection: Counting(connection=connection),
}


@pytest.fixture
def two(new_database, connect) -> tuple[Redis, Redis]:
    """Two empty databases."""
    return connect(new_database()), connect(new_database())


def contents(connection: Redis) -> dict:
    """Everything in a database, but for the clock."""
    found = {}
    for key in connection.scan_iter():
        kind = connection.type(key)
        if kind == b"hash":
            fields = connection.hgetall(key)
            value = {name: b"" if name in NOW else fields[name] for name in fields}
        elif kind == b"list":
            value = connection.lrange(key, 0, -1)
        elif kind == b"set":
            value = connection.smembers(key)
        elif kind == b"zset":
            # Of what is deferred, the score is the second in which that was done.
            scored = key.startswith(b"rq:scheduled")
            value = sorted(connection.zrange(key, 0, -1, withscores=scored))
        else:
            value = connection.get(key)
        found[key] = kind, value, connection.ttl(key)
    return found


def by_rq(queue: Queue, number: int, args: list, options: dict) -> None:
    """Do with RQ's own calls what an enqueue with these options stands for."""
    own = {"job_id": f"job-{number}", "pipeline": None, **options}
    if own.pop("queue", queue.name) == "emails":
        queue = type(queue)(
            "emails",
            connection=queue.connection,
            default_timeout=queue._default_timeout,
            job_class=queue.job_class,
            serializer=queue.serializer,
        )
    when = own.pop("datetime", None)
    if when is None:
        queue.enqueue_call(rq_shop.greedy, tuple(args), {"number": number}, **own)
    else:
        own["job_timeout"] = own.pop("timeout", None)
        queue.enqueue_at(when, rq_shop.greedy, args=tuple(args), kwargs={"number": number}, **own)


@pytest.mark.parametrize("make", QUEUES.values(), ids=QUEUES)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls)
def test_redis_has_what_rqs_own_calls_put_there(two, make, calls):
    """Whatever the options and whoever's queue: every key, every field and every time to live."""
    for connection in two:
        connection.flushdb()
        make(connection).enqueue_call(rq_shop.greedy, job_id="earlier")
    theirs, ours = map(make, two)
    for number, (args, options) in enumerate(calls):
        by_rq(theirs, number, args, options)
    with airlock.scope(executor=RQExecutor(ours)):
        for number, (args, options) in enumerate(calls):
            given = {name: value for name, value in options.items() if value is not None}
            airlock.enqueue(
                rq_shop.greedy,
                *args,
                number=number,
                _dispatch_options={"job_id": f"job-{number}", **given},
            )

    assert_same(*map(contents, two))


def assert_same(theirs: dict, ours: dict) -> None:
    assert theirs.keys() == ours.keys()
    for key, (kind, value, ttl) in theirs.items():
        assert ours[key][:2] == (kind, value), key
        assert abs(ours[key][2] - ttl) <= 2, key  # a second may have begun between the two


def test_a_queue_of_rqs_own_is_left_as_it_was(queue):
    """The application's queue keeps its connection and its serializer, and so does the receipt."""
    before = dict(vars(queue))
    with airlock.scope(executor=RQExecutor(queue)):
        intent = airlock.enqueue(rq_shop.add, 1, _dispatch_options={"timeout": 5})
        later = airlock.enqueue(
            rq_shop.add, 1, _dispatch_options={"time_delta": timedelta(hours=1)}
        )

    assert vars(queue) == before
    for job in (intent.receipt, later.receipt):
        assert (job.connection, job.serializer) == (queue.connection, queue.serializer)
