"""Jobs of RQ whose processes write their spans to a file, and the request that gives it work."""

from __future__ import annotations

import os

import redis
from opentelemetry import baggage, trace
from rq import Callback, Queue, Retry, get_current_job

import airlock
import opentelemetry_lines

opentelemetry_lines.configure()
airlock.configure(executor="rq")


def note(text):
    """Have the body of a job in the trace, and what the request has put into the baggage."""
    with trace.get_tracer("shop").start_as_current_span(text) as span:
        span.set_attribute("tenant", str(baggage.get_baggage("tenant")))


def pay():
    retries = get_current_job().retries_left
    note(f"pay, retries left: {retries}")
    if retries:
        raise LookupError("no such card")
    airlock.enqueue(mail)


def mail():
    note("mail")


def ship():
    note("ship")


def shipped(job, connection, result):
    note("shipped")


def never():
    note("never")


def request():
    """Make the request, and then send something that no request has asked for."""
    import opentelemetry_web

    def order():
        paid = airlock.enqueue(pay, _dispatch_options={"retry": Retry(1)})
        options = {"depends_on": paid.id, "on_success": Callback(shipped)}
        airlock.enqueue(ship, _dispatch_options=options)

    opentelemetry_web.request(order, lambda: airlock.enqueue(never), executor="rq")
    with redis.Redis.from_url(os.environ["RQ_REDIS_URL"]) as connection:
        Queue(connection=connection).enqueue(mail)
