"""The table of what `core.py` has measured, for the page."""

from __future__ import annotations

from typing import Any

from tables import Table

Rows = dict[str, dict[str, float]]


def table(rows: Rows) -> Table:
    call = rows["a bare call"]["airlock"]
    return Table(
        "The core, without a queue",
        ["ns, where nothing else is said", "airlock", "bare calls", "airlock-py", "faster"],
        [_cells(name, row, call) for name, row in rows.items()],
    )


def _cells(name: str, row: dict[str, Any], call: float) -> list[str]:
    counted = name.endswith((", bytes", ", modules"))
    calls = "" if counted else f"{row['airlock'] / call:,.0f}"
    if "ratio" not in row:
        return [name, f"{row['airlock']:,.0f}", calls, "–", ""]
    spread = f"{row['least ratio']:.1f}–{row['greatest ratio']:.1f}"
    faster = f"{row['ratio']:.1f}× ({spread})"
    return [name, f"{row['airlock']:,.0f}", calls, f"{row['airlock-py']:,.0f}", faster]
