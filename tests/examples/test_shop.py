"""The demo of the shop passes, with the same output on each queue."""

from __future__ import annotations

import subprocess
import sys


def test_the_demo_passes(demo, queue):
    """What must leave is executed once, beside its row, under its id; all else is held back."""
    done = demo.play("--queue", queue)

    assert done.code == 0, done.output + done.errors
    for line in (
        "send_confirmation T-1 ID Order.save left once, row and id PASS",
        "notify_warehouse T-1 ID Order.save left once, row and id PASS",
        "add_loyalty_points T-1 ID LoyaltyEntry.save left once, row and id PASS",
        "card=broken → status 500 PASS",
        "send_confirmation T-2 ID Order.save discarded: response 500 never PASS",
        "add_loyalty_points T-2 ID LoyaltyEntry.save discarded: response 500 never PASS",
        "send_confirmation T-3 ID Order.save left once, row and id PASS",
        "add_loyalty_points T-3 ID LoyaltyEntry.save rolled back never PASS",
        "send_confirmation T-4 ID Order.save denied by BlockTasks never PASS",
        "blocks orders.tasks.send_confirmation",
        "add_loyalty_points T-4 ID LoyaltyEntry.save left once, row and id PASS",
        f"│ orders.tasks.send_reminder: would leave through {queue}",
        "send_reminder T-4 ID Order.remind discarded: dry run never PASS",
        "send_reminder T-4 ID Order.remind left once, row and id PASS",
        "asked for: 18 left: 10 held back: 8 executed: 10",
        "PASS: all 39 checks",
    ):
        assert done.shows(line), f"{line!r} is not in\n{done.output}"
    assert "FAIL" not in done.output
    assert done.errors == ""
    assert not done.left_over


def test_an_unknown_queue_is_told_which_there_are(demo):
    """The demo, and the shop without it, name the queues that they can run on."""
    done = demo.play("--queue", "pigeons")
    manage = subprocess.run(
        [sys.executable, str(demo.shop / "manage.py"), "check"],
        env={**demo.environment, "SHOP_QUEUE": "pigeons"},
        capture_output=True,
        text=True,
    )

    assert done.code == 2
    for name in ("pigeons", "celery", "rq", "dramatiq", "huey"):
        assert name in done.errors
    assert manage.returncode == 1
    assert "SHOP_QUEUE is 'pigeons'. Choose one of: celery, rq, dramatiq, huey." in manage.stderr


def test_a_server_that_is_not_installed_is_named(demo, tmp_path):
    """Where the machine has no Redis, the demo says what to install, and leaves nothing behind."""
    demo.environment["PATH"] = str(tmp_path)

    done = demo.play("--queue", "rq")

    assert done.code == 1, done.output + done.errors
    assert done.shows(
        "this queue needs redis-server, which is not on this machine: apt-get install"
    )
    assert done.errors == ""
    assert not done.left_over
