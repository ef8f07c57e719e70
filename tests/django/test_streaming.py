"""A streaming body is a part of its request: effects leave at its end, and not before."""

from __future__ import annotations

import asyncio
import gzip
import io
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler
from django.db import connections, transaction
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path

import airlock
from airlock import State
from twinapp.models import Row

pytestmark = [
    pytest.mark.urls(__name__),
    pytest.mark.django_db(transaction=True),
    # Django itself warns where a body is not made for the stack that reads it.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning"),
]

sent: list[str] = []
scopes: list[airlock.Scope] = []


def effect(token: str) -> None:
    """Note that the effect ran, and that it ran after the commit."""
    assert not connections["default"].in_atomic_block
    sent.append(token)


def pieces(request: HttpRequest) -> Iterator[str]:
    """Enqueue with each of three pieces, and fail where the query says so."""
    try:
        for number in range(int(request.GET.get("pieces", "3"))):
            airlock.enqueue(effect, f"piece {number}")
            yield f"{number},".ljust(int(request.GET.get("size", "0")))
        if "fail" in request.GET:
            raise ZeroDivisionError
        with transaction.atomic():
            Row.objects.create(token="streamed")
            airlock.enqueue(effect, "last")
    finally:
        if "tidy" in request.GET:
            airlock.enqueue(effect, "tidied")
            sent.append("closed")


async def async_pieces(request: HttpRequest) -> AsyncIterator[str]:
    """The same for an event loop."""
    for number in range(int(request.GET.get("pieces", "3"))):
        airlock.enqueue(effect, f"piece {number}")
        await asyncio.sleep(0)
        yield f"{number},"
    if "fail" in request.GET:
        raise ZeroDivisionError
    airlock.enqueue(effect, "last")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with a body that is made later."""
    scopes.append(request.airlock_scope)  # type: ignore[attr-defined]
    airlock.enqueue(effect, "view")
    status = int(request.GET.get("status", "200"))
    body = async_pieces(request) if "async" in request.GET else pieces(request)
    return StreamingHttpResponse(body, status=status)


async def async_stream(request: HttpRequest) -> StreamingHttpResponse:
    """The same, by an async view."""
    return stream(request)


def file(request: HttpRequest) -> FileResponse:
    """Answer with a file, which is none of the application's code."""
    airlock.enqueue(effect, "view")
    return FileResponse(io.BytesIO(b"content"))


def generated_file(request: HttpRequest) -> FileResponse:
    """Answer with a file that is made piece by piece."""
    airlock.enqueue(effect, "view")
    return FileResponse(pieces(request))


urlpatterns = [
    path("stream", stream),
    path("async-stream", async_stream),
    path("file", file),
    path("generated-file", generated_file),
]

EVERYTHING = ["view", "piece 0", "piece 1", "piece 2", "last"]


@pytest.fixture(autouse=True)
def _clear() -> None:
    sent.clear()
    scopes.clear()


def read_wsgi(target: str, query: dict[str, str]) -> bytes:
    """Ask through the WSGI stack, and see that nothing leaves before the last piece."""
    response: Any = Client().get(target, query)
    body = b""
    for piece in response.streaming_content:
        assert sent == []
        assert airlock.get_current_scope() is None
        body += piece
    return body


def read_asgi(target: str, query: dict[str, str]) -> bytes:
    """The same through the ASGI stack."""

    async def read() -> bytes:
        response: Any = await AsyncClient().get(target, query)
        body = b""
        if not response.is_async:
            return b"".join(response.streaming_content)
        async for piece in response.streaming_content:
            assert sent == []
            assert airlock.get_current_scope() is None
            body += piece
        return body

    return async_to_sync(read)()


def test_effects_leave_at_the_end_of_the_body() -> None:
    """What view and body have asked for leaves in order, after the last piece."""
    assert read_wsgi("/stream", {}) == b"0,1,2,"
    assert sent == EVERYTHING
    assert Row.objects.count() == 1


@pytest.mark.parametrize("target", ["/stream", "/async-stream"])
def test_effects_leave_at_the_end_of_an_async_body(target: str) -> None:
    """The same for an async generator, from a sync and from an async view."""
    assert read_asgi(target, {"async": "1"}) == b"0,1,2,"
    assert sent == EVERYTHING


@pytest.mark.parametrize(
    ("stack", "query"), [("wsgi", {"async": "1"}), ("asgi", {})], ids=["async body", "sync body"]
)
def test_a_body_of_the_other_kind(stack: str, query: dict[str, str]) -> None:
    """Django reads such a body at once; its effects leave at its end."""
    target = "/stream?" + "&".join(query)
    if stack == "wsgi":
        response: Any = Client().get(target)
        assert b"".join(response) == b"0,1,2,"
    else:
        assert asgi_body(target) == b"0,1,2,"
    assert sent == EVERYTHING


def asgi_body(target: str) -> bytes:
    """Read a body as a server does, which Django's client for tests does not."""

    async def ask() -> bytes:
        server = communicator(target)
        await server.send_input({"type": "http.request", "body": b""})
        await server.receive_output(10)
        body = b""
        while True:
            message = await server.receive_output(10)
            body += message.get("body", b"")
            if not message.get("more_body"):
                await server.wait(10)
                return body

    return async_to_sync(ask)()


def communicator(target: str) -> Any:
    """Stand for an ASGI server."""
    route, _, query = target.partition("?")
    return ApplicationCommunicator(
        ASGIHandler(),
        {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": route,
            "query_string": query.encode(),
            "headers": [],
        },
    )


@pytest.mark.parametrize("query", [{}, {"async": "1"}], ids=["sync", "async"])
def test_a_body_that_raises_discards(query: dict[str, str]) -> None:
    """Neither what the view nor what the body had asked for leaves."""
    reader: Any = read_asgi if query else read_wsgi
    with pytest.raises(ZeroDivisionError):
        reader("/stream", {**query, "fail": "1"})
    assert sent == []
    assert {intent.state for intent in scopes[0].intents} == {State.DISCARDED}
    assert len(scopes[0]) == 4


@pytest.mark.parametrize("query", [{}, {"async": "1"}], ids=["sync", "async"])
def test_an_error_status_discards_at_the_end(query: dict[str, str]) -> None:
    """A body that belongs to a 400 may enqueue, and nothing of it leaves."""
    reader: Any = read_asgi if query else read_wsgi
    reader("/stream", {**query, "status": "400"})
    assert sent == []
    assert len(scopes[0]) == 5


def test_a_client_that_closes_early_discards() -> None:
    """The body is closed after its first piece; what it does then runs in the scope as well."""
    response: Any = Client().get("/stream?tidy=1")
    assert next(iter(response.streaming_content)) == b"0,"
    response.close()
    assert sent == ["closed"]
    assert [intent.state for intent in scopes[0].intents] == [State.DISCARDED] * 3


def test_an_asgi_client_that_disconnects_discards() -> None:
    """The server reports the disconnect while the body is still being made."""

    async def ask() -> None:
        server = communicator("/stream?async=1&pieces=100000")
        await server.send_input({"type": "http.request", "body": b""})
        await server.receive_output(10)
        await server.receive_output(10)
        await server.send_input({"type": "http.disconnect"})
        await server.wait(10)

    async_to_sync(ask)()
    assert sent == []
    assert {intent.state for intent in scopes[0].intents} == {State.DISCARDED}


def test_a_body_that_nobody_reads_leaves_what_the_view_asked_for() -> None:
    """An answer to HEAD is closed without being read."""
    response: Any = Client().get("/stream")
    assert sent == []
    response.close()
    assert sent == ["view"]


def test_an_async_body_that_nobody_reads() -> None:
    """The same for an async body."""

    async def ask() -> None:
        response: Any = await AsyncClient().get("/stream?async=1")
        assert sent == []
        await asyncio.to_thread(response.close)

    async_to_sync(ask)()
    assert sent == ["view"]


def test_closing_twice_is_harmless() -> None:
    """A body that was read to its end is closed by the server, once or twice."""
    response: Any = Client().get("/stream")
    assert b"".join(response.streaming_content) == b"0,1,2,"
    response.close()
    response.close()
    assert sent == EVERYTHING


def test_a_file_is_no_code_of_the_application() -> None:
    """Effects leave with the answer; nobody waits until the file has been read."""
    response: Any = Client().get("/file")
    assert sent == ["view"]
    assert b"".join(response.streaming_content) == b"content"


def test_a_file_that_is_generated_is_followed() -> None:
    """A `FileResponse` around a generator is a streaming body like any other."""
    assert read_wsgi("/generated-file", {}) == b"0,1,2,"
    assert sent == EVERYTHING


def test_a_middleware_outside_may_change_the_body(settings: Any) -> None:
    """`GZipMiddleware` wraps the body, and the scope still ends with it."""
    settings.MIDDLEWARE = [
        "django.middleware.gzip.GZipMiddleware",
        "airlock_django.AirlockMiddleware",
    ]
    response: Any = Client().get("/stream", headers={"accept-encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
    assert sent == []
    assert gzip.decompress(b"".join(response.streaming_content)) == b"0,1,2,"
    assert sent == EVERYTHING


def test_two_bodies_at_once_keep_apart() -> None:
    """One thread reads two bodies in turn: each has its own scope."""
    good: Any = Client().get("/stream")
    bad: Any = Client().get("/stream", {"fail": "1"})
    with airlock.scope() as around:
        for _ in range(3):
            next(iter(good.streaming_content))
            assert airlock.get_current_scope() is around
            next(iter(bad.streaming_content))
            assert airlock.get_current_scope() is around
    with pytest.raises(ZeroDivisionError):
        next(iter(bad.streaming_content))
    assert sent == []
    with pytest.raises(StopIteration):
        next(iter(good.streaming_content))
    assert sent == EVERYTHING


def test_a_real_client_that_goes_away(live_server: Any) -> None:
    """The socket is closed in the middle of a body that a real server sends."""
    with socket.create_connection((live_server.thread.host, live_server.thread.port)) as client:
        client.sendall(b"GET /stream?pieces=100000&size=65536 HTTP/1.0\r\n\r\n")
        client.recv(1024)
    until = time.monotonic() + 20
    while not scopes[0].closed and time.monotonic() < until:
        time.sleep(0.01)
    assert {intent.state for intent in scopes[0].intents} == {State.DISCARDED}
    assert sent == []


def test_a_real_head_request(live_server: Any) -> None:
    """A server answers HEAD; what the view asked for leaves."""
    with socket.create_connection((live_server.thread.host, live_server.thread.port)) as client:
        client.sendall(b"HEAD /stream HTTP/1.0\r\n\r\n")
        while client.recv(1024):
            pass
    assert sent[0] == "view"
