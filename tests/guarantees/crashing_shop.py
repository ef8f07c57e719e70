"""A shop with Django, Celery and airlock, to be killed: it stops at points, and says where it is.

It reads commands from its standard input, and answers on its standard output, a line of JSON each:

    {"order": {"number": "7", "size": 3}, "stop_at": ["committed"]}
    {"at": "committed"}                                 any line lets it go on
    {"states": ["dispatched", ...], "raised": null, ...}

An order writes rows, and enqueues `shop.ship` beside each. It stops at `working`, in the transaction;
`committing` and `committed`, before and after the COMMIT; `publishing 2` and `published 2`, before
and after Celery makes the second message; `sending 2` and `sent 2`, before and after it is given to
Kombu, which may collect it for a pipeline.

It is the app of a Celery worker as well, whose task `shop.work_off` takes an order.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
import os
import random
import signal
import sys
import time
from typing import Any
from wsgiref.util import setup_testing_defaults

import django
import kombu
from celery import Celery, chain, signals
from django.conf import settings

DATABASE = json.loads(os.environ["AIRLOCK_TEST_DATABASE"])
BROKER = os.environ["AIRLOCK_TEST_BROKER"]
CELERY = json.loads(os.environ.get("AIRLOCK_TEST_CELERY", "{}"))

settings.configure(
    SECRET_KEY="for tests alone",
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {**DATABASE, "CONN_MAX_AGE": None}},
    INSTALLED_APPS=["airlock_django", "twinapp"],
    MIDDLEWARE=["airlock_django.AirlockMiddleware"],
    ROOT_URLCONF=__name__,
    LOGGING_CONFIG=None,
    USE_TZ=True,
)
django.setup()

import redis  # noqa: E402  # models need the settings first
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import transaction  # noqa: E402
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

import airlock  # noqa: E402
from airlock_django.signals import dispatch_failed  # noqa: E402
from twinapp.models import Row  # noqa: E402

app = Celery("shop", broker=BROKER)
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
app.conf.task_routes = {"shop.ship": {"queue": "effects"}}  # which no worker works off
app.conf.update({key: value for key, value in CELERY.items() if key != "one_by_one"})
if CELERY.get("one_by_one"):
    # As with RabbitMQ, or a Kombu before 5.7: no pipelines.
    from kombu.transport.redis import Transport

    Transport.implements = Transport.implements.extend(batch_publish=False)


# The work


class Misfortune(Exception):
    """What makes an order fail."""


@app.task(name="shop.ship")
def ship(token): ...


def errand() -> None:
    """An effect that runs in the process."""


def write(token: str) -> None:
    """A row and, beside it, a message."""
    Row.objects.get_or_create(token=token)
    airlock.enqueue(ship, token)


def work(
    number: str, size: int, misfortune: str = "", errand_after: int = -1, chained: bool = False
) -> None:
    for line in range(size):
        write(f"{number}-{line}")
        if line + 1 == errand_after:
            airlock.enqueue(errand)
    if chained:
        token = f"{number}-chain"
        Row.objects.create(token=token)
        airlock.enqueue(chain(ship.si(token), ship.si(f"{number}-later")))
    if misfortune == "in a savepoint":
        with contextlib.suppress(Misfortune), transaction.atomic():
            write(f"{number}-undone")
            raise Misfortune
    stop("working")
    if misfortune == "at the end":
        raise Misfortune


@app.task(name="shop.work_off", acks_late=True, reject_on_worker_lost=True)
@airlock.scoped()
def work_off(number, size):
    """Take an order; the rows are committed when it says, in Redis, that it has come so far."""
    with transaction.atomic():
        work(number, size)
    with redis.Redis.from_url(BROKER) as client:
        client.rpush("runs", os.getpid())
        client.blpop("go on", 60)


class Shop:
    """What the last order has left behind."""

    scope: Any = None
    failure: airlock.DispatchError | None = None
    signals = 0
    log: list[str] = []
    resumed = 0.0
    stop_at: set[str] = set()
    published: Any = itertools.count(1)
    sent: Any = itertools.count(1)


def order(request: HttpRequest) -> HttpResponse:
    Shop.scope = request.airlock_scope
    with transaction.atomic():
        work(**json.loads(request.body))
    return HttpResponse()


urlpatterns = [path("", order)]
answer = get_wsgi_application()


def ask(**given: Any) -> int:
    """A request, as a server makes it: the scope is around the transaction."""
    body = json.dumps(given).encode()
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    setup_testing_defaults(environ)
    response = answer({**environ, "REQUEST_METHOD": "POST"}, lambda status, headers: None)
    response.close()
    return response.status_code


def in_a_block(**given: Any) -> int:
    """The transaction is around the scope, which has ended when it commits."""
    with transaction.atomic(), airlock.scope() as Shop.scope:
        work(**given)
    return 200


# The points


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def hear() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:  # whoever started it is gone
        os._exit(1)
    return json.loads(line)


def stop(point: str) -> None:
    if point in Shop.stop_at:
        Shop.stop_at.discard(point)
        say(at=point)
        hear()
        Shop.resumed = time.monotonic()


def _commit(self: Any, original: Any = BaseDatabaseWrapper._commit) -> None:
    stop("committing")
    original(self)
    stop("committed")


def _before(**_: Any) -> None:
    Shop.count = next(Shop.published)
    stop(f"publishing {Shop.count}")


def _after(**_: Any) -> None:
    stop(f"published {Shop.count}")


def _publish(self: Any, *args: Any, original: Any = kombu.Producer.publish, **options: Any) -> Any:
    number = next(Shop.sent)
    stop(f"sending {number}")
    result = original(self, *args, **options)
    stop(f"sent {number}")
    return result


class Log(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        Shop.log.append(f"{record.name}: {record.getMessage()}")


def failed(error: airlock.DispatchError, **_: Any) -> None:
    Shop.failure = error
    Shop.signals += 1


# The commands


def take(number: str, around: str = "scope", **given: Any) -> None:
    """Take one order, and say how it went."""
    Shop.failure, Shop.signals, Shop.log = None, 0, []
    Shop.published, Shop.sent = itertools.count(1), itertools.count(1)
    raised = status = None
    try:
        status = (ask if around == "scope" else in_a_block)(number=number, **given)
    except BaseException as error:
        raised = type(error).__name__
    Shop.stop_at.clear()
    report(raised=raised, status=status)


def retry() -> None:
    """Send again what had not left, and say how it went."""
    Shop.failure = Shop.failure or Shop.scope.error
    raised = None
    try:
        Shop.failure.retry()
    except airlock.DispatchError as again:
        Shop.failure, raised = again, type(again).__name__
    report(raised=raised)


def report(**more: Any) -> None:
    say(
        states=[intent.state.value for intent in Shop.scope.intents],
        log=Shop.log,
        signals=Shop.signals,
        seconds=time.monotonic() - Shop.resumed,
        **more,
    )


def take_many(run: str, seed: int) -> None:
    """Take orders of all kinds until it is killed, and say when each is done."""
    chance = random.Random(seed)
    for number in itertools.count():
        with contextlib.suppress(Misfortune):
            chance.choice([ask, in_a_block])(
                number=f"{run}.{number}",
                size=chance.randint(1, 6),
                misfortune=chance.choice(["", "", "", "in a savepoint", "at the end"]),
            )
        say(done=number)


def main() -> None:
    BaseDatabaseWrapper._commit = _commit
    kombu.Producer.publish = _publish
    signals.before_task_publish.connect(_before)
    signals.after_task_publish.connect(_after)
    dispatch_failed.connect(failed)
    logging.getLogger("airlock").addHandler(Log())
    # As servers do: work that is under way is told that it has to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    say(at="start")
    while True:
        command = hear()
        Shop.stop_at = set(command.get("stop_at", ()))
        if "order" in command:
            take(**command["order"])
        elif "orders" in command:
            take_many(**command["orders"])
        else:
            retry()


if __name__ == "__main__":
    main()
