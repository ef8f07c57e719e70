"""A Celery app whose processes write their spans to a file, and the request that gives it work."""

from __future__ import annotations

import os

from celery import Celery, chord
from celery.signals import worker_process_init
from opentelemetry import baggage, trace

import airlock
import opentelemetry_lines
from airlock_celery import install_global_intercept

BROKER = os.environ.get("AIRLOCK_TEST_BROKER", "")
BACKEND = os.environ.get("AIRLOCK_TEST_JOURNAL", BROKER)
INSTRUMENTED = os.environ.get("AIRLOCK_TEST_INSTRUMENTED", "")

opentelemetry_lines.configure()
app = Celery("opentelemetry_shop", broker=BROKER, backend=BACKEND)
install_global_intercept(app)


@worker_process_init.connect
def instrument(**_):
    """Do what the documentation of the instrumentation shows."""
    if INSTRUMENTED:
        from opentelemetry.instrumentation.celery import CeleryInstrumentor

        CeleryInstrumentor().instrument()


def note(text):
    """Have the body of a task in the trace, and what the request has put into the baggage."""
    tracer = trace.get_tracer("shop")
    with tracer.start_as_current_span(text) as span:
        span.set_attribute("tenant", str(baggage.get_baggage("tenant")))


@app.task(name="shop.pay", bind=True, max_retries=1)
def pay(self):
    note(f"pay, run {self.request.retries}")
    if not self.request.retries:
        raise self.retry(countdown=0)
    airlock.enqueue(mail)


@app.task(name="shop.mail")
def mail():
    note("mail")


@app.task(name="shop.pack")
def pack(number):
    note(f"pack {number}")


@app.task(name="shop.ship")
def ship():
    note("ship")


@app.task(name="shop.fail")
def fail():
    raise LookupError("no such order")


@app.task(name="shop.never")
def never():
    note("never")


def order():
    """Enqueue what an order needs."""
    airlock.enqueue(pay)
    airlock.enqueue(chord([pack.si(1), pack.si(2)], ship.si()))
    airlock.enqueue(fail)


def request():
    """Make the request, and then send something that no request has asked for."""
    import opentelemetry_web

    if INSTRUMENTED == "both":
        instrument()
    opentelemetry_web.request(order, lambda: airlock.enqueue(never))
    with airlock.scope():
        for _ in range(4):
            airlock.enqueue(mail)
