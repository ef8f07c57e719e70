"""A program of the demo: a process of its own, with a log."""

import re
import subprocess
import sys
import time
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 10


class DemoError(Exception):
    """The demo cannot go on; its message says what to look at."""


class Program:
    """A Python program that runs until it is stopped.

    Args:
        name: for messages.
        arguments: those of the interpreter.
        folder: where it runs.
        environment: its environment variables.
        log: the file for whatever it prints.
    """

    def __init__(
        self, name: str, arguments: list[str], folder: Path, environment: dict[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

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
        """Ask it to end, and end it where it does not. Doing so twice does no harm."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
