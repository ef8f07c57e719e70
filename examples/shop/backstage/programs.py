"""A program of the demo: a process of its own, with a log."""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 10


class DemoError(Exception):
    """The demo cannot go on; its message says what to look at."""


class Program:
    """A program that runs until it is stopped, with whatever processes it starts itself.

    Args:
        name: for messages.
        command: what to run.
        folder: where it runs.
        environment: its environment variables.
        log: the file for whatever it prints.

    Attributes:
        group: the process group that it and its own processes are in.
    """

    def __init__(
        self, name: str, command: list[str], folder: Path, environment: dict[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A Ctrl-C is for the demo, which then ends its programs in order.
                start_new_session=True,
            )
        self.group = self._process.pid
        self._stopped = False

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until its log matches, and return the match."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if match := re.search(pattern, self.log.read_text(errors="replace")):
                return match
            self.check()
            time.sleep(0.05)
        raise DemoError(f"the {self.name} did not start within {START_SECONDS} seconds")

    def check(self) -> None:
        """Raise where it has ended by itself."""
        if (code := self._process.poll()) is not None:
            raise DemoError(f"the {self.name} ended by itself, with exit code {code}")

    def stop(self) -> None:
        """Ask it to end, and end whatever does not. Doing so twice does no harm."""
        if self._stopped:  # its number may be another group's by now
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        self._process.wait()
        self._stopped = True
