"""A broker that fails after the commit: who is told, in which words, and how to send again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path

import airlock
from airlock_django.signals import dispatch_failed
from twinapp.models import Row

pytestmark = [
    pytest.mark.urls(__name__),
    pytest.mark.django_db(transaction=True),
]

sent: list[str] = []
scopes: list[airlock.Scope] = []
Ask = Callable[..., Any]


def effect(token: str) -> None:
    """Never called: the broker takes it."""
    raise AssertionError(token)


@pytest.fixture(autouse=True)
def _clear() -> Iterator[None]:
    sent.clear()
    scopes.clear()
    yield
    dispatch_failed.receivers.clear()
    dispatch_failed.sender_receivers_cache.clear()


@pytest.fixture(params=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask once through the WSGI stack of Django, once through its ASGI stack."""
    if request.param == "wsgi":
        return Client(raise_request_exception=False).get
    return async_to_sync(AsyncClient(raise_request_exception=False).get)


class Broker:
    """An executor whose broker is down until it is told otherwise."""

    up = False

    def __call__(self, intent: airlock.Intent) -> str:
        """Send, or fail."""
        if not self.up:
            raise ConnectionError("amqp://user:password@broker refused")
        sent.append(intent.id)
        return intent.id


broker = Broker()


def two(request: HttpRequest) -> HttpResponse:
    """Enqueue two with a secret, one of them inside a transaction."""
    scopes.append(request.airlock_scope)  # type: ignore[attr-defined]
    airlock.enqueue(effect, "secret 1")
    with transaction.atomic():
        airlock.enqueue(effect, token="secret 2")
    return HttpResponse()


urlpatterns = [path("two", two)]


@pytest.fixture
def broken(settings: Any) -> Iterator[Any]:
    """The settings with a broker that is down."""
    settings.AIRLOCK = {"EXECUTOR": f"{__name__}.broker"}
    yield settings
    broker.up = False


def test_a_broker_that_fails_is_logged(
    broken: Any, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer stays a 200, and each intent is logged by name, id and shape, without values."""
    with caplog.at_level(logging.DEBUG):
        assert ask("/two").status_code == 200
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    first, second = scopes[0].intents
    assert len(lines) == 2
    assert f"failed: {first.name} id={first.id} (str)" in lines[0]
    assert f"not tried: {second.name} id={second.id} (token=str)" in lines[1]
    assert "secret" not in caplog.text
    assert "password" not in caplog.text


def test_a_setting_raises_what_could_not_be_sent(broken: Any, ask: Ask) -> None:
    """With `RAISE_DISPATCH_ERRORS` the request fails, though its work is committed."""
    broken.AIRLOCK = {**broken.AIRLOCK, "RAISE_DISPATCH_ERRORS": True}
    assert ask("/two").status_code == 500


@pytest.mark.parametrize("receiver", ["sync", "async"])
def test_a_receiver_may_send_again(broken: Any, ask: Ask, receiver: str) -> None:
    """The signal brings the error, whose `retry()` sends each once; the ORM may be used there."""
    counted: list[int] = []

    def again(error: airlock.DispatchError, **kwargs: Any) -> None:
        counted.append(Row.objects.count())
        broker.up = True
        error.retry()

    async def again_async(error: airlock.DispatchError, **kwargs: Any) -> None:
        counted.append(await Row.objects.acount())
        broker.up = True
        await error.aretry()

    chosen: Any = again if receiver == "sync" else again_async
    dispatch_failed.connect(chosen)
    assert ask("/two").status_code == 200
    assert counted == [0]
    assert sent == [intent.id for intent in scopes[0].intents]


@pytest.mark.parametrize("receiver", ["sync", "async"])
def test_a_receiver_whose_retry_fails_is_not_asked_again(
    broken: Any, ask: Ask, receiver: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the broker is still down, the retry raises in the receiver, and that is the end of it."""
    told: list[airlock.DispatchError] = []
    contexts: list[Context] = []

    def again(error: airlock.DispatchError, **kwargs: Any) -> None:
        told.append(error)
        contexts.append(copy_context())
        error.retry()

    async def again_async(error: airlock.DispatchError, **kwargs: Any) -> None:
        told.append(error)
        contexts.append(copy_context())
        await error.aretry()

    chosen: Any = again if receiver == "sync" else again_async
    dispatch_failed.connect(chosen)
    assert ask("/two").status_code == 200
    assert len(told) == 1
    assert "dispatch_failed raised" in caplog.text
    with pytest.raises(airlock.DispatchError):
        contexts[0].run(told[0].retry)  # later, in what it left behind: that is a new failure
    assert len(told) == 2


def test_a_receiver_that_raises_harms_nobody(
    broken: Any, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the answer stays a 200."""

    def receiver(**kwargs: Any) -> None:
        raise RuntimeError("the receiver is broken")

    dispatch_failed.connect(receiver)
    assert ask("/two").status_code == 200
    assert "dispatch_failed raised" in caplog.text


def test_another_scope_class_is_reported_as_well(
    broken: Any, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """A request's scope that is no `DjangoScope` does not swallow what failed."""
    broken.AIRLOCK = {**broken.AIRLOCK, "SCOPE_CLASS": "airlock.Scope"}
    assert ask("/two").status_code == 200
    assert "not tried" in caplog.text
