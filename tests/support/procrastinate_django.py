"""A shop with Django, airlock and procrastinate's app for Django: `from procrastinate_django import *`."""

from __future__ import annotations

import contextlib
import json
import os

import django
import procrastinate
import psycopg
from django.conf import settings

import airlock
from airlock_procrastinate import ProcrastinateExecutor, procrastinate_executor

DATABASE = json.loads(os.environ["AIRLOCK_TEST_DATABASE"])
DATABASES = {"default": {**DATABASE, "ATOMIC_REQUESTS": "AIRLOCK_TEST_ATOMIC" in os.environ}}
if "AIRLOCK_TEST_OTHER" in os.environ:
    DATABASES["other"] = json.loads(os.environ["AIRLOCK_TEST_OTHER"])
settings.configure(
    SECRET_KEY="for tests alone",
    ALLOWED_HOSTS=["*"],
    DATABASES=DATABASES,
    INSTALLED_APPS=["airlock_django", "procrastinate.contrib.django", "twinapp"],
    MIDDLEWARE=["airlock_django.AirlockMiddleware"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
)
django.setup()

from django.db import connection, connections, transaction  # noqa: E402  # settings come first
from django.http import HttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402
from procrastinate.contrib.django import app  # noqa: E402

from airlock_django.scopes import DjangoScope  # noqa: E402
from twinapp.models import Row  # noqa: E402

__all__ = [
    "ProcrastinateExecutor", "RequestScope", "Row", "add", "airlock", "committed", "connection",
    "connections", "contextlib", "fail_in_sql", "get", "greet", "one_at_a_time", "order",
    "procrastinate", "states", "transaction",
]  # fmt: skip


@app.task(name="add")
def add(number): ...


@app.task(name="greet", queue="greetings")
async def greet(number): ...


@app.task(name="one_at_a_time", queueing_lock="only one")
def one_at_a_time(number): ...


class RequestScope(DjangoScope):
    """Lets jobs through that commit with the transaction that is open where their scope ends."""

    def before_descendant_flushes(self, exiting_scope, intents):
        return [i for i in intents if i.held and procrastinate_executor.joins(i)]


def order(token):
    """A row and, beside it, a job."""
    Row.objects.create(token=token)
    airlock.enqueue(add, int(token))


def states(scope):
    return [intent.state.value for intent in scope.intents]


def committed():
    """What another connection sees."""
    with psycopg.connect(
        host=DATABASE["HOST"], port=DATABASE["PORT"], user=DATABASE["USER"], dbname=DATABASE["NAME"]
    ) as other:
        [[rows]] = other.execute("SELECT count(*) FROM twinapp_row")
        jobs = other.execute("SELECT args->'number' FROM procrastinate_jobs ORDER BY id")
        return f"{rows} rows, jobs {[row[0] for row in jobs]}"


def fail_in_sql():
    """A statement that fails, unseen by Django: PostgreSQL will answer COMMIT with a rollback."""
    raw = connection.connection
    with contextlib.suppress(psycopg.Error):
        raw.execute("SELECT 1 / 0")


def take_order(request):
    """A view with a transaction, and a scope in it."""
    with transaction.atomic():
        return plain(request)


def plain(request):
    with airlock.scope() as scope:
        order("1" if "fail" not in request.GET else "2")
    if "fail" in request.GET:
        raise ValueError
    return HttpResponse(" ".join(states(scope)))


urlpatterns = [path("order/", take_order), path("plain/", plain)]


def get(address):
    """What a request brings."""
    response = Client().get(address)
    return f"{response.content.decode()} {response.status_code}"
