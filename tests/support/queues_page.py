"""The page of the queues: its tables are made from the executors of the installed plugins.

`python tests/support/queues_page.py` writes them into the page.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from airlock_core.executors import CAPABILITIES
from airlock_core.plugins import manager

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "queues.md"
START, END = "<!-- from the code -->\n", "<!-- up to here -->\n"

# Of a blocking executor nothing is missing: it works in `async with`, too, in a thread.
ASKED = [name for name in CAPABILITIES if name != "native_async"]


def executors() -> Iterator[tuple[str, Any]]:
    """Yield the name and the executor of each plugin of this repository that is one."""
    manager.load()
    for name, plugin in manager:
        shipped = manager.installed.get(name)
        if shipped and shipped.distribution in _distributions() and callable(plugin):
            yield name, plugin


def missing_reasons() -> list[tuple[str, str]]:
    """List what an executor does not do without saying why."""
    return [
        (name, capability)
        for name, executor in executors()
        for capability in ASKED
        if not getattr(executor, capability) and not executor.cannot.get(capability)
    ]


def tables() -> str:
    """Write the tables as they must stand in the page."""
    return f"{_abilities()}\n{_reasons()}"


def _abilities() -> str:
    lines = [
        f"| queue | distribution | needs | {' | '.join(f'`{name}`' for name in CAPABILITIES)} |",
        f"|{'---|' * (len(CAPABILITIES) + 3)}",
    ]
    for name, executor in executors():
        package = manager.installed[name].distribution
        able = ["yes" if getattr(executor, which) else "–" for which in CAPABILITIES]
        lines.append(f"| `{name}` | {package} | {_needs(package)} | {' | '.join(able)} |")
    return "\n".join(lines) + "\n"


def _reasons() -> str:
    lines = ["| queue | has no | why |", "|---|---|---|"]
    for name, executor in executors():
        for capability in CAPABILITIES:
            if reason := executor.cannot.get(capability):
                lines.append(f"| `{name}` | `{capability}` | {reason} |")
    return "\n".join(lines) + "\n"


@cache
def _distributions() -> dict[str, list[str]]:
    """Return what each distribution of this repository needs, by its name."""
    files = sorted((PAGE.parents[2] / "plugins").glob("*/pyproject.toml"))
    projects = [tomllib.loads(path.read_text())["project"] for path in files]
    return {project["name"]: project["dependencies"] for project in projects}


def _needs(package: str) -> str:
    needed = [line for line in _distributions()[package] if not line.startswith("airlock-core")]
    return ", ".join(f"`{line}`" for line in needed)


def written() -> str:
    """Read the tables that stand in the page."""
    return PAGE.read_text().partition(START)[2].partition(END)[0]


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(START)
    PAGE.write_text(before + START + tables() + END + rest.partition(END)[2])
