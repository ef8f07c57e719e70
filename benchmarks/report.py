"""Run every benchmark and print what it prints; with `--write`, write the page about performance.

    python benchmarks/report.py [--figures DIRECTORY] [--write]

Figures that are in the directory are not measured again. The page keeps its words: what stands
between its markers is replaced, and the plot is drawn anew.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from platform import machine, python_implementation, python_version, system
from typing import Any

import budgets
import core_table
import intercept
import parts
import queues
import web
from peer import PEER, REQUIREMENTS, ROOT, peer_environment
from settings import ROUNDS
from tables import Table

FOLDER = Path(__file__).parent
PAGE = ROOT / "docs" / "explanation" / "performance.md"
PLOT = PAGE.with_name("performance-growth.svg")

#: What each program is called with, beside the file for its figures.
PROGRAMS = {
    "core": ["core.py", "--rounds", str(ROUNDS)],
    "intercept": ["intercept.py"],
    "parts": ["parts.py"],
    "queues": ["queues.py"],
    "web": ["web.py"],
}
LIBRARIES = [
    "celery", "kombu", "rq", "dramatiq", "huey", "procrastinate", "django-q2", "django-tasks-db",
    "Django", "redis", "pika", "psycopg",
]  # fmt: skip

Figures = dict[str, Any]


def measured(directory: Path) -> Figures:
    """Run the programs whose figures are not there yet; return what all of them found."""
    figures: Figures = {}
    for name, command in PROGRAMS.items():
        file = directory / f"{name}.json"
        if not file.exists():
            program, *options = command
            run(sys.executable, FOLDER / program, *options, "--json", file)
        figures[name] = json.loads(file.read_text())
    floor = directory / "floor.txt"
    if not floor.exists():
        alone = {**os.environ, "AIRLOCK_PLUGINS": ""}
        floor.write_text(run(sys.executable, FOLDER / "floor.py", environment=alone))
    facts = directory / "facts.txt"
    if not facts.exists():
        facts.write_text(facts_of_this_machine())
    return {**figures, "floor": floor.read_text(), "facts": facts.read_text()}


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """Run a program, and print what it prints."""
    words = [str(part) for part in command]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, env=environment)
    print(done.stdout, flush=True)
    if done.returncode:
        sys.exit(f"{Path(command[1]).name} failed.")
    return done.stdout


def facts_of_this_machine() -> str:
    names = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    peer = re.search(r"^airlock-py==(.+)$", REQUIREMENTS.read_text(), re.MULTILINE)
    assert peer is not None
    said = (
        f"{python_implementation()} {python_version()}, {system()} on {machine()} with"
        f" {os.cpu_count()} cores. airlock-py {peer[1]}, {names}. {ROUNDS} rounds."
    )
    return textwrap.fill(said, 118)  # as the page is


def markdown(tables: Iterable[Table]) -> str:
    return "\n\n".join(table.markdown() for table in tables)


#: What stands between the markers of the page.
BLOCKS: dict[str, Callable[[Figures], str]] = {
    "facts": lambda figures: figures["facts"],
    "budgets": lambda figures: budgets.table(figures).markdown(),
    "core": lambda figures: core_table.table(figures["core"]["rows"]).markdown(),
    "floor": lambda figures: f"```text\n{figures['floor'].strip()}\n```",
    "queues": lambda figures: markdown(queues.times_of(figures["queues"])),
    "python": lambda figures: queues.python_of(figures["queues"]).markdown(),
    "parts": lambda figures: markdown(parts.tables(figures["parts"])),
    "web": lambda figures: markdown(web.tables(figures["web"])),
    "intercept": lambda figures: intercept.table(figures["intercept"]).markdown(),
}


def filled_in(page: str, found: dict[str, str]) -> str:
    """Replace what stands between the markers of a page.

    Raises:
        ValueError: the page has no such markers.
    """
    for name, text in found.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        head, marker, rest = page.partition(begin)
        _, other, tail = rest.partition(end)
        if not marker or not other:
            raise ValueError(f"The page has no markers {begin.strip()} and {end}.")
        page = f"{head}{begin}\n{text}\n\n{end}{tail}"
    return page


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--figures", type=Path, help="where the figures are, or will be")
    arguments.add_argument("--write", action="store_true", help="write the page, draw the plot")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = chosen.figures or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        figures = measured(directory)
        print(budgets.table(figures).text())
        if chosen.write:
            found = {name: written(figures) for name, written in BLOCKS.items()}
            PAGE.write_text(filled_in(PAGE.read_text(), found))
            peer_environment()
            run(PEER, FOLDER / "plot.py", directory / "core.json", PLOT)


if __name__ == "__main__":
    main()
