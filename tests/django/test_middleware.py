"""A request is a scope: its effects leave with a success, after the commit, and not otherwise."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import connections, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse
from django.test import AsyncClient, Client
from django.urls import path

import airlock
from airlock import Exit, State, hookimpl
from airlock_django import AirlockMiddleware
from twinapp.models import Row

pytestmark = [
    pytest.mark.urls(__name__),
    pytest.mark.django_db(transaction=True, databases=["default", "other"]),
]

sent: list[str] = []
scopes: list[airlock.Scope] = []
Ask = Callable[..., Any]


def effect(token: str) -> None:
    """Note that the effect ran, and that it ran after the commit."""
    assert not any(connection.in_atomic_block for connection in connections.all())
    sent.append(token)


def work(request: HttpRequest) -> HttpResponse:
    """Enqueue, then answer as the query says."""
    scopes.append(request.airlock_scope)  # type: ignore[attr-defined]
    airlock.enqueue(effect, "asked")
    status = request.GET.get("status", "200")
    if status.isdigit():
        return HttpResponse(status=int(status))
    raise {
        "missing": Http404,
        "bad": BadRequest,
        "forbidden": PermissionDenied,
        "broken": ZeroDivisionError,
    }[status]


def write(request: HttpRequest) -> HttpResponse:
    """Write a row, enqueue its twin, and answer or raise after that."""
    Row.objects.create(token="row")
    return work(request)


async def async_work(request: HttpRequest) -> HttpResponse:
    """The same in the event loop."""
    await asyncio.sleep(0)
    return work(request)


def flush(request: HttpRequest) -> HttpResponse:
    """Let everything leave now, whatever the answer will be."""
    airlock.enqueue(effect, "asked")
    request.airlock_scope.flush()  # type: ignore[attr-defined]
    sent.append("answered")
    return HttpResponse(status=int(request.GET.get("status", "200")))


def discard(request: HttpRequest) -> HttpResponse:
    """Let nothing leave, whatever the answer will be."""
    airlock.enqueue(effect, "asked")
    request.airlock_scope.discard()  # type: ignore[attr-defined]
    return HttpResponse()


def flush_and_fail(request: HttpRequest) -> HttpResponse:
    """Let everything leave, then be interrupted."""
    airlock.enqueue(effect, "asked")
    request.airlock_scope.flush()  # type: ignore[attr-defined]
    raise SystemExit


def late(request: HttpRequest) -> SimpleTemplateResponse:
    """Answer with a template that is rendered after the view has returned."""

    class Late(SimpleTemplateResponse):
        @property
        def rendered_content(self) -> str:
            airlock.enqueue(effect, "while rendering")
            return "rendered"

    return Late("unused")


@transaction.non_atomic_requests(using="default")
def non_atomic(request: HttpRequest) -> HttpResponse:
    """Answer outside the transaction that `ATOMIC_REQUESTS` would open."""
    sent.append(f"atomic: {connections['default'].in_atomic_block}")
    return work(request)


urlpatterns = [
    path("sync", work),
    path("async", async_work),
    path("write", write),
    path("flush", flush),
    path("flush-and-fail", flush_and_fail),
    path("discard", discard),
    path("late", late),
    path("non-atomic", non_atomic),
    path("redirect", lambda request: (work(request), HttpResponseRedirect("/"))[1]),
]


@pytest.fixture(autouse=True)
def _clear() -> None:
    sent.clear()
    scopes.clear()


@pytest.fixture(params=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask once through the WSGI stack of Django, once through its ASGI stack."""
    if request.param == "wsgi":
        return Client(raise_request_exception=False).get
    client = AsyncClient(raise_request_exception=False)

    def get(*args: Any, **kwargs: Any) -> Any:
        return async_to_sync(client.get)(*args, **kwargs)

    return get


@pytest.fixture(params=["/sync", "/async"])
def view(request: pytest.FixtureRequest) -> str:
    """A sync and an async view, each in either stack."""
    return str(request.param)


@pytest.fixture
def atomic_requests() -> Iterator[None]:
    """`ATOMIC_REQUESTS` on one of the two databases."""
    connections["default"].settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connections["default"].settings_dict["ATOMIC_REQUESTS"] = False


@pytest.mark.parametrize(
    ("status", "answered", "leaves"),
    [
        ("200", 200, True),
        ("204", 204, True),
        ("302", 302, True),
        ("399", 399, True),
        ("400", 400, False),
        ("422", 422, False),
        ("500", 500, False),
        ("missing", 404, False),
        ("bad", 400, False),
        ("forbidden", 403, False),
        ("broken", 500, False),
    ],
)
def test_the_answer_decides(ask: Ask, view: str, status: str, answered: int, leaves: bool) -> None:
    """Effects leave with an answer below 400, and no other; a view that raises discards."""
    response = ask(view, {"status": status})
    assert response.status_code == answered
    assert sent == (["asked"] if leaves else [])
    state = State.DISPATCHED if leaves else State.DISCARDED
    assert [intent.state for intent in scopes[0].intents] == [state]


@pytest.mark.parametrize(
    ("limit", "leaving"),
    [(500, ["200", "400", "missing"]), (None, ["200", "400", "missing", "500", "broken"])],
)
def test_a_setting_says_which_status_discards(
    settings: Any, ask: Ask, limit: int | None, leaving: list[str]
) -> None:
    """`DISCARD_FROM_STATUS` moves the limit; with None every answer lets the effects leave."""
    settings.AIRLOCK = {"DISCARD_FROM_STATUS": limit}
    for status in ("200", "400", "missing", "500", "broken"):
        sent.clear()
        ask("/sync", {"status": status})
        assert sent == (["asked"] if status in leaving else [])


class Lenient(AirlockMiddleware):
    """Lets the effects of a 402 leave as well."""

    def should_flush(self, request: Any, response: Any) -> bool:
        """Decide by a list."""
        return response.status_code in (200, 402)


def test_a_subclass_decides_otherwise(settings: Any, ask: Ask) -> None:
    """`should_flush(request, response)` of a subclass has the say."""
    settings.MIDDLEWARE = [f"{__name__}.Lenient"]
    for status, leaves in (("200", True), ("402", True), ("302", False)):
        sent.clear()
        ask("/sync", {"status": status})
        assert sent == (["asked"] if leaves else [])


class Strict(airlock.Scope):
    """A scope class that is no `DjangoScope`, and flushes nothing."""

    def should_flush(self, error: BaseException | None) -> bool:
        """Never."""
        return False


def test_the_scope_is_asked_after_the_middleware(settings: Any, ask: Ask) -> None:
    """`SCOPE_CLASS` makes the request's scope, whose own `should_flush` discards a success."""
    settings.AIRLOCK = {"SCOPE_CLASS": f"{__name__}.Strict"}
    assert ask("/sync").status_code == 200
    assert sent == []


def test_a_plugin_may_discard_a_success(ask: Ask) -> None:
    """The hook `scope_exit` sees the request's scope, and its DISCARD wins over a 200."""

    class Veto:
        @hookimpl
        def scope_exit(self, scope: airlock.Scope, error: BaseException | None) -> Exit:
            assert scope.name == "GET /sync"
            return Exit.DISCARD

    plugin = Veto()
    airlock.register(plugin)
    try:
        assert ask("/sync").status_code == 200
    finally:
        airlock.unregister(plugin)
    assert sent == []


def test_atomic_requests_are_waited_for(atomic_requests: None, ask: Ask) -> None:
    """The view's transaction commits before its effects leave."""
    assert ask("/write").status_code == 200
    assert sent == ["asked"]
    assert Row.objects.count() == 1


def test_atomic_requests_that_raise_leave_nothing(
    settings: Any, atomic_requests: None, ask: Ask
) -> None:
    """The row is rolled back, and so is its twin, though every status may flush."""
    settings.AIRLOCK = {"DISCARD_FROM_STATUS": None}
    assert ask("/write", {"status": "broken"}).status_code == 500
    assert sent == []
    assert not Row.objects.exists()
    assert [intent.state for intent in scopes[0].intents] == [State.ROLLED_BACK]


def test_a_400_commits_its_row_and_discards_its_effects(atomic_requests: None, ask: Ask) -> None:
    """Whether rows stay is Django's decision, whether effects leave is the answer's."""
    assert ask("/write", {"status": "400"}).status_code == 400
    assert sent == []
    assert Row.objects.count() == 1


def test_without_atomic_requests_a_row_is_there_at_once(ask: Ask) -> None:
    """In autocommit, the effect waits for the answer alone."""
    assert ask("/write").status_code == 200
    assert sent == ["asked"]


def test_a_view_may_be_left_out_of_atomic_requests(atomic_requests: None, ask: Ask) -> None:
    """`non_atomic_requests` works as ever."""
    assert ask("/non-atomic").status_code == 200
    assert sent == ["atomic: False", "asked"]


def test_a_view_may_flush_itself(ask: Ask) -> None:
    """What it flushed has left before its answer, and a 500 does not call it back."""
    ask("/flush", {"status": "500"})
    assert sent == ["asked", "answered"]


def test_a_view_may_discard_itself(ask: Ask) -> None:
    """A 200 does not bring back what the view has discarded."""
    assert ask("/discard").status_code == 200
    assert sent == []


def test_an_interruption_after_a_flush_stays_an_interruption() -> None:
    """`SystemExit` passes a scope that has ended, and is not replaced by a `ScopeStateError`."""
    with pytest.raises(SystemExit):
        Client().get("/flush-and-fail")
    assert sent == ["asked"]


def test_a_template_may_enqueue(ask: Ask) -> None:
    """A template response is rendered inside the request's scope."""
    assert ask("/late").content == b"rendered"
    assert sent == ["while rendering"]


def test_a_request_leaves_no_scope_behind(ask: Ask, view: str) -> None:
    """After the answer, nothing is current, and the next request has a scope of its own."""
    ask(view)
    assert airlock.get_current_scope() is None
    ask(view, {"status": "broken"})
    assert airlock.get_current_scope() is None
    assert scopes[0] is not scopes[1]


def test_concurrent_requests_do_not_mix() -> None:
    """Two requests in one event loop keep their effects apart."""

    async def both() -> list[Any]:
        client = AsyncClient(raise_request_exception=False)
        return await asyncio.gather(
            client.get("/async", {"status": "200"}), client.get("/async", {"status": "500"})
        )

    async_to_sync(both)()
    assert sent == ["asked"]
    assert sorted(scope.intents[0].state.value for scope in scopes) == ["discarded", "dispatched"]


class Between:
    """A sync middleware, which makes Django change between threads and the event loop."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        """Wrap."""
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Enqueue before and after."""
        if airlock.get_current_scope() is not None:
            airlock.enqueue(effect, "before")
        response = self.get_response(request)
        if airlock.get_current_scope() is not None:
            airlock.enqueue(effect, "after")
        return response


@pytest.mark.parametrize("inside", [True, False])
def test_a_sync_middleware_between(settings: Any, ask: Ask, view: str, inside: bool) -> None:
    """The scope reaches through it, and is not seen outside of it."""
    chain = ["airlock_django.AirlockMiddleware", f"{__name__}.Between"]
    settings.MIDDLEWARE = chain if inside else chain[::-1]
    assert ask(view).status_code == 200
    assert sent == (["before", "asked", "after"] if inside else ["asked"])


def test_two_of_them_are_one_scope(settings: Any, ask: Ask) -> None:
    """The outer one has the authority: everything leaves once, at its end."""
    settings.MIDDLEWARE = ["airlock_django.AirlockMiddleware"] * 2
    assert ask("/sync").status_code == 200
    assert sent == ["asked"]


def test_a_real_server_answers_the_same(live_server: Any) -> None:
    """Over HTTP, in a server's thread with connections of its own."""
    for target, leaves in (("/write", True), ("/sync?status=500", False), ("/async", True)):
        sent.clear()
        connection = http.client.HTTPConnection(live_server.thread.host, live_server.thread.port)
        connection.request("GET", target)
        connection.getresponse().read()
        connection.close()
        assert sent == (["asked"] if leaves else [])


async def cancelled(request: HttpRequest) -> HttpResponse:
    """Wait until the client has gone."""
    scopes.append(request.airlock_scope)  # type: ignore[attr-defined]
    airlock.enqueue(effect, "asked")
    sent.append("waiting")
    await asyncio.Event().wait()
    raise AssertionError("it was cancelled")


urlpatterns.append(path("cancelled", cancelled))


def test_a_cancelled_request_discards() -> None:
    """The task of the request is cancelled inside an async view."""

    async def cancel() -> None:
        task = asyncio.create_task(AsyncClient().get("/cancelled"))
        while "waiting" not in sent:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async_to_sync(cancel)()
    assert sent == ["waiting"]
    assert [intent.state for intent in scopes[0].intents] == [State.DISCARDED]
