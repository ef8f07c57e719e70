"""The `atomic()` blocks of a connection: those of the application, and those of a test case.

`TestCase` and pytest-django wrap each test in a transaction that never commits. It is the floor,
not a transaction: effects leave when they would in production, at the end of the outermost
block above it.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

_watching = False


def real_blocks(connection: Any) -> tuple[int, int]:
    """Count the application's own open blocks, and those of the test case below them."""
    blocks = connection.atomic_blocks
    floor = 0
    while floor < len(blocks) and blocks[floor]._from_testcase:
        floor += 1
    return len(blocks) - floor, floor


def watch_blocks() -> None:
    """Have the ledgers told when a block ends. Called while tests and dry runs run, and only then.

    Above a test's own transaction a block commits nothing, so there is no statement to follow. A
    `with` looks up how to leave when it is entered: it has to be watched before.
    """
    global _watching
    if _watching:
        return
    _watching = True
    from django.db import transaction

    original = transaction.Atomic.__exit__

    @wraps(original)
    def exit_and_tell(self: Any, exc_type: Any, exc: Any, traceback: Any) -> Any:
        try:
            return original(self, exc_type, exc, traceback)
        finally:
            connection = transaction.get_connection(self.using)
            ledger = getattr(connection, "_airlock_ledger", None)
            if ledger is not None and not self._from_testcase:
                ledger.block_left()

    transaction.Atomic.__exit__ = exit_and_tell  # type: ignore[method-assign]
