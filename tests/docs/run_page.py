"""run_page.py PAGE: does what a page of the documentation shows, and compares what comes out.

A page is a program. It runs in a process and an empty directory of its own, so that one page's
Django, Celery or configuration is nobody else's, and its blocks share one namespace:

- ```python runs. Where its first line is a comment with a file name (`# shop/settings.py`), it is
  that file instead, written before anything runs.
- ```text below it is what it printed; where it raised, the last lines are the exception's.
- ```console holds commands after `$ ` and what they print.
- Any other block is only read, such as ```sh for what installs or needs a server.

In what is expected, `...` stands for anything. `supplied/PAGE.py`, where there is one, runs first
and supplies what a page takes for granted: a configured Django, or what its `names` holds.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

SUPPLIED = Path(__file__).parent / "supplied"
BLOCK = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w/]+\.(?:py|toml))\n")


@dataclass
class Block:
    """A fenced block: its language, its text and the number of its first line."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file that it is, if it is one."""
        name = FILE.match(self.text)
        return name[1] if self.language in ("python", "toml") and name else None


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text()
    found = []
    for block in BLOCK.finditer(text):
        lines = [line.removeprefix(block[1]) for line in block[3].splitlines(keepends=True)]
        found.append(Block(block[2], "".join(lines), text.count("\n", 0, block.start()) + 2))
    return found


def agrees(printed: str, expected: str) -> bool:
    """Whether what was printed is what the page says, `...` standing for anything."""
    pattern = ".*".join(map(re.escape, expected.strip().split("...")))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


class Page:
    """A page on its way through."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.blocks = blocks_of(path)
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.mistakes: list[str] = []

    def run(self) -> list[str]:
        """Run the page in the current directory, and list what is not as it says."""
        for block in self.blocks:
            if block.file:
                target = Path(block.file)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text)
        name = self.path.parent.name if self.path.stem == "README" else self.path.stem
        supplied = SUPPLIED / f"{name}.py"
        if supplied.exists():
            namespace = {"page": self.path, "blocks_of": blocks_of}
            exec(compile(supplied.read_text(), str(supplied), "exec"), namespace)
            self.namespace.update(namespace.get("names", {}))
        for block, below in pairwise([*self.blocks, None]):
            assert block is not None
            if block.language == "python" and not block.file:
                self._python(block, below if below and below.language == "text" else None)
            elif block.language == "console":
                self._console(block)
        return self.mistakes

    def _python(self, block: Block, below: Block | None) -> None:
        output = io.StringIO()
        # Blank lines above it, so that tracebacks and `origin` name the line of the page.
        source = "\n" * (block.line - 1) + block.text
        try:
            with contextlib.redirect_stdout(output):
                exec(compile(source, str(self.path), "exec"), self.namespace)
        except Exception as error:
            if below is None:
                self._mistake(block, "".join(traceback.format_exception(error)))
                return
            output.write("".join(traceback.format_exception_only(error)))
        printed = output.getvalue()
        if below is not None:
            self._compare(below, printed, below.text)
        elif printed.strip():
            self._mistake(block, f"it prints what the page does not show:\n{printed}")

    def _console(self, block: Block) -> None:
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            run = subprocess.run(
                command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            self._compare(block, run.stdout, expected)

    def _compare(self, block: Block, printed: str, expected: str) -> None:
        if not agrees(printed, expected):
            lines = (expected.strip().splitlines(), printed.strip().splitlines())
            names = ("the page says", "it printed")
            self._mistake(block, "\n".join(difflib.unified_diff(*lines, *names, lineterm="")))

    def _mistake(self, block: Block, what: str) -> None:
        self.mistakes.append(f"{self.path}:{block.line}: {what}")


def main(path: Path) -> int:
    """Run a page in a directory of its own."""
    # The commands of the same environment: `airlock`, `python`.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ["COLUMNS"] = "100"
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        sys.path.insert(0, directory)
        os.environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, [directory, os.environ.get("PYTHONPATH")])
        )
        mistakes = Page(path).run()
        os.chdir("/")
    print("\n\n".join(mistakes))
    return 1 if mistakes else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]).resolve()))
