"""The panel of the debug toolbar shows what a request wanted to send, and what became of it."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import include, path

import airlock
from airlock_django.recordings import recorder
from twinapp.models import Row

pytestmark = [
    pytest.mark.urls(__name__),
    pytest.mark.django_db(transaction=True),
    # Django itself warns where a body is not made for the stack that reads it.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning"),
]

PANEL = "airlock_django.panels.AirlockPanel"
TOOLBAR = "debug_toolbar.middleware.DebugToolbarMiddleware"
AIRLOCK = "airlock_django.AirlockMiddleware"
PAGE = "<html><body>done</body></html>"
Ask = Callable[..., Any]


def mail(user: str) -> None:
    """An effect."""


def charge(user: str) -> None:
    """An effect that fails."""
    raise ConnectionError("the password was hunter2")


def work(request: HttpRequest) -> HttpResponse:
    """Enqueue what leaves, what is denied, what fails, is rolled back, and is discarded."""
    Row.objects.create(token="order")
    airlock.enqueue(mail, "ann")
    with airlock.policy(airlock.BlockTasks({"mail"})):
        airlock.enqueue(mail, "<b>bob</b>")
    try:
        with transaction.atomic():
            airlock.enqueue(mail, "eve")
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    try:
        with airlock.scope(name="attempt"):
            airlock.enqueue(mail, "joe")
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    if "charge" in request.GET:
        airlock.enqueue(charge, "ann")
    return HttpResponse(PAGE, status=int(request.GET.get("status", "200")))


async def async_work(request: HttpRequest) -> HttpResponse:
    """Enqueue in the event loop."""
    await asyncio.sleep(0)
    airlock.enqueue(mail, "ann")
    return HttpResponse(PAGE)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with a body that is made later."""
    airlock.enqueue(mail, "ann")
    return StreamingHttpResponse(iter(["piece"]))


urlpatterns = [
    path("work", work),
    path("async", async_work),
    path("stream", stream),
    path("api", lambda request: (airlock.enqueue(mail, "ann"), JsonResponse({}))[1]),
    path("nothing", lambda request: HttpResponse(PAGE)),
    path("__debug__/", lambda request: HttpResponse()),  # the toolbar's, once it can be imported
]


def _forget() -> None:
    """Have the toolbar read its settings again."""
    from debug_toolbar import middleware as toolbar_middleware
    from debug_toolbar import settings as toolbar_settings
    from debug_toolbar.store import MemoryStore
    from debug_toolbar.toolbar import DebugToolbar

    DebugToolbar._panel_classes = DebugToolbar._urlpatterns = None
    for cached in (
        toolbar_settings.get_config,
        toolbar_settings.get_panels,
        toolbar_middleware.show_toolbar_func_or_path,
    ):
        cached.cache_clear()
    MemoryStore.clear()


@pytest.fixture(autouse=True)
def _toolbar(settings: Any) -> Iterator[None]:
    # It has a model, so that it cannot be imported where it is not installed.
    settings.DEBUG_TOOLBAR_PANELS = ["debug_toolbar.panels.history.HistoryPanel", PANEL]
    settings.DEBUG_TOOLBAR_CONFIG = {"SHOW_TOOLBAR_CALLBACK": lambda request: True}
    settings.TEMPLATES = [
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
    ]
    settings.MIDDLEWARE = [TOOLBAR, AIRLOCK]
    settings.INSTALLED_APPS = [
        *settings.INSTALLED_APPS,
        "django.contrib.staticfiles",
        "debug_toolbar",
    ]
    urlpatterns[-1] = path("__debug__/", include("debug_toolbar.urls"))
    _forget()
    yield
    airlock.unregister(recorder)
    _forget()


@pytest.fixture(params=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask once through the WSGI stack of Django, once through its ASGI stack."""
    if request.param == "wsgi":
        return Client(raise_request_exception=False).get
    client = AsyncClient(raise_request_exception=False)

    def get(*args: Any, **kwargs: Any) -> Any:
        return async_to_sync(client.get)(*args, **kwargs)

    return get


def _content(response: Any) -> str:
    """What a browser is given when the panel is opened."""
    query = {"request_id": response.headers["djdt-request-id"], "panel_id": "AirlockPanel"}
    content: str = json.loads(Client().get("/__debug__/render_panel/", query).content)["content"]
    return content


def _shown(response: Any) -> str:
    """The same as text."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", _content(response))))


def _stats(response: Any) -> dict[str, Any]:
    from debug_toolbar.store import MemoryStore

    stats: dict[str, Any] = MemoryStore.panel(response.headers["djdt-request-id"], "AirlockPanel")
    return stats


def _states(response: Any) -> list[str]:
    return [intent["state"] for intent in _stats(response)["intents"]]


EVERYTHING = ["dispatched", "denied", "rolled back", "discarded"]


def test_each_intent_of_a_request_is_shown(ask: Ask) -> None:
    """The table names task, line, verdicts, outcome, inner scope, executor and times of each."""
    response = ask("/work")

    assert _states(response) == EVERYTHING
    shown = _shown(response)
    assert "GET /work: flushed" in shown
    assert f"{__name__}.mail(str)" in shown
    assert "test_panel.py:" in shown
    assert "BlockTasks: denied" in shown
    assert "scope: attempt" in shown
    assert "ZeroDivisionError was raised" in shown
    assert re.search(r"dispatched sync \d+.\d\d ms \d+.\d\d ms", shown)
    assert "bob" not in shown


def test_the_sidebar_says_how_many_left(ask: Ask) -> None:
    """Without opening the panel, one sees how many of the intents were dispatched."""
    page = ask("/work").content.decode()

    assert "1 of 4 dispatched" in page
    assert "no intents" in ask("/nothing").content.decode()


@pytest.mark.parametrize("atomic", [False, True])
def test_the_transaction_of_the_request_is_over_when_the_panel_looks(
    ask: Ask, atomic: bool
) -> None:
    """With `ATOMIC_REQUESTS`, too, the panel sees the ends, and a failed request's discards."""
    connections["default"].settings_dict["ATOMIC_REQUESTS"] = atomic
    try:
        done, refused = ask("/work"), None
        Row.objects.all().delete()
        refused = ask("/work", {"status": "409"})
    finally:
        connections["default"].settings_dict["ATOMIC_REQUESTS"] = False

    assert _states(done) == EVERYTHING
    assert _states(refused) == ["discarded"] * 4
    assert "response 409" in _shown(refused)


def test_an_effect_that_failed_stands_out_and_keeps_its_secrets(ask: Ask) -> None:
    """A failure is marked and told by its class; its message is not shown."""
    response = ask("/work", {"charge": "1"})

    assert _states(response) == [*EVERYTHING, "failed"]
    assert [intent["trouble"] for intent in _stats(response)["intents"]] == [False] * 4 + [True]
    assert "ConnectionError" in _shown(response)
    assert "hunter2" not in _shown(response)


def test_an_async_view_is_shown(ask: Ask) -> None:
    """In either stack, the panel shows what an async view has enqueued."""
    response = ask("/async")

    assert _states(response) == ["dispatched"]
    assert "GET /async: flushed" in _shown(response)


def test_a_request_that_shows_no_page_is_in_the_history(ask: Ask) -> None:
    """For an answer that is no page, the panel is reached through the history panel."""
    response = ask("/api")
    query = {"request_id": response.headers["djdt-request-id"], "exclude_history": "1"}
    sidebar = Client().get("/__debug__/history_sidebar/", query).json()

    assert "1 of 1 dispatched" in sidebar["AirlockPanel"]["button"]
    assert "GET /api: flushed" in _shown(response)


def test_what_leaves_with_a_streamed_body_is_pending(ask: Ask) -> None:
    """The panel looks before the body is made, and says so."""
    response = ask("/stream")

    assert _states(response) == ["pending"]
    assert "leaves at the end of its body" in _shown(response)


def test_the_order_of_the_middleware_is_told(settings: Any, ask: Ask) -> None:
    """Below airlock's middleware, the toolbar sees the request before its end, and says so."""
    settings.MIDDLEWARE = [AIRLOCK, TOOLBAR]

    response = ask("/async")

    assert _states(response) == ["pending"]
    assert "move AirlockMiddleware below DebugToolbarMiddleware" in _shown(response)


def test_a_request_without_a_scope_is_told(settings: Any, ask: Ask) -> None:
    """Without airlock's middleware there is nothing to show, and the panel says why."""
    settings.MIDDLEWARE = [TOOLBAR]

    assert "This request had no scope" in _shown(ask("/nothing"))


def test_the_policies_are_not_asked_again_by_the_panel(settings: Any) -> None:
    """A policy that uses the ORM cannot do so in the event loop: what is pending is not judged."""
    asked = []

    class Asked(airlock.Policy):
        def allows(self, intent: airlock.Intent) -> bool:
            asked.append(Row.objects.count())
            return True

    settings.MIDDLEWARE = [AIRLOCK, TOOLBAR]
    settings.AIRLOCK = {"POLICY": Asked()}
    response = async_to_sync(AsyncClient().get)("/async")

    assert len(asked) == 1
    assert _states(response) == ["pending"]


def test_what_is_shown_is_escaped(settings: Any) -> None:
    """With arguments in full, what a visitor has typed is text, and never a part of the page."""
    settings.DEBUG = True
    settings.AIRLOCK = {"REPORT_ARGUMENTS": True}

    content = _content(Client().get("/work"))

    assert "&lt;b&gt;bob&lt;/b&gt;" in content
    assert "<b>bob" not in content


def test_a_scope_of_another_class_is_shown(settings: Any) -> None:
    """The panel needs no `DjangoScope`."""
    settings.AIRLOCK = {"SCOPE_CLASS": "airlock.Scope"}

    assert _states(Client().get("/api")) == ["dispatched"]


def test_a_panel_that_is_switched_off_keeps_nothing() -> None:
    """With the toolbar's own switch, the request is answered and the panel has nothing of it."""
    client = Client()
    client.cookies["djdtAirlockPanel"] = "off"

    response = client.get("/work")

    assert response.status_code == 200
    assert _stats(response) == {}


def test_the_panel_does_not_need_the_loaders_of_the_project(settings: Any) -> None:
    """Where the app is installed by its other name, its template is found all the same."""
    settings.INSTALLED_APPS = [
        "airlock.integrations.django" if app == "airlock_django" else app
        for app in settings.INSTALLED_APPS
    ]

    assert "GET /api: flushed" in _shown(Client().get("/api"))
