"""How the tests run the demo of the shop: a program, in a folder of the test's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@dataclass(frozen=True)
class Ended:
    """A demo that has ended.

    Attributes:
        code: its exit code.
        output: what it printed, with one space where there were more, and ID for each
            correlation id beside an order.
        errors: what it printed to standard error.
        left_over: the files in the temporary folder.
    """

    code: int
    output: str
    errors: str
    left_over: list[Path]

    def shows(self, line: str) -> bool:
        """Whether it printed that, however it is spaced."""
        return line in self.output


class Demo:
    """The demo, with a folder for its temporary files.

    Args:
        folder: the test's own folder.
    """

    def __init__(self, folder: Path) -> None:
        self.shop = SHOP
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.environment = {
            name: value for name, value in os.environ.items() if name != "AIRLOCK_PLUGINS"
        } | {"TMPDIR": str(self.temporary)}

    def install(self, source: str) -> None:
        """Install a plugin as any other is: a module and an entry point, on the path."""
        information = self.folder / "saboteur-1.0.dist-info"
        information.mkdir()
        (self.folder / "saboteur.py").write_text(source)
        (information / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: saboteur\nVersion: 1.0\n"
        )
        (information / "entry_points.txt").write_text("[airlock]\nsaboteur = saboteur\n")
        path = filter(None, [str(self.folder), os.environ.get("PYTHONPATH")])
        self.environment["PYTHONPATH"] = os.pathsep.join(path)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start it, and return its process."""
        return subprocess.Popen(
            [sys.executable, str(self.shop / "demo.py"), *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            **options,
        )

    def play(self, *arguments: str) -> Ended:
        """Run it to its end."""
        with self.start(*arguments) as process:
            try:
                output, errors = process.communicate(timeout=150)
            finally:
                process.terminate()  # ends what it has started, too
        left_over = list(self.temporary.iterdir())
        output = re.sub(r"\b(T-\d) [0-9a-f]{6}\b", r"\1 ID", re.sub(" +", " ", output))
        return Ended(process.returncode, output, errors, left_over)


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    """The demo of the shop."""
    return Demo(tmp_path)


@pytest.fixture(params=["celery", "rq", "dramatiq", "huey"])
def queue(request: pytest.FixtureRequest) -> str:
    """Each queue that the shop runs on, in turn."""
    name: str = request.param
    return name
