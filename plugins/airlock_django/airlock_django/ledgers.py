"""A ledger: what became of the work that one connection's transactions held.

Django's `on_commit` alone cannot tell: it keeps callbacks of a savepoint that was rolled back
by hand, fires them where PostgreSQL turned a COMMIT into a rollback, drops them where another
callback raises, and says nothing at all on rollback. So the ledger follows the statements
themselves: each `savepoint`, `savepoint_rollback`, `commit`, `rollback` and `close` of the
connection, from the first `enqueue` in a transaction on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from airlock import Hold
from airlock_django.blocks import real_blocks, watch_blocks
from airlock_django.reporting import logger

_ATTRIBUTE = "_airlock_ledger"
_IN_ERROR = 3  # TransactionStatus.INERROR of psycopg, TRANSACTION_STATUS_INERROR of psycopg2


class Ledger:
    """The holds of one connection, in the order of their making.

    Args:
        connection: Django's connection; its transaction methods are wrapped, for good.
    """

    def __init__(self, connection: Any) -> None:
        """Begin to follow the connection."""
        self._connection = connection
        self._holds: list[Hold] = []
        self._marks: list[tuple[str, int]] = []
        self._current: Hold | None = None
        self._committed: list[Hold] = []
        self._undone: list[Hold] = []
        self._errors: list[Exception] = []
        self._on_floor = False
        for name in (
            "savepoint",
            "savepoint_rollback",
            "savepoint_commit",
            "commit",
            "rollback",
            "close",
            "set_autocommit",
        ):
            setattr(connection, name, self._wrapped(name, getattr(connection, name)))

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        around: Callable[..., Any] = getattr(self, f"_{name}")

        @wraps(original)
        def followed(*args: Any, **kwargs: Any) -> Any:
            return around(original, *args, **kwargs)

        return followed

    def hold(self) -> Hold | None:
        """Return the hold for work that is done now; None under a test's own transaction alone.

        Work between the same two savepoint statements shares one hold, and one `on_commit`
        callback, which keeps the order among the callbacks of others and is what
        `captureOnCommitCallbacks` sees.
        """
        real, floor = real_blocks(self._connection)
        if not real:
            return None
        if floor:
            self._on_floor = True
            watch_blocks()
        if self._connection.closed_in_transaction:
            lost = Hold()  # the database rolls back by itself, and nothing more will be heard of it
            lost.cancel()
            return lost
        if self._current is None or not self._current.pending:
            hold = self._current = Hold()
            self._holds.append(hold)

            def airlock_release() -> None:
                if hold not in self._undone:  # Django runs it after a COMMIT that rolled back, too
                    self._settle(hold, kept=True)

            self._connection.on_commit(airlock_release)
        return self._current

    # The connection's methods

    def _savepoint(self, original: Callable[..., Any]) -> Any:
        sid = original()
        if sid is not None:
            self._marks.append((sid, len(self._holds)))
            self._current = None
        return sid

    def _savepoint_rollback(self, original: Callable[..., Any], sid: str) -> Any:
        try:
            return original(sid)
        finally:
            # Where the statement failed, the whole transaction is doomed: undone all the same.
            position = self._position(sid)
            undone, self._holds = self._holds[position:], self._holds[:position]
            self._current = None
            for hold in undone:
                self._settle(hold, kept=False)

    def _savepoint_commit(self, original: Callable[..., Any], sid: str) -> Any:
        result = original(sid)
        self._marks = [mark for mark in self._marks if mark[0] != sid]
        return result

    def _position(self, sid: str) -> int:
        """Return how many holds are older than a savepoint, and forget the younger savepoints.

        A savepoint that is not known was made before the connection was followed, that is,
        before the first hold.
        """
        for index, (known, position) in enumerate(self._marks):
            if known == sid:
                del self._marks[index + 1 :]
                return position
        self._marks.clear()
        return 0

    def _commit(self, original: Callable[..., Any]) -> Any:
        doomed = self._commit_rolls_back()
        result = original()
        (self._undone if doomed else self._committed).extend(self._ended())
        return result

    def _rollback(self, original: Callable[..., Any]) -> Any:
        try:
            return original()
        finally:
            self._undone.extend(self._ended())

    def _close(self, original: Callable[..., Any]) -> Any:
        try:
            return original()
        finally:
            for hold in self._ended():
                self._settle(hold, kept=False)

    def _set_autocommit(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Django calls it before and after each transaction; afterwards it runs the callbacks."""
        try:
            result = original(*args, **kwargs)
        except BaseException:
            # Another library's callback raised, and Django dropped the rest of them.
            self._finish()
            self._log_errors()
            raise
        self._finish()
        self._raise_errors()
        return result

    # The end of a transaction

    def block_left(self) -> None:
        """Take the end of the outermost block above a test's own transaction for a commit."""
        if not self._on_floor or real_blocks(self._connection)[0]:
            return
        self._on_floor = False
        ended = self._ended()
        (self._undone if self._connection.needs_rollback else self._committed).extend(ended)
        self._finish()
        self._raise_errors()

    def _commit_rolls_back(self) -> bool:
        """Whether the database will answer COMMIT with a rollback, and no error."""
        raw = self._connection.connection
        status = getattr(getattr(raw, "info", None), "transaction_status", None)
        if status is not None:
            return int(status) == _IN_ERROR
        # SQLite ends the transaction itself on some errors; COMMIT then finds none.
        return getattr(raw, "in_transaction", True) is False

    def _ended(self) -> list[Hold]:
        holds, self._holds, self._current = self._holds, [], None
        self._marks.clear()
        return holds

    def _finish(self) -> None:
        """Settle what the end of the transaction has decided."""
        if self._connection.in_atomic_block and not self._committed and not self._undone:
            return
        while self._undone:
            self._settle(self._undone.pop(0), kept=False)
        while self._committed:
            self._settle(self._committed.pop(0), kept=True)

    def _settle(self, hold: Hold, *, kept: bool) -> None:
        """Settle a hold; what it raises waits until Django's own work is done."""
        try:
            if kept:
                hold.keep()
            else:
                hold.cancel()
        except Exception as error:
            self._errors.append(error)

    def _raise_errors(self) -> None:
        if self._errors and not self._connection.in_atomic_block:
            errors, self._errors = self._errors, []
            if len(errors) == 1:
                raise errors[0]
            raise ExceptionGroup("several scopes could not send their intents", errors)

    def _log_errors(self) -> None:
        errors, self._errors = self._errors, []
        for error in errors:
            logger.error("while another error was raised: %s", error, exc_info=error)


def ledger_of(connection: Any) -> Ledger:
    """Return the connection's ledger, made on first use."""
    ledger: Ledger | None = getattr(connection, _ATTRIBUTE, None)
    if ledger is None:
        ledger = Ledger(connection)
        setattr(connection, _ATTRIBUTE, ledger)
    return ledger
