"""Measure Django's requests and transactions, with airlock or without, and print JSON.

    measure_web.py airlock|plain DATABASE_URL [REDIS_URL]

Run by `web.py`: airlock follows a connection for good, so that each way has a process of its own.
"""

from __future__ import annotations

import gc
import json
import sys
import timeit
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import django
from celery import Celery
from django.conf import settings
from django.db import connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django_project import database
from settings import SIZE

WAY, ADDRESS, *REDIS = sys.argv[1:]
REQUESTS = SIZE // 4
COUNTS = (0, 1, 10)

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": database(ADDRESS)},
    INSTALLED_APPS=["airlock_django"] if WAY == "airlock" else [],
    MIDDLEWARE=["airlock_django.AirlockMiddleware"] if WAY == "airlock" else [],
    ROOT_URLCONF=__name__,
)
django.setup()


class Order(models.Model):
    class Meta:
        app_label = "bench"


def send(number: int) -> None:
    """Do nothing."""


celery = Celery("bench", broker=REDIS[0] if REDIS else "memory://", set_as_current=True)


@celery.task(name="bench.task", ignore_result=True)
def task(number: int) -> None:
    """Do nothing."""


Ask = Callable[[int], object]
scope: Callable[..., Any]

if WAY == "airlock":
    import airlock

    def nowhere(intent: airlock.Intent) -> None:
        """Carry nothing."""

    airlock.configure(executor=nowhere)
    scope = airlock.scope

    def ask(number: int) -> None:
        airlock.enqueue(send, number)

    def ask_celery(number: int) -> None:
        airlock.enqueue(task, number)

else:
    scope = nullcontext

    def ask(number: int) -> None:
        transaction.on_commit(partial(send, number))

    def ask_celery(number: int) -> None:
        transaction.on_commit(partial(task.delay, number))


def order(request: HttpRequest, count: int) -> HttpResponse:
    """Save a row, and ask for so many effects of it."""
    with transaction.atomic():
        Order.objects.create()
        for number in range(count):
            ask(number)
    return HttpResponse()


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("order/<int:count>", order), path("bare", bare)]


def in_one_transaction(ask: Ask = ask, **options: str) -> None:
    """Ask for many effects in one transaction, whose scope ends after it."""
    with scope(**options), transaction.atomic():
        for number in range(SIZE):
            ask(number)


def celery_in_one_transaction() -> None:
    in_one_transaction(ask_celery, **({"executor": "celery"} if WAY == "airlock" else {}))


def registrations() -> int:
    """Count the callbacks that the effects of one transaction leave with Django."""
    with transaction.atomic(), scope():
        for number in range(SIZE):
            ask(number)
        return len(connection.run_on_commit)


def each(function: Callable[[], object]) -> float:
    """Return the microseconds of one of the many effects."""
    function()  # connects, and does whatever is done once
    gc.collect()
    return min(timeit.repeat(function, number=1, repeat=3)) / SIZE * 1e6


def main() -> None:
    from django.core.handlers.wsgi import WSGIHandler

    with connection.schema_editor() as editor:
        editor.create_model(Order)
    handler = WSGIHandler()
    factory = RequestFactory()

    def ask_for(address: str) -> None:
        response = handler.get_response(factory.get(address))
        assert response.status_code == 200, response
        response.close()

    def per_request(address: str) -> float:
        ask_for(address)
        gc.collect()
        return timeit.timeit(lambda: ask_for(address), number=REQUESTS) / REQUESTS * 1e6

    figures = {"a request without a row": per_request("/bare")}
    for count in COUNTS:
        figures[f"a request with a row, effects: {count}"] = per_request(f"/order/{count}")
    figures[f"{SIZE:,} effects in one transaction, each"] = each(in_one_transaction)
    if REDIS:
        name = f"{SIZE:,} Celery tasks in one transaction, each"
        figures[name] = each(celery_in_one_transaction)
        with celery.connection_for_write() as broker:
            broker.default_channel.queue_purge("celery")
    with CaptureQueriesContext(connection) as statements:
        ask_for("/order/10")
    counts = {
        "statements of a request with a row and 10 effects": len(statements),
        f"callbacks that {SIZE:,} effects leave with Django": registrations(),
    }
    with connection.schema_editor() as editor:
        editor.delete_model(Order)
    json.dump({"microseconds": figures, "counts": counts}, sys.stdout)


if __name__ == "__main__":
    main()
