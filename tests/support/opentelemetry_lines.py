"""The spans of several processes, as lines of JSON in one file.

configure(path)                      # in each process
spans = awaited(path, names, worker) # in the test: all spans, when these have ended
tree(spans)                          # what is a child of what
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).parent
FILE = "AIRLOCK_TEST_SPANS"


def configure() -> None:
    """Have every span that ends in this process, and in its forks, written to the file."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    class Lines(SpanExporter):
        """Writes each span in one go: the processes share the file."""

        def export(self, spans):
            with open(os.environ[FILE], "ab", buffering=0) as file:
                for span in spans:
                    line = {**json.loads(span.to_json(indent=None)), "pid": os.getpid()}
                    file.write(json.dumps(line).encode() + b"\n")
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Lines()))
    trace.set_tracer_provider(provider)


def runs(program: str, **environment: str) -> str:
    """Run a program in a process of its own, and return what it printed."""
    path = os.pathsep.join([str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, **environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def written(path: Path) -> list[dict[str, Any]]:
    """Return the spans that have ended, in the order in which they began."""
    lines = path.read_text().splitlines() if path.exists() else []
    return sorted(map(json.loads, lines), key=lambda span: span["start_time"])


def awaited(path: Path, ends: dict[str, int], worker: Any) -> list[dict[str, Any]]:
    """Wait until spans of these names have ended, so often each; return all that there are."""
    deadline = time.monotonic() + 60
    while True:
        found = written(path)
        names = Counter(span["name"] for span in found)
        if all(names[name] >= count for name, count in ends.items()):
            time.sleep(0.5)  # one too many would come now
            return written(path)
        assert time.monotonic() < deadline, f"{names}\n{worker.log[-6000:]}"
        time.sleep(0.1)


def tree(spans: list[dict[str, Any]]) -> str:
    """Draw the spans, each below its parent; siblings by their names, whoever was first."""
    known = {span["context"]["span_id"] for span in spans}

    def below(parent: str | None, indent: str) -> str:
        drawn = []
        for span in spans:
            above = span["parent_id"] if span["parent_id"] in known else None
            if above == parent:
                children = below(span["context"]["span_id"], indent + "  ")
                drawn.append(f"{indent}{span['name']}\n{children}")
        return "".join(sorted(drawn))

    return below(None, "").rstrip()


def named(spans: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the spans of a name."""
    return [span for span in spans if span["name"] == name]


def traces(spans: list[dict[str, Any]]) -> set[str]:
    """Return the ids of the traces that spans belong to."""
    return {span["context"]["trace_id"] for span in spans}
