"""Programs that stop at points and say so, to be killed there.

    with Program(path, log=tmp_path / "log") as shop:
        shop.tell(order={"number": "7", "size": 3}, stop_at=["committed"])
        shop.reaches("committed")
        shop.kill()

A program writes lines of JSON to its standard output, and reads them from its standard input; it
ends by itself where nobody is there any more who reads and writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

SECONDS = 30


class Program:
    """A Python program in a process of its own, in which a warning is an error.

    Args:
        path: the program.
        log: a file for what it prints to its standard error.
        environment: further environment variables.
    """

    def __init__(self, path: Path, log: Path, environment: Mapping[str, str]) -> None:
        self.path, self.log, self.environment = path, log, environment
        self._heard = b""

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", str(self.path)],
                env={**os.environ, **self.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()
        with contextlib.suppress(BrokenPipeError):  # it was killed before it had read everything
            self.process.communicate()

    def tell(self, **command: Any) -> None:
        """Write it a line; it goes on."""
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def hears(self) -> dict[str, Any]:
        """Return the next line that it writes, and wait for it."""
        deadline = time.monotonic() + SECONDS
        while b"\n" not in self._heard:
            left = max(deadline - time.monotonic(), 0)
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError(f"it says nothing, but:\n{self._logged}")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise EOFError(f"it has ended:\n{self._logged}")
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def reaches(self, point: str) -> None:
        """Wait until it says that it has stopped at a point."""
        heard = self.hears()
        if heard != {"at": point}:
            raise AssertionError(f"it is not at {point!r}, but says {heard} and:\n{self._logged}")

    @property
    def _logged(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def interrupt(self, number: signal.Signals) -> None:
        """Send it a signal that it can answer."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill it without a warning, and wait until it is gone."""
        self.process.kill()
        self.process.wait(SECONDS)
