"""Measure Django's requests and transactions, with airlock or without, and print JSON.

    measure_web.py airlock|plain DATABASE_URL

Run by `web.py`: airlock follows a connection for good, so that each way has a process of its own.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import timeit
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.db import connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import path

WAY, ADDRESS = sys.argv[1:]
REQUESTS = int(os.environ.get("BENCH_SIZE", "1000")) // 4
MANY = int(os.environ.get("BENCH_SIZE", "1000"))
COUNTS = (0, 1, 10)


def database() -> dict[str, Any]:
    url = urlsplit(ADDRESS)
    if url.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path[1:],
        "HOST": url.hostname,
        "PORT": url.port,
        "USER": url.username,
        "PASSWORD": url.password or "",
    }


settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": database()},
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


if WAY == "airlock":
    import airlock

    airlock.configure(executor=lambda intent: None)

    def ask(number: int) -> None:
        airlock.enqueue(send, number)

else:

    def ask(number: int) -> None:
        transaction.on_commit(lambda: send(number))


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


def in_one_transaction() -> None:
    """Ask for many effects in one transaction, whose scope ends after it."""
    if WAY == "plain":
        with transaction.atomic():
            for number in range(MANY):
                ask(number)
        return
    with airlock.scope(), transaction.atomic():
        for number in range(MANY):
            ask(number)


def registrations() -> int:
    """Count the callbacks that the effects of one transaction leave with Django."""
    with transaction.atomic():
        if WAY == "plain":
            for number in range(MANY):
                ask(number)
            return len(connection.run_on_commit)
        with airlock.scope():
            for number in range(MANY):
                ask(number)
            return len(connection.run_on_commit)


def main() -> None:
    from django.core.handlers.wsgi import WSGIHandler

    with connection.schema_editor() as editor:
        editor.create_model(Order)
    handler = WSGIHandler()
    factory = RequestFactory()

    def per_request(address: str) -> float:
        def ask_for_it() -> None:
            response = handler.get_response(factory.get(address))
            assert response.status_code == 200, response
            response.close()

        ask_for_it()
        gc.collect()
        return timeit.timeit(ask_for_it, number=REQUESTS) / REQUESTS * 1e6

    figures = {"a request without a row": per_request("/bare")}
    for count in COUNTS:
        figures[f"a row and {count} effects"] = per_request(f"/order/{count}")
    in_one_transaction()
    figures[f"{MANY:,} effects in one transaction, each"] = (
        min(timeit.repeat(in_one_transaction, number=1, repeat=3)) / MANY * 1e6
    )
    with connection.schema_editor() as editor:
        editor.delete_model(Order)
    json.dump({"microseconds": figures, "registrations": registrations()}, sys.stdout)


if __name__ == "__main__":
    main()
