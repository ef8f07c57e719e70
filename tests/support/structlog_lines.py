"""The log of real workers, as structlog writes it: a line of JSON for each event.

configure()                              # in the process that sends, and in the worker
said = says(worker, case, "one", "two")  # in the test: the lines of these steps of a case
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).parent
IDS = {"correlation_id": "c-1", "request_id": "r-1", "user_id": 7}


def configure() -> None:
    """Have structlog write lines of JSON to the standard error, with what is bound."""
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ],
        # The standard error as it is now: workers put something else in its place. Each line is
        # one write, since they have several processes.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def mark(case: str, step: str) -> None:
    """Log that a step of a case has been taken, and what is bound there."""
    import structlog

    bound = structlog.contextvars.get_contextvars()
    structlog.get_logger("shop").info("step", case=case, step=step, bound=bound)


def bind(case: str) -> None:
    """Bind what a request has bound."""
    import structlog

    # What is not named does not travel.
    structlog.contextvars.bind_contextvars(**IDS, case_of=case)


def unbind() -> None:
    """Bind nothing, as outside of a request."""
    import structlog

    structlog.contextvars.clear_contextvars()


def parsed(text: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of JSON in a log, whatever stands before them in their lines."""
    for line in text.splitlines():
        start = line.find("{")
        if start >= 0:
            try:
                found = json.loads(line[start:])
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


def new_case() -> str:
    """Name a case that no other test has."""
    return uuid.uuid4().hex


def sends(module: str, case: str, act: str = "send", **environment: str) -> list[dict[str, Any]]:
    """Have a process of its own do what a module's `send(case)` does; return what it logged."""
    path = os.pathsep.join([str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {module}\n{module}.{act}({case!r})"],
        env={**os.environ, **environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return list(parsed(run.stderr))


def says(worker: Any, case: str, *steps: str) -> dict[str, dict[str, Any]]:
    """Wait until a worker has logged these steps of a case, each as often as it is named."""
    deadline = time.monotonic() + 30
    while True:
        lines = [line for line in parsed(worker.log) if line.get("case") == case]
        if Counter(line["step"] for line in lines) == Counter(steps):
            return {line["step"]: line for line in lines}
        assert time.monotonic() < deadline, worker.log[-6000:]
        time.sleep(0.05)
