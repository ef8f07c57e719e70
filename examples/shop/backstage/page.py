"""The page that the demo prints: a table for each scenario, and PASS or FAIL on each line."""

from collections.abc import Iterable
from typing import Any

from backstage.checks import Check, EffectSeen

WIDTH = 100
COLUMNS = (18, 10, 17, 23, 16)
HEADINGS = ("asked for", "order, id", "asked for in", "left, or held back", "the worker ran it")
SHORT = 6  # characters of an id that a cell has room for


class Page:
    """Prints, and counts what failed."""

    def __init__(self) -> None:
        self.checks = 0
        self.failed = 0

    def line(self, text: str = "") -> None:
        """Print a line at once, also where the output is a pipe."""
        print(text, flush=True)

    def heading(self, text: str) -> None:
        """Print the title of a part."""
        self.line()
        self.line(text)
        self.line("─" * WIDTH)

    def check(self, text: str, check: Check) -> None:
        """Print a line with its PASS or FAIL."""
        self._checked(f"   {text}", check)
        if not check.passed:
            self.line(f"      found:    {_shown(check.found)}")
            self.line(f"      expected: {_shown(check.expected)}")

    def effects(self, checks: Iterable[Check]) -> None:
        """Print a table of effects, each with its PASS or FAIL."""
        self.line()
        self.line("   " + _row(HEADINGS))
        for check in checks:
            seen = check.found or check.expected
            *cells, why = _cells(seen)
            if check.found is None:
                cells[3:], why = ["NOT ASKED FOR", ""], ""
            self._checked("   " + _row(cells), check)
            if why:
                self.line(" " * (3 + sum(COLUMNS[:3]) + 6) + why)
            if not check.passed:
                expected = "nothing" if check.expected is None else _sentence(check.expected)
                self.line(f"      expected: {expected}")

    def _checked(self, text: str, check: Check) -> None:
        self.checks += 1
        self.failed += not check.passed
        self.line(f"{text:{WIDTH - 5}} {'PASS' if check.passed else 'FAIL'}")


def _row(cells: Iterable[str]) -> str:
    pairs = zip(cells, COLUMNS, strict=True)
    return "  ".join(f"{cell:{width}}" for cell, width in pairs).rstrip()


def _cells(seen: EffectSeen) -> tuple[str, ...]:
    outcome, why = seen.outcome, ""
    if len(outcome) > len("discarded: response 500"):  # the reason has a line of its own
        outcome, _, why = outcome.partition(": ")
    order = f"{seen.order} {seen.correlation_id[:SHORT]}"
    return seen.task, order, seen.asked_in, _fate(outcome, seen.sent), seen.worker, why


def _fate(outcome: str, sent: int) -> str:
    """Say in a few words whether it left: what the shop reports, and what the broker has."""
    if outcome == "dispatched":
        return {0: "left, BUT WAS NOT SENT", 1: "left"}.get(sent, f"left, SENT {sent} TIMES")
    return outcome if not sent else f"{outcome}, BUT SENT"


def _sentence(effect: EffectSeen) -> str:
    task, order, asked_in, fate, worker, why = _cells(effect)
    return f"{task} {order} in {asked_in}: {fate}{why and ': '}{why}; {worker}"


def _shown(value: Any) -> str:
    if not isinstance(value, tuple):
        return str(value)
    text = " ".join(map(str, value)) or "none"
    return text if len(text) < WIDTH // 2 else ("\n" + " " * 16).join(value)
