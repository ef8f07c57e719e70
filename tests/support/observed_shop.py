"""The shop of docs/how-to/follow-a-request.md, in processes of its own: a site and two workers.

shop = Shop(directory, broker_url, redis_url)
with Site(shop) as site, CeleryWorker(shop) as celery, RQWorker(shop) as rq:
    order = site.post("/orders", {"X-Correlation-ID": "c-1"})
    celery.lines, shop.spans
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import observed_page
import servers
import structlog_lines


class Shop:
    """The files of the page in a directory, and the environment of its processes."""

    def __init__(self, directory: Path, broker_url: str, redis_url: str) -> None:
        self._spans = directory / "spans.jsonl"
        programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
        python_path = [str(directory), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "PATH": os.pathsep.join(programs),
            "PYTHONPATH": os.pathsep.join(python_path),
            "PYTHONUNBUFFERED": "1",
            "RQ_REDIS_URL": redis_url,
            "SHOP_BROKER_URL": broker_url,
            "SHOP_SPANS": str(self._spans),
        }
        observed_page.write_files(directory)
        tables = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity", "0"]
        subprocess.run(tables, env=self.environment, check=True)

    @property
    def spans(self) -> list[dict[str, Any]]:
        """The spans that have ended, in all of its processes."""
        return [json.loads(line) for line in self._spans.read_text().splitlines()]


class Process(servers.Server):
    """A process of the shop."""

    stop_signal = signal.SIGTERM

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def environment(self) -> dict[str, str]:
        """Return the variables that the process sees."""
        return self.shop.environment

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of JSON in its log."""
        return list(structlog_lines.parsed(self.log))


class Site(Process):
    """The site."""

    ready_when_it_logs = "Quit the server with"

    def command(self) -> list[str]:
        """Return the command of the page, with an address of its own."""
        address = f"{self.host}:{self.port}"
        return [sys.executable, "-m", "django", "runserver", "--noreload", address]

    def post(self, path: str, headers: dict[str, str]) -> int:
        """Send a request, and return the number of the order that it made."""
        deadline = time.monotonic() + 10
        while True:  # it says that it listens just before it does
            connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
            try:
                connection.request("POST", path, headers={"Host": "localhost", **headers})
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        assert response.status == 201, f"{body!r}\n{self.log[-6000:]}"
        return int(body)


class CeleryWorker(Process):
    """The worker of the orders, with two child processes."""

    ready_when_it_logs = " ready."

    def command(self) -> list[str]:
        """Return the command of the page, and less of what only delays a start."""
        quick = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return [*observed_page.command("Follow an order", "celery"), "--concurrency", "2", *quick]


class RQWorker(Process):
    """The worker of the returns."""

    ready_when_it_logs = "Listening on default"

    def command(self) -> list[str]:
        """Return the command of the page."""
        return observed_page.command("Follow a return, on RQ", "rq")
