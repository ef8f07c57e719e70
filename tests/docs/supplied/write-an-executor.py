"""The module that the page's test imports: the executor that the page shows, and a task."""

from pathlib import Path

shown = next(b.text for b in blocks_of(page) if "class ListExecutor" in b.text)  # noqa: F821
shown = shown.partition("\n\nmessages = []")[0]
Path("list_executor.py").write_text(f"{shown}\n\n\ndef task(number):\n    pass\n")
