"""docs/how-to/follow-a-request.md: the files of its shop, and the log that it shows.

write_files(directory)
shown("Follow an order", "json")     # the blocks of a section
command("Follow an order", "celery") # what it runs, and the path and headers that it sends
request("Follow an order")
short(lines), tree(spans)            # what real processes wrote, as the page shows it
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "follow-a-request.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w/]+\.py)\n")

# What the page shows of a line, in this order.
FIELDS = (
    "event", "request", "code", "task", "tasks", "order", "item", "run", "queue", "outcome",
    "counts", "correlation_id", "trace_id",
)  # fmt: skip
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
SECONDS = re.compile(r"\d+\.\d+(e-\d+)?s\b")


def write_files(directory: Path) -> None:
    """Write the files of the page into a directory."""
    for _, text in BLOCK.findall(PAGE.read_text()):
        if name := FILE.match(text):
            target = directory / name[1]
            target.parent.mkdir(exist_ok=True)
            target.write_text(text)


def shown(heading: str, language: str) -> list[list[str]]:
    """Return the lines of each block of a language in a section of the page."""
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [text.splitlines() for name, text in BLOCK.findall(section) if name == language]


def command(heading: str, program: str) -> list[str]:
    """Return the command of a section that starts a program."""
    (lines,) = shown(heading, "sh")
    (found,) = [line for line in lines if line.startswith(f"{program} ")]
    return found.removesuffix(" &").split()


def request(heading: str) -> tuple[str, dict[str, str]]:
    """Return the path and the headers of the request that a section sends."""
    (lines,) = shown(heading, "sh")
    text = "\n".join(lines)
    (path,) = re.findall(r"curl localhost:8000(\S+) -d ''", text)
    return path, dict(re.findall(r"-H '([\w-]+): ([^']+)'", text))


def short(lines: Iterable[dict[str, Any]]) -> list[str]:
    """Return lines of a log with the fields that the page shows; ids and times are replaced."""
    return [_short(line) for line in lines]


def _short(line: dict[str, Any]) -> str:
    own = "task_id" in line  # one of Celery's, whose event names the task
    fields = {name: line[name] for name in FIELDS if name in line and not (own and name == "task")}
    text = json.dumps(fields)
    text = SECONDS.sub("...s", UUID.sub("...", text))
    return re.sub(r'("trace_id": "\w{4})\w+', r"\1...", text)


def tree(spans: list[dict[str, Any]]) -> list[str]:
    """Draw the spans of a trace, each below its parent, in the order of their names."""
    known = {span["context"]["span_id"] for span in spans}

    def draw(parent: str | None, depth: int) -> list[str]:
        drawn = []
        for span in sorted(spans, key=lambda span: span["name"]):
            if (span["parent_id"] if span["parent_id"] in known else None) == parent:
                drawn.append(f"{'  ' * depth}{span['name']}")
                drawn += draw(span["context"]["span_id"], depth + 1)
        return drawn

    return draw(None, 0)
