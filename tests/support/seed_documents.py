"""The code examples of the documents that this system comes from, in `tests/seeds/`.

    block = blocks("airlock-celery-1.md", "Celery Options")[0]
    namespace = block.run(airlock=airlock, send_email=send_email)

Where an example goes on from an earlier one, give it that one's namespace:

    first, second = blocks("airlock-celery-1.md", "Selective Migration")
    second.run(**first.run(app=app))
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEEDS = Path(__file__).parents[1] / "seeds"

_runs = itertools.count(1)
_HEADING = re.compile(r"^#+ (.+)$")


@dataclass(frozen=True)
class Block:
    """An example: where it stands, and its text."""

    document: str
    heading: str
    line: int
    code: str

    def run(self, /, **names: Any) -> dict[str, Any]:
        """Execute it as it is written, with the names that it leaves out; return its namespace.

        Each time it is a module of its own, so that what is named after its module, as Celery's
        tasks are, has another name each time.
        """
        path = SEEDS / self.document
        module = f"{path.stem.replace('-', '_')}_{next(_runs)}"
        namespace = {**names, "__name__": module, "__file__": str(path)}
        # Tracebacks and warnings point into the document.
        exec(compile("\n" * (self.line - 1) + self.code, path, "exec"), namespace)
        return namespace


def blocks(document: str, heading: str | None = None, language: str = "python") -> list[Block]:
    """The examples in a language below a heading of a document, or all of the document."""
    found: list[Block] = []
    under, inside, start = "", None, 0
    lines = (SEEDS / document).read_text().splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if line.startswith("```"):
            if inside is None:
                inside, start = line[3:].strip(), number + 1
            else:
                if inside == language:
                    code = "".join(lines[start - 1 : number - 1])
                    found.append(Block(document, under, start, code))
                inside = None
        elif inside is None and (title := _HEADING.match(line)):
            under = title[1].strip()
    chosen = [block for block in found if heading in (None, block.heading)]
    if not chosen:
        raise LookupError(f"{document} has no {language} example below {heading!r}")
    return chosen
