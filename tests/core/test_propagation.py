"""What travels with an intent: taken at the `enqueue`, put in place around the job."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar

import pytest

import airlock
from airlock.testing import RecordingExecutor

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def job():
    """Something to enqueue."""


class RequestIds(airlock.Propagator):
    """Carries the id of a request."""

    key = "request_id"

    def capture(self, intent):
        """Take it."""
        return request_id.get()

    @contextmanager
    def restore(self, value):
        """Put it in place."""
        token = request_id.set(value)
        try:
            yield
        finally:
            request_id.reset(token)


class Tenants(RequestIds):
    """Another, which cannot restore."""

    key = "tenant"

    def restore(self, value):
        """Fail."""
        raise LookupError(value)


class Leaving(RequestIds):
    """One that fails when the job is over."""

    key = "leaving"

    @contextmanager
    def restore(self, value):
        """Fail later."""
        yield
        raise LookupError(value)


@pytest.fixture(autouse=True)
def _alone():
    with airlock.testing.plugins():
        yield


def _meta_of(value):
    token = request_id.set(value)
    try:
        with airlock.scope(executor=RecordingExecutor()):
            intent = airlock.enqueue(job)
    finally:
        request_id.reset(token)
    return intent.meta


def test_what_the_caller_has_travels_and_is_there_around_the_job():
    """The worker sees the request's id while the job runs, and its own before and after."""
    airlock.register(RequestIds())
    meta = _meta_of("r1")

    assert meta == {"request_id": "r1"}
    with airlock.received(meta):
        assert request_id.get() == "r1"
    assert request_id.get() is None


def test_it_reaches_the_jobs_that_the_job_enqueues():
    """What is put in place around a job is what its own enqueues take."""
    airlock.register(RequestIds())
    with airlock.received({"request_id": "r1"}), airlock.scope(executor=RecordingExecutor()):
        intent = airlock.enqueue(job)

    assert intent.meta == {"request_id": "r1"}


def test_nothing_travels_where_there_is_nothing():
    """An enqueue outside a request adds no headers, and a message without them changes nothing."""
    airlock.register(RequestIds())
    assert _meta_of(None) == {}

    for meta in ({}, None, {"other": 1}):
        with airlock.received(meta):
            assert request_id.get() is None


@pytest.mark.parametrize("broken", [Tenants, Leaving])
def test_a_propagator_that_fails_does_not_fail_the_job(broken, caplog):
    """It is logged with its traceback; the job runs, and with what the others carry."""
    airlock.register(broken())
    airlock.register(RequestIds())
    ran = []
    with caplog.at_level(logging.ERROR, "airlock"):
        with airlock.received({"tenant": "t", "leaving": "l", "request_id": "r1"}):
            ran.append(request_id.get())

    assert ran == ["r1"]
    (record,) = caplog.records
    assert broken.__qualname__ in record.message
    assert record.exc_info[0] is LookupError


def test_an_error_of_the_job_passes_through():
    """What a propagator does about its end does not swallow it."""
    airlock.register(RequestIds())
    with pytest.raises(ZeroDivisionError), airlock.received({"request_id": "r1"}):
        raise ZeroDivisionError
    assert request_id.get() is None


def test_a_propagator_without_a_key_is_told():
    """It would overwrite nothing and reach nobody."""

    class Nameless(RequestIds):
        key = ""

    airlock.register(Nameless())
    with pytest.raises(airlock.PluginError, match="has no key"), airlock.scope():
        airlock.enqueue(job)
