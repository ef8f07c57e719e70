"""The scope of a Django process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

from airlock import ConfigurationError, DispatchError, Intent, Scope
from airlock_django import settings
from airlock_django.reporting import report
from airlock_django.reports import IntentReport, report_of


class DjangoScope(Scope):
    """A scope that waits for the commit, exactly as the rows do.

    Args:
        using: the databases to wait for; by default each that is in a transaction at the
            `enqueue`.
        **arguments: those of `airlock.Scope`.

    Raises:
        ConfigurationError: `using` names a database that is not in `DATABASES`.
    """

    def __init__(self, *, using: str | Iterable[str] | None = None, **arguments: Any) -> None:
        """Make a scope; it is not current before it is entered."""
        super().__init__(**arguments)
        self.using = checked_aliases(using)
        self._to_report: list[DispatchError] | None = None

    @property
    def report(self) -> list[IntentReport]:
        """What there is to say about each intent: where it comes from, who judged it, what became
        of it. Made when it is asked for; before the end, policies are asked in a dry run.
        """
        return report_of(self)

    def open(self, parent: Scope | None) -> None:
        """Let it accept intents; in a test run, strictly unless a setting says otherwise."""
        settings.follow_test_runner()
        super().open(parent)

    async def run_blocking(self, function: Callable[[], Any]) -> Any:
        """Run it in the thread that has the request's database connections."""
        from asgiref.sync import sync_to_async

        return await sync_to_async(function, thread_sensitive=True)()

    async def aexit(self, error: BaseException | None = None) -> None:
        """Do what `exit()` does, without blocking the event loop."""
        await self._reporting_off_loop(super().aexit(error))

    async def aflush(self) -> None:
        """Do what `flush()` does, without blocking the event loop."""
        await self._reporting_off_loop(super().aflush())

    async def aredispatch(self, intents: Sequence[Intent]) -> None:
        """Do what `redispatch()` does, without blocking the event loop."""
        await self._reporting_off_loop(super().aredispatch(intents))

    async def _reporting_off_loop(self, ending: Awaitable[None]) -> None:
        """Report where the receivers of the signal may block: use the ORM, or retry."""
        self._to_report = []
        try:
            await ending
        finally:
            failures, self._to_report = self._to_report, None
            for failure in failures:
                await self.run_blocking(partial(report, failure))

    def answer(self, failure: DispatchError | None, error: BaseException | None) -> None:
        """Report what did not leave, then raise it as every scope does."""
        if failure is not None:
            if self._to_report is None:
                report(failure)
            else:
                self._to_report.append(failure)
        super().answer(failure, error)

    def release_failed(self, error: DispatchError) -> None:
        """Report what could not be sent after a commit; raise it there if the setting says so."""
        report(error)
        if settings.get("RAISE_DISPATCH_ERRORS"):
            raise error


def checked_aliases(using: str | Iterable[str] | None) -> Collection[str] | None:
    """Return the aliases, where each is in `DATABASES`."""
    if using is None:
        return None
    from django.db import connections

    aliases = (using,) if isinstance(using, str) else tuple(using)
    for alias in aliases:
        if alias not in connections:
            known = ", ".join(connections)
            raise ConfigurationError(
                f"using={alias!r} is not in DATABASES. There are: {known}. Correct using= or "
                "AIRLOCK['USING']."
            )
    return aliases
