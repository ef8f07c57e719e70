"""A Celery app whose worker logs with structlog, and the request that gives it work."""

from __future__ import annotations

import logging
import os
import warnings

import structlog
from celery import Celery, chain, chord, group
from celery.signals import setup_logging

import airlock
import structlog_lines
from airlock_celery import install_context, install_global_intercept
from structlog_lines import mark

BROKER = os.environ.get("AIRLOCK_TEST_BROKER", "")
BACKEND = os.environ.get("AIRLOCK_TEST_JOURNAL", BROKER)

structlog_lines.configure()
app = Celery("structlog_shop", broker=BROKER, backend=BACKEND)
install_context()
if os.environ.get("AIRLOCK_TEST_INTERCEPT"):
    install_global_intercept(app)
if os.environ.get("AIRLOCK_TEST_DJANGO_STRUCTLOG"):
    from django.conf import settings

    settings.configure()
    from django_structlog.celery.receivers import CeleryReceiver

    receiver = CeleryReceiver()
    receiver.connect_worker_signals()
    receiver.connect_signals()


@setup_logging.connect
def _as_json(**_):
    """Celery's own lines, too."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            structlog.processors.JSONRenderer(),
            foreign_pre_chain=[structlog.contextvars.merge_contextvars],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler])


@app.task(name="shop.seen")
def seen(case, step):
    mark(case, step)
    return step


@app.task(name="shop.failed")
def failed(case, step):
    mark(case, step)
    raise ValueError(step)


@app.task(name="shop.retried", bind=True, max_retries=1)
def retried(self, case, step):
    mark(case, f"{step}, run {self.request.retries}")
    if not self.request.retries:
        raise self.retry(countdown=0)


@app.task(name="shop.replaced", bind=True)
def replaced(self, case, step):
    mark(case, step)
    raise self.replace(seen.si(case, f"{step}, stand-in"))


@app.task(name="shop.parent")
@airlock.scoped()
def parent(case, step):
    mark(case, step)
    airlock.enqueue(seen, case, f"{step}, child")


def send(case: str) -> None:
    """Do what a request does, and then what has no request."""
    structlog_lines.bind(case)
    with airlock.scope():
        airlock.enqueue(seen, case, "plain")
        airlock.enqueue(retried, case, "retried")
        airlock.enqueue(parent, case, "parent")
        airlock.enqueue(replaced, case, "replaced")
        airlock.enqueue(chain(seen.si(case, "chain 1"), seen.si(case, "chain 2")))
        airlock.enqueue(group(seen.si(case, "grouped 1"), seen.si(case, "grouped 2")))
        header = [seen.si(case, "header 1"), seen.si(case, "header 2")]
        airlock.enqueue(chord(header, seen.si(case, "body")))
        nested = group(seen.si(case, "nested 1"), seen.si(case, "nested 2"))
        airlock.enqueue(chain(nested, seen.si(case, "nested 3")))
        link = {"link": seen.si(case, "linked")}
        airlock.enqueue(seen, case, "linking", _dispatch_options=link)
        link_error = {"link_error": [seen.si(case, "errback")]}
        airlock.enqueue(failed, case, "failed", _dispatch_options=link_error)
    structlog_lines.unbind()
    for number in range(6):
        seen.delay(case, f"clean {number}")


def send_intercepted(case: str) -> None:
    """Do it as the code before the migration, and wait for the results of the canvases."""
    warnings.simplefilter("ignore", DeprecationWarning)
    structlog_lines.bind(case)
    with airlock.scope():
        seen.delay(case, "plain")
        steps = chain(seen.si(case, "chain 1"), seen.si(case, "chain 2")).delay()
        header = [seen.si(case, "header 1"), seen.si(case, "header 2")]
        body = chord(header)(seen.si(case, "body"))
        parts = group(seen.si(case, "grouped 1"), seen.si(case, "grouped 2")).delay()
    structlog_lines.unbind()
    for result in (steps, body, parts):
        print(result.get(timeout=20))


def send_few(case: str) -> None:
    """Do a little of it."""
    structlog_lines.bind(case)
    with airlock.scope():
        airlock.enqueue(retried, case, "retried")
        airlock.enqueue(parent, case, "parent")
    structlog_lines.unbind()
    seen.delay(case, "clean")
