"""The panel for django-debug-toolbar: what a request wanted to send, and what became of it.

`DEBUG_TOOLBAR_PANELS = [*PANELS_DEFAULTS, "airlock_django.panels.AirlockPanel"]`.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from debug_toolbar.panels import Panel
from django.http import HttpRequest, HttpResponseBase
from django.template import Context, Engine

from airlock import Phase, Scope, State
from airlock_django.recordings import record
from airlock_django.reports import report_of

_TROUBLE = {state.value for state in (State.FAILED, State.UNDELIVERED, State.UNCERTAIN)}


class AirlockPanel(Panel):
    """Shows the intents of a request: origin, verdicts, outcome, executor, id and times."""

    is_async = True
    title = "Intents of the request (airlock)"
    nav_title = "airlock"
    nav_icon = "airlock_django/airlock.svg"  # type: ignore[assignment]  # the toolbar says None

    @classmethod
    def ready(cls) -> None:
        """Record every scope of the process, so that there is something to show."""
        # Once, at the start, and not per request: other threads choose executors meanwhile.
        record()

    @property
    def nav_subtitle(self) -> str:
        """How many intents there were, and how many of them left."""
        intents = self._stats().get("intents", ())
        left = sum(intent["state"] == State.DISPATCHED.value for intent in intents)
        return f"{left} of {len(intents)} dispatched" if intents else "no intents"

    @property
    def content(self) -> str:
        """The table, from what was recorded alone: the request may be long gone."""
        text: str = _template().render(Context(self._stats()))
        return text

    def generate_stats(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Keep the report of the request's scope, as the values that JSON has."""
        scope: Scope | None = getattr(request, "airlock_scope", None)
        # Without a dry run of the policies: one that uses the ORM cannot do so in an event loop.
        reports = [] if scope is None else report_of(scope, judge=False)
        here = str(Path.cwd()) + os.sep
        stats = {
            "scope": "" if scope is None else f"{scope.name}: {scope.phase.value}",
            "hint": _hint(scope, response),
            "intents": [
                {
                    **asdict(report),
                    "origin": report.origin.removeprefix(here),
                    "trouble": report.state in _TROUBLE or bool(report.error),
                }
                for report in reports
            ],
        }
        self.record_stats(stats)  # type: ignore[no-untyped-call]

    def _stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = self.get_stats()  # type: ignore[no-untyped-call]
        return stats


def _hint(scope: Scope | None, response: HttpResponseBase) -> str:
    """Say why what is pending is pending, or why there is nothing to see."""
    if scope is None:
        return (
            "This request had no scope: airlock_django.AirlockMiddleware is not in MIDDLEWARE, or "
            "another middleware answered before it."
        )
    if scope.phase is Phase.WAITING:
        return "The scope is waiting for a transaction around the request."
    if scope.phase is not Phase.OPEN:
        return ""
    if response.streaming:
        return "The response is streamed: what is pending leaves at the end of its body."
    return (
        "The scope is still open: move AirlockMiddleware below DebugToolbarMiddleware, so that it "
        "ends before this panel looks."
    )


@cache
def _template() -> Any:
    # Not by the project's loaders, which do not look here where the app is installed as
    # "airlock.integrations.django".
    folder = str(Path(__file__).parent / "templates")
    return Engine(dirs=[folder]).get_template("airlock_django/panel.html")
