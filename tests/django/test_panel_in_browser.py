"""The panel in a real browser: Chromium opens a page of a project that runs, and clicks.

With AIRLOCK_SCREENSHOT=FILE.png it leaves a picture of the open panel, for the documentation.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import redis

import servers

FILES = {
    "shop/__init__.py": "",
    "shop/settings.py": """
        SECRET_KEY = "for tests alone"
        DEBUG = True
        INTERNAL_IPS = ["127.0.0.1"]
        INSTALLED_APPS = ["django.contrib.staticfiles", "debug_toolbar", "airlock_django"]
        MIDDLEWARE = [
            "debug_toolbar.middleware.DebugToolbarMiddleware",
            "airlock_django.AirlockMiddleware",
        ]
        DEBUG_TOOLBAR_PANELS = [
            "debug_toolbar.panels.history.HistoryPanel",
            "debug_toolbar.panels.timer.TimerPanel",
            "debug_toolbar.panels.sql.SQLPanel",
            "debug_toolbar.panels.templates.TemplatesPanel",
            "airlock_django.panels.AirlockPanel",
        ]
        TEMPLATES = [
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
        ]
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}}
        ROOT_URLCONF = "shop.urls"
        STATIC_URL = "/static/"
        AIRLOCK = {"POLICY": "shop.policies.quiet_hours"}
    """,
    "shop/policies.py": """
        import airlock

        quiet_hours = airlock.BlockTasks({"send_text"})
    """,
    "shop/jobs.py": """
        import os

        from redis import Redis
        from rq.decorators import job

        redis = Redis.from_url(os.environ["RQ_REDIS_URL"])


        @job("emails", connection=redis)
        def send_confirmation(order_id):
            pass


        @job("emails", connection=redis)
        def send_voucher(order_id, code):
            pass


        @job("texts", connection=redis)
        def send_text(number):
            pass


        @job("stock", connection=redis)
        def reserve(order_id, amount):
            pass


        def clear_cache(name):
            pass
    """,
    "shop/views.py": """
        import airlock
        from django.db import transaction
        from django.http import HttpResponse, JsonResponse

        from shop import jobs


        def checkout(request):
            with transaction.atomic():
                airlock.enqueue(jobs.reserve, 7, amount=2, _dispatch_options={"at_front": True})
                airlock.enqueue(jobs.send_confirmation, 7)
                try:
                    with transaction.atomic():
                        airlock.enqueue(jobs.send_voucher, 7, code="<SPRING>")
                        raise ValueError("the voucher has expired")
                except ValueError:
                    pass
            airlock.enqueue(jobs.send_text, "+49 30 123456")
            airlock.enqueue(jobs.clear_cache, "orders")
            return HttpResponse("<html><body><h1>Thank you for your order.</h1></body></html>")


        def stock(request):
            airlock.enqueue(jobs.clear_cache, "stock")
            return JsonResponse({})
    """,
    "shop/urls.py": """
        from debug_toolbar.toolbar import debug_toolbar_urls
        from django.urls import path

        from shop import views

        urlpatterns = [path("checkout", views.checkout), path("stock", views.stock)]
        urlpatterns += debug_toolbar_urls()
    """,
}

# The toolbar lives in a shadow root, out of reach of the page's own styles.
ROOT = "document.getElementById('djDebugRoot')?.shadowRoot"
SECONDS = 30


def _wait(what: str, ask: Callable[[], Any]) -> Any:
    """Ask until there is an answer."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"after {SECONDS} s still no {what}")


class Shop(servers.Server):
    """A project that runs, with the toolbar, and with jobs for a Redis."""

    ready_when_it_logs = "Quit the server"
    stop_signal = signal.SIGTERM

    def __init__(self, redis_url: str) -> None:
        self.redis_url = redis_url

    def prepare(self) -> None:
        """Write the project."""
        for name, text in FILES.items():
            (self.directory / name).parent.mkdir(exist_ok=True)
            (self.directory / name).write_text(dedent(text))

    def environment(self) -> dict[str, str]:
        """Return the variables that the project needs."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "PYTHONUNBUFFERED": "1",
            "RQ_REDIS_URL": self.redis_url,
        }

    def command(self) -> list[str]:
        """Return the command that serves the project."""
        address = f"{self.host}:{self.port}"
        return [sys.executable, "-m", "django", "runserver", "--noreload", address]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}"


class Browser:
    """A Chromium, spoken to through a pipe: it ends when the pipe does, however that ends."""

    def __init__(self, folder: Path) -> None:
        flags = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
            "--disable-background-networking --disable-component-update --disable-dev-shm-usage "
            f"--window-size=1400,560 --user-data-dir={folder / 'profile'} --remote-debugging-pipe"
        )
        program = servers.find_program("chromium", "chromium")
        hears, speaks = os.pipe(), os.pipe()
        log = str(folder / "log"), os.O_WRONLY | os.O_CREAT, 0o600
        self.process = os.posix_spawn(
            program,
            [program, *flags.split()],
            {**os.environ, "HOME": str(folder)},  # it leaves files there, beside its profile
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, *log),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, hears[0], 3),
                (os.POSIX_SPAWN_DUP2, speaks[1], 4),
            ],
        )
        os.close(hears[0])
        os.close(speaks[1])
        self._to, self._from = os.fdopen(hears[1], "wb"), os.fdopen(speaks[0], "rb")
        self._numbers = itertools.count(1)
        self._session: dict[str, str] = {}
        page = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=page, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def close(self) -> None:
        """End it."""
        self._to.close()
        self._from.close()
        os.waitpid(self.process, 0)

    def ask(self, method: str, **parameters: Any) -> Any:
        """Give a command of the DevTools protocol, and return its result."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters, **self._session}
        self._to.write(json.dumps(command).encode() + b"\0")
        self._to.flush()
        while (answer := self._read()).get("id") != number:  # events come in between
            pass
        assert "result" in answer, answer
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        message = b""
        while (byte := self._from.read(1)) != b"\0":
            assert byte, "Chromium has ended"
            message += byte
        answer: dict[str, Any] = json.loads(message)
        return answer

    def run(self, script: str) -> Any:
        """Run a script in the page, with `toolbar` as the root of the toolbar."""
        function = f"(async () => {{ const toolbar = {ROOT}; {script} }})()"
        answer = self.ask(
            "Runtime.evaluate", expression=function, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, url: str) -> None:
        """Open a page, and wait until the toolbar is at work in it."""
        self.ask("Page.navigate", url=url)
        ready = (
            "return document.readyState === 'complete' && toolbar !== undefined"
            " && !toolbar.querySelector('#djDebug').classList.contains('djdt-hidden')"
        )
        _wait(url, lambda: self.run(ready))

    def shown(self, selector: str, text: str) -> str:
        """Wait until an element of the toolbar shows a text, and return all that it shows."""
        script = f"return toolbar.querySelector({json.dumps(selector)})?.innerText ?? ''"
        found: str = _wait(text, lambda: (s := self.run(script)) and text in s and s)
        return found


@pytest.fixture(scope="module")
def shop(redis_url: str) -> Iterator[str]:
    """The address of the project."""
    with Shop(redis_url) as shop:
        yield shop.url


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with an empty profile."""
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


def test_one_sees_what_a_request_wanted_to_send(
    browser: Browser, shop: str, redis_url: str
) -> None:
    """One click in the toolbar shows each intent, its end, and the id that the queue has for it."""
    browser.open(f"{shop}/checkout")
    browser.shown("#djdt-AirlockPanel", "3 of 5 dispatched")
    assert browser.run("return toolbar.querySelectorAll('#djdt-AirlockPanel svg').length") == 1

    browser.run("toolbar.querySelector('a.AirlockPanel').click()")
    shown = browser.shown("#AirlockPanel table", "rolled back")

    rows = browser.run(
        "return [...toolbar.querySelectorAll('#AirlockPanel tbody tr')].map(row => row.innerText)"
    )
    ends = ["dispatched", "dispatched", "rolled back", "denied", "dispatched"]
    assert len(rows) == len(ends)
    assert all(end in row for end, row in zip(ends, rows, strict=True))
    assert "BlockTasks: denied" in rows[3]
    with redis.Redis.from_url(redis_url) as connection:
        for queue, row in (("stock", rows[0]), ("emails", rows[1])):
            jobs = connection.lrange(f"rq:queue:{queue}", 0, -1)
            assert [job for job in jobs if job.decode() in row]
        assert not connection.exists("rq:queue:texts")
    assert "SPRING" not in shown
    if picture := os.environ.get("AIRLOCK_SCREENSHOT"):
        taken = browser.ask("Page.captureScreenshot")["data"]
        Path(picture).write_bytes(base64.b64decode(taken))


def test_one_sees_a_request_that_a_script_has_made(browser: Browser, shop: str) -> None:
    """A request without a page of its own is found in the history, and its intents with it."""
    browser.open(f"{shop}/checkout")
    browser.shown("#djdt-AirlockPanel", "3 of 5 dispatched")
    browser.run("await fetch('/stock')")

    browser.run("toolbar.querySelector('a.HistoryPanel').click()")
    # Its own script comes when it comes, and answers from then on.
    refresh = (
        "toolbar.querySelector('.refreshHistory').click();"
        "return toolbar.querySelector('#djdtStatus').textContent"
    )
    _wait("history", lambda: browser.run(refresh))
    browser.run(
        "const rows = [...toolbar.querySelectorAll('#HistoryPanel tbody tr')];"
        "rows.find(row => row.innerText.includes('/stock')).querySelector('.switchHistory').click()"
    )
    browser.shown("#djdt-AirlockPanel", "1 of 1 dispatched")
    browser.run("toolbar.querySelector('a.AirlockPanel').click()")

    assert "clear_cache(str)" in browser.shown("#AirlockPanel table", "dispatched")
