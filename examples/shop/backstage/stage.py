"""The stage: a folder with the shop's data, a real broker, worker and web server."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from backstage.evidence import Evidence
from backstage.keeper import Keeper
from backstage.programs import DemoError, Program
from backstage.queues import QUEUES
from backstage.redis_server import READY

SHOP = Path(__file__).parents[1]
# On port 0 the system chooses a free one, and the server's log says which.
SERVER = ("manage.py", "runserver", "--noreload", "--nothreading", "127.0.0.1:0")
ANSWER_SECONDS = 20


class Stage:
    """Starts the programs, and ends them with its block, come what may.

    Args:
        folder: an empty folder for everything that the shop writes.
        queue: the name of the queue that the shop is to use.
    """

    def __init__(self, folder: Path, queue: str) -> None:
        self.folder = folder
        self.queue = QUEUES[queue](folder)
        self.evidence = Evidence(folder, self.queue)
        self.url = ""
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "SHOP_DATA": str(folder),
            "SHOP_QUEUE": queue,
            "PYTHONUNBUFFERED": "1",
        }
        self._programs: list[Program] = []
        self._keeper = Keeper()

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.stop()
            raise
        return self

    def _open(self) -> None:
        code, _ = self.manage("migrate", "--verbosity=0")
        if code:
            raise DemoError("the database could not be made: see commands.log")
        self.queue.prepare()
        if (redis := self.queue.server) is not None:
            self._environment["SHOP_REDIS_URL"] = redis.url
            self._start("redis", *redis.command()).wait_for(READY)
        worker = self._start("worker", sys.executable, *self.queue.worker)
        server = self._start("server", sys.executable, *SERVER)
        self.url = server.wait_for(r"server at (http://[\d.:]+)/")[1]
        worker.wait_for(self.queue.ready)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self, name: str, *command: str) -> Program:
        log = self.folder / f"{name}.log"
        program = Program(name, list(command), SHOP, self._environment, log)
        self._programs.append(program)
        self._keeper.watch(program.group)
        return program

    def post(self, path: str, form: Mapping[str, str], correlation_id: str) -> int:
        """Send a request with its correlation id, and return the status of the response."""
        request = urllib.request.Request(
            self.url + path,
            urllib.parse.urlencode(form).encode(),
            {"X-Correlation-ID": correlation_id},
        )
        # No proxy: the server is on this machine, whatever the environment says.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=ANSWER_SECONDS) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError as error:
            raise DemoError(f"POST {path} was not answered: {error}") from error

    def manage(self, *arguments: str) -> tuple[int, str]:
        """Run a command of `manage.py`; return its exit code, and what it printed.

        What it logs, and its errors, are in a log of their own.
        """
        try:
            with (self.folder / "commands.log").open("ab") as log:
                done = subprocess.run(
                    [sys.executable, "manage.py", *arguments],
                    cwd=SHOP,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    timeout=ANSWER_SECONDS,
                    text=True,
                )
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"manage.py {arguments[0]} did not end: see commands.log") from error
        return done.returncode, done.stdout

    def wait_for_worker(self, seconds: float) -> None:
        """Wait until the worker has executed whatever was sent, but no longer than that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            executed = Counter(line["id"] for line in self.evidence.executed())
            if Counter(self.evidence.sent()) <= executed:
                return
            for program in self._programs:
                program.check()
            time.sleep(0.05)

    def close(self) -> None:
        """End the web server and the worker, which finishes what it has begun. The broker stays."""
        for program in reversed(self._programs):
            if program.name != "redis":
                program.stop()

    def stop(self) -> None:
        """End all programs."""
        for program in reversed(self._programs):
            program.stop()
        self._keeper.dismiss()

    def logs(self, lines: int = 40) -> str:
        """Return the last lines of each log."""
        parts = []
        for log in sorted(self.folder.glob("*.log")):
            last = log.read_text(errors="replace").splitlines()[-lines:]
            parts += [f"--- the end of {log.name}", *last]
        return "\n".join(parts)
