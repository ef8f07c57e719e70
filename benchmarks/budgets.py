"""The budgets, and whether what was measured keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tables import Table

Figures = dict[str, Any]


@dataclass(frozen=True)
class Budget:
    """What something may cost.

    Args:
        what: what it is.
        limit: the figure that is to be reached.
        found: the figure that was measured.
        unit: what the figures are.
        at_least: whether more is better; otherwise less is.
    """

    what: str
    limit: float
    found: float
    unit: str = "×"
    at_least: bool = True

    @property
    def kept(self) -> bool:
        return self.found >= self.limit if self.at_least else self.found <= self.limit

    def cells(self) -> list[str]:
        sign = "≥" if self.at_least else "≤"
        if self.kept:
            verdict = "met"
        else:
            verdict = f"missed by {abs(1 - self.found / self.limit):.0%}"
        limit = f"{sign} {self.limit:g}{self.unit}"
        return [self.what, limit, f"{self.found:.3g}{self.unit}", verdict]


def of_the_core(rows: Figures) -> Iterator[Budget]:
    yield Budget("an `enqueue`, against airlock-py", 4, rows["an enqueue"]["ratio"])
    yield Budget("an empty scope, against airlock-py", 4, rows["an empty scope"]["ratio"])
    plugin = rows["one more plugin at a hook"]["airlock"]
    yield Budget("one more plugin at a hook", 60, plugin, " ns", at_least=False)
    weight = rows["memory of an intent, bytes"]
    yield Budget(
        "memory of a buffered intent",
        round(weight["airlock-py"]),
        weight["airlock"],
        " bytes",
        at_least=False,
    )
    few, many = (
        sum(rows[f"each of 10^{power}, {part}"]["airlock"] for part in ("enqueue", "flush"))
        for power in (3, 5)
    )
    # What is not linear takes a hundred times as long; the processor's caches account for this.
    yield Budget("an intent of 100,000, against one of 1,000", 1.5, many / few, "×", at_least=False)


def of_the_queues(queues: Figures) -> Iterator[Budget]:
    """Yield those of each queue: against the peer's loop, or the queue's own where it has none."""
    for queue, near, far in (("Celery", 2.5, 12), ("RQ", 3.5, 25), ("Dramatiq", 3.5, None)):
        row = queues.get(f"{queue} on Redis")
        if row is None:
            continue
        for link, limit in (("loopback", near), ("slow", far)):
            if limit is None:
                continue
            peer = row[link].get("against the peer")
            whose, figure = ("airlock-py's", peer) if peer else ("its own", row[link]["airlock"])
            name = "on the loopback" if link == "loopback" else "1 ms away"
            what = f"1,000 intents to {queue} on Redis, {name}, against {whose} loop"
            yield Budget(what, limit, figure["ratio"])
    if queues:
        most = max(row["round trips"]["airlock"] for row in queues.values())
        yield Budget("round trips of a run, on any queue", 3, most, "", at_least=False)


def table(figures: Figures) -> Table:
    found = [*of_the_core(figures["core"]["rows"]), *of_the_queues(figures["queues"]["queues"])]
    return Table(
        "Against the budgets", ["", "budget", "measured", ""], [budget.cells() for budget in found]
    )
