"""A ledger: what became of the work that one connection's transactions held.

Django's `on_commit` alone cannot tell: it keeps callbacks of a savepoint that was rolled back
by hand, fires them where PostgreSQL turned a COMMIT into a rollback, drops them where another
callback raises, and says nothing at all on rollback. So the ledger follows the statements
themselves: each `savepoint`, `savepoint_rollback`, `commit`, `rollback` and `close` of the
connection, from the first `enqueue` in a transaction on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from airlock import Hold
from airlock_django.blocks import real_blocks, watch_blocks
from airlock_django.reporting import logger

_IN_ERROR = 3  # TransactionStatus.INERROR of psycopg, TRANSACTION_STATUS_INERROR of psycopg2


class TransactionHold(Hold):
    """A hold that knows that its work was undone before those who wait may be told.

    Args:
        connection: the connection whose transaction it stands for. An executor whose message is a
            row asks for it: written through the same connection, the row commits with that work.
    """

    __slots__ = ("connection", "undone")

    def __init__(self, connection: Any) -> None:
        """Make a pending hold."""
        super().__init__()
        self.connection = connection
        self.undone = False

    def covers_now(self) -> bool:
        """Whether a row that is written now through the connection has this hold's fate."""
        ledger: Ledger = self.connection._airlock_ledger
        return ledger.covers(self)


class Ledger:
    """The holds of one connection, in the order of their making.

    It is the connection's attribute `_airlock_ledger`.

    Args:
        connection: Django's connection; its transaction methods are wrapped, for good.
    """

    def __init__(self, connection: Any) -> None:
        """Begin to follow the connection."""
        self._connection = connection
        self._holds: list[TransactionHold] = []
        self._marks: dict[str, int] = {}  # savepoint: how many holds are older
        self._current: TransactionHold | None = None
        self._ended: list[TransactionHold] = []  # decided, and not settled yet
        self._failed = False  # whether the transaction that just ended was rolled back
        self._errors: list[Exception] = []
        self._settling = 0
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
        connection._airlock_ledger = self

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
        current = self._current
        if current is not None and current.pending:
            return current
        real, floor = real_blocks(self._connection)
        if not real:
            return None
        if floor:
            watch_blocks()
        hold = TransactionHold(self._connection)
        if self._connection.closed_in_transaction:
            hold.cancel()  # the database has rolled back, and no statement will follow
            return hold
        self._current = hold
        self._holds.append(hold)

        def airlock_release() -> None:
            if not hold.undone:  # Django runs it after a COMMIT that rolled back, too
                self._settle(hold)

        self._connection.on_commit(airlock_release)
        return hold

    def covers(self, hold: TransactionHold) -> bool:
        """Whether no savepoint is open that is younger than a hold: it could take a row with it.

        Nor can a row be written that commits where the database has given the transaction up.
        """
        if hold not in self._holds or self._commit_rolls_back():
            return False
        return max(self._marks.values(), default=0) <= self._holds.index(hold)

    # The connection's methods

    def _savepoint(self, original: Callable[..., Any]) -> Any:
        sid = original()
        if sid is not None:
            self._marks.pop(sid, None)  # clean_savepoints() makes names come again
            self._marks[sid] = len(self._holds)
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
                hold.undone = True
                self._settle(hold)

    def _savepoint_commit(self, original: Callable[..., Any], sid: str) -> Any:
        result = original(sid)
        self._marks.pop(sid, None)
        return result

    def _position(self, sid: str) -> int:
        """Return how many holds are older than a savepoint, and forget the younger savepoints.

        A savepoint that is not known was made before the connection was followed, that is,
        before the first hold.
        """
        if sid not in self._marks:
            self._marks.clear()
            return 0
        while (last := next(reversed(self._marks))) != sid:
            del self._marks[last]
        return self._marks[sid]

    def _commit(self, original: Callable[..., Any]) -> Any:
        doomed = self._commit_rolls_back()
        result = original()
        self._end(undone=doomed)
        return result

    def _rollback(self, original: Callable[..., Any]) -> Any:
        try:
            return original()
        finally:
            self._end(undone=True)

    def _close(self, original: Callable[..., Any]) -> Any:
        connection = self._connection
        try:
            return original()
        finally:
            # SQLite's database in memory stays open, and its transaction goes on.
            if connection.closed_in_transaction or connection.connection is None:
                self._end(undone=True)
                self._settle_ended()
                self._log_errors()

    def _set_autocommit(
        self, original: Callable[..., Any], autocommit: bool, *args: Any, **kwargs: Any
    ) -> Any:
        """Django calls it before and after each transaction; afterwards it runs the callbacks."""
        if not autocommit:
            return original(autocommit, *args, **kwargs)
        if self._holds and not self._connection.in_atomic_block:
            self._end_unknown()
        # A callback may run transactions of its own: their ends are another list.
        ended, self._ended = self._ended, []
        failed, self._failed = self._failed, False
        try:
            with self._waiting_errors():
                try:
                    result = original(autocommit, *args, **kwargs)
                finally:
                    # Where another library's callback raises, Django drops the rest of them.
                    self._settle_all(ended)
        except BaseException:
            self._log_errors()
            raise
        self._answer(failed)
        return result

    # The end of a transaction

    def block_left(self) -> None:
        """Take the end of the outermost block above a test's own transaction for a commit."""
        if not self._holds or real_blocks(self._connection)[0]:
            return
        self._end(undone=self._connection.needs_rollback)
        failed, self._failed = self._failed, False
        with self._waiting_errors():
            self._settle_ended()
        self._answer(failed)

    def _commit_rolls_back(self) -> bool:
        """Whether the database will answer COMMIT with a rollback, and no error."""
        raw = self._connection.connection
        status = getattr(getattr(raw, "info", None), "transaction_status", None)
        if status is not None:
            return int(status) == _IN_ERROR
        # SQLite ends the transaction itself on some errors; COMMIT then finds none.
        return getattr(raw, "in_transaction", True) is False

    def _end_unknown(self) -> None:
        """Meet a COMMIT that was interrupted: Django neither took it for done nor rolled back."""
        # SQLite commits what is open when it goes back to autocommit, so the rows are there.
        there = hasattr(self._connection.connection, "in_transaction")
        if not there:
            logger.error(
                "a COMMIT on the database %r was interrupted: what was enqueued in it is taken "
                "for rolled back, and does not leave",
                self._connection.alias,
            )
        self._end(undone=not there)

    def _end(self, *, undone: bool) -> None:
        holds, self._holds, self._current = self._holds, [], None
        self._marks.clear()
        for hold in holds:
            hold.undone = undone
        self._ended += holds
        self._failed = undone

    def _settle_ended(self) -> None:
        ended, self._ended = self._ended, []
        self._settle_all(ended)

    def _settle_all(self, ended: list[TransactionHold]) -> None:
        """Settle what the end of a transaction has decided."""
        waiting = iter(ended)
        try:
            for hold in waiting:
                self._settle(hold)
        except BaseException:  # the process is being stopped; the others are released all the same
            self._settle_all(list(waiting))
            raise

    def _settle(self, hold: TransactionHold) -> None:
        """Settle a hold; what it raises waits until Django's own work is done."""
        try:
            if hold.undone:
                hold.cancel()
            else:
                hold.keep()
        except Exception as error:
            self._errors.append(error)

    @contextmanager
    def _waiting_errors(self) -> Iterator[None]:
        """Keep errors back while others are still to be settled, also in nested transactions."""
        self._settling += 1
        try:
            yield
        finally:
            self._settling -= 1

    def _answer(self, failed: bool) -> None:
        """Raise what the end of a transaction has brought about; log it after a rollback.

        There is an error of the block's own then, which must not be replaced.
        """
        if failed:
            self._log_errors()
        if self._errors and not self._settling:
            errors, self._errors = self._errors, []
            if len(errors) == 1:
                raise errors[0]
            raise ExceptionGroup("several scopes could not send their intents", errors)

    def _log_errors(self) -> None:
        if self._settling:
            return
        errors, self._errors = self._errors, []
        for error in errors:
            logger.error("while another error was raised: %s", error, exc_info=error)
