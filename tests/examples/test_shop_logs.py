"""The correlation id of an order is in the table of the shop's demo, and in the shop's logs."""

from __future__ import annotations

import json
import re


def _events(log, correlation_id):
    """The lines of JSON in a log that have a correlation id, each with what it says."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"')]
    return [
        (line["event"], line.get("order") or line.get("task") or line.get("counts"))
        for line in lines
        if line.get("correlation_id", "").startswith(correlation_id)
    ]


def test_the_id_in_the_table_finds_the_lines_of_an_order(demo):
    """One id leads from an order in the table to all that the server and the worker logged of it."""
    with demo.start("--keep") as process:
        output, errors = process.communicate(timeout=60)
    (folder,) = demo.temporary.iterdir()
    ids = dict(re.findall(r"(T-\d) ([0-9a-f]{6}) ", output.partition("5  A dry run")[0]))

    assert process.returncode == 0, output + errors
    assert len(set(ids.values())) == 4
    assert _events(folder / "server.log", ids["T-3"]) == [
        ("no points", "T-3"),
        ("dispatch", None),
        ("intent_rolled_back", "orders.tasks.add_loyalty_points"),
        ("scope_exit", {"dispatched": 2, "rolled back": 1}),
    ]
    assert _events(folder / "worker.log", ids["T-3"]) == [
        ("send_confirmation", "T-3"),
        ("notify_warehouse", "T-3"),
    ]
    assert _events(folder / "worker.log", ids["T-2"]) == []
