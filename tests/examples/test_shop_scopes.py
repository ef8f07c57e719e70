"""Each execution of a task is a scope, in the worker of each queue that the shop runs on."""

from __future__ import annotations

import shutil

import pytest

LINE = '    return f"to pack: one {order.item}"\n'
ASKS = """
    import airlock

    airlock.enqueue(send_reminder, number)
    if number != "T-4":
        raise RuntimeError("the warehouse is closed")
"""


@pytest.fixture
def changed(demo, tmp_path):
    """The demo of a shop whose `notify_warehouse` asks for an effect, and then mostly fails."""
    demo.shop = shutil.copytree(demo.shop, tmp_path / "shop")
    tasks = demo.shop / "orders" / "tasks.py"
    text = tasks.read_text()
    assert text.count(LINE) == 1
    tasks.write_text(text.replace(LINE, ASKS + LINE))
    return demo


def test_what_a_task_asks_for_leaves_when_it_succeeds(changed, queue):
    """What a task asked for is discarded with the task that fails, and leaves when it succeeds."""
    done = changed.play("--queue", queue)

    assert done.code == 1, done.output + done.errors
    for line in (
        "notify_warehouse T-1 ID Order.save left once, it failed FAIL",
        "notify_warehouse T-3 ID Order.save left once, it failed FAIL",
        "notify_warehouse T-4 ID Order.save left once, row and id PASS",
    ):
        assert done.shows(line), f"{line!r} is not in\n{done.output}"
    # Beyond what the requests and the command have sent, which each check counts for itself:
    more = " found: orders.tasks.send_reminder T-4: 1 times, not 0\n"
    assert done.output.count(more) == 2, done.output
    assert done.output.count("times, not") == 2, done.output
