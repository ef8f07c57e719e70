"""What of structlog's context variables travels with an intent, and what a worker makes of it."""

from __future__ import annotations

import enum
import threading
import uuid

import pytest
from structlog.contextvars import bind_contextvars, get_contextvars

import airlock
import airlock.testing
import airlock_structlog
from airlock.testing import RecordingExecutor


@pytest.fixture(autouse=True)
def _alone():
    with airlock.testing.plugins():
        airlock.register(airlock_structlog.StructlogPlugin())
        yield


class Level(enum.StrEnum):
    """Text, and more than that."""

    HIGH = "high"


def job(): ...


def travels(**bound):
    """What an intent takes along where these are bound."""
    bind_contextvars(**bound)
    with airlock.scope(executor=RecordingExecutor()):
        intent = airlock.enqueue(job)
    return intent.meta.get("airlock_structlog")


def test_the_ids_travel_and_nothing_else():
    """Those that django-structlog binds, and what a setting adds."""
    bound = {"correlation_id": "c", "request_id": "r", "user_id": 7, "tenant": "t", "ip": "::1"}
    assert travels(**bound) == {"correlation_id": "c", "request_id": "r", "user_id": 7}

    airlock_structlog.configure(keys=["tenant"])
    assert travels(**bound)["tenant"] == "t"


def test_what_every_queue_can_carry_travels():
    """An id may be a UUID; an object stays where it is."""
    airlock_structlog.configure(keys=["user"])
    which = uuid.uuid4()
    assert travels(request_id=which, user_id=None, user=object()) == {"request_id": str(which)}


@pytest.mark.parametrize(
    ("bound", "carried"),
    [
        (2**63, str(2**63)),
        (-(2**63) + 1, -(2**63) + 1),
        (float("nan"), "nan"),
        (1.5, 1.5),
        (True, True),
        ("a\0b", "ab"),
        ("\ud800", "?"),
        ("é" * 600, "é" * 512),
        (Level.HIGH, "high"),
    ],
)
def test_an_id_is_no_reason_to_lose_an_effect(bound, carried):
    """What AMQP, PostgreSQL or UTF-8 would refuse travels in a form that all of them take."""
    (found,) = travels(request_id=bound).values()
    assert found == carried
    assert type(found) is type(carried)


def test_nothing_is_sent_where_nothing_is_bound():
    """A message without a request has no header."""
    assert travels() is None
    assert travels(unnamed=1) is None


def test_a_job_finds_them_and_the_worker_has_its_own_back():
    """What was bound under the same names is there again, also after a job that failed."""
    bind_contextvars(request_id="the worker's", worker=1)
    meta = {"airlock_structlog": {"request_id": "r", "user_id": 7}}
    with pytest.raises(ZeroDivisionError), airlock.received(meta):
        assert get_contextvars() == {"request_id": "r", "user_id": 7, "worker": 1}
        raise ZeroDivisionError
    assert get_contextvars() == {"request_id": "the worker's", "worker": 1}


def test_they_reach_what_a_job_enqueues():
    """A chain of jobs has the ids of the request that began it."""
    with airlock.received({"airlock_structlog": {"request_id": "r"}}):
        assert travels() == {"request_id": "r"}


@pytest.mark.parametrize("nonsense", [None, "text", 7, [1], {1: 2}, {"event": 1}])
def test_a_header_that_is_nonsense_fails_no_job(nonsense, caplog):
    """Somebody else may have sent it."""
    ran = []
    with airlock.received({"airlock_structlog": nonsense}):
        ran.append(1)
    assert ran == [1]
    assert get_contextvars() == {}


def test_threads_have_each_their_own():
    """Jobs that run at the same time do not see each other's ids."""
    seen, both = {}, threading.Barrier(2)

    def work(which):
        with airlock.received({"airlock_structlog": {"request_id": which}}):
            both.wait(10)
            seen[which] = get_contextvars()
            both.wait(10)
        seen[which, "after"] = get_contextvars()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {
        "a": {"request_id": "a"},
        "b": {"request_id": "b"},
        ("a", "after"): {},
        ("b", "after"): {},
    }
