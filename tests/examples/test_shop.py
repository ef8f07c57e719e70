"""The demo of the shop: it passes, and it would fail if airlock did what it must not do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "shop" / "demo.py"

# Plugins that break what airlock promises. Each is installed as any other plugin is: a module and
# an entry point, on the path of every process of the demo.
IMPATIENT = """
import airlock

@airlock.hookimpl
def intent_created(intent, scope):
    intent.task.apply_async(intent.args, intent.kwargs, task_id=intent.id)

@airlock.hookimpl
def policy_check(intent, scope):
    return airlock.Deny("it has left already")
"""
HASTY = """
import airlock

@airlock.hookimpl
def scope_exit(scope):
    for intent in scope.intents:
        intent.holds = ()  # as if nothing had waited for the commit
"""
LOSSY = """
import airlock

@airlock.hookimpl(tryfirst=True)
def dispatch(intent, scope):
    return lambda intent: "a receipt for nothing"
"""
REPEATING = """
import airlock

def send_twice(intent):
    for _ in range(2):
        receipt = intent.task.apply_async(intent.args, intent.kwargs, task_id=intent.id)
    return receipt

@airlock.hookimpl(tryfirst=True)
def dispatch(intent, scope):
    return send_twice
"""


def _demo(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the demo with `folder` for its temporary files."""
    environment = {name: value for name, value in os.environ.items() if name != "AIRLOCK_PLUGINS"}
    temporary = folder / "temporary"
    temporary.mkdir()
    return subprocess.run(
        [sys.executable, str(DEMO)],
        env={**environment, "TMPDIR": str(temporary), **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=150,
    )


def _install(folder: Path, source: str) -> str:
    """Install a plugin into a folder; return the PYTHONPATH that has it."""
    information = folder / "saboteur-1.0.dist-info"
    information.mkdir()
    (folder / "saboteur.py").write_text(source)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: saboteur\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[airlock]\nsaboteur = saboteur\n")
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


def _has(output: str, line: str) -> bool:
    """Whether a line is in the output, however it is spaced."""
    return line in re.sub(" +", " ", output)


def test_the_demo_passes(tmp_path):
    """What must leave is executed once, beside its row; all else is held back; nothing is left."""
    done = _demo(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "send_confirmation T-1 Order.save left once, row there PASS",
        "notify_warehouse T-1 Order.save left once, row there PASS",
        "add_loyalty_points T-1 LoyaltyEntry.save left once, row there PASS",
        "card=broken → status 500 PASS",
        "send_confirmation T-2 Order.save discarded: response 500 never PASS",
        "add_loyalty_points T-2 LoyaltyEntry.save discarded: response 500 never PASS",
        "send_confirmation T-3 Order.save left once, row there PASS",
        "add_loyalty_points T-3 LoyaltyEntry.save rolled back never PASS",
        "send_confirmation T-4 Order.save denied by BlockTasks never PASS",
        "blocks orders.tasks.send_confirmation",
        "add_loyalty_points T-4 LoyaltyEntry.save left once, row there PASS",
        "│ orders.tasks.send_reminder: would leave through celery",
        "send_reminder T-4 Order.remind discarded: dry run never PASS",
        "send_reminder T-4 Order.remind left once, row there PASS",
        "asked for: 18 left: 10 held back: 8 executed: 10",
        "PASS: all 38 checks",
    ):
        assert _has(done.stdout, line), f"{line!r} is not in\n{done.stdout}"
    assert "FAIL" not in done.stdout
    assert done.stderr == ""
    assert not list((tmp_path / "temporary").iterdir())


def test_it_fails_where_nothing_waits_for_the_commit(tmp_path):
    """What was asked for in a savepoint that was rolled back leaves: a red line."""
    done = _demo(tmp_path, PYTHONPATH=_install(tmp_path, HASTY))

    assert done.returncode == 1, done.stdout + done.stderr
    assert _has(done.stdout, "add_loyalty_points T-3 LoyaltyEntry.save left once, NO ROW FAIL"), (
        done.stdout
    )
    assert _has(done.stdout, "\nFAIL: ")
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(
    ("plugin", "lines"),
    [
        (
            IMPATIENT,
            [
                "send_confirmation T-1 Order.save denied by saboteur, BUT SENT once, ",
                "send_confirmation T-2 Order.save discarded: response 500, BUT SENT once, NO ROW",
                "orders.tasks.send_confirmation T-2: 1 times, not 0",
            ],
        ),
        (
            LOSSY,
            [
                "send_confirmation T-1 Order.save left, BUT WAS NOT SENT never FAIL",
                "orders.tasks.send_reminder T-4: 0 times, not 1",
            ],
        ),
        (
            REPEATING,
            [
                "send_confirmation T-1 Order.save left, SENT 2 TIMES 2 times, row there FAIL",
                "orders.tasks.send_reminder T-4: 2 times, not 1",
            ],
        ),
    ],
    ids=["impatient", "lossy", "repeating"],
)
def test_it_fails_where_a_message_is_early_lost_or_sent_twice(tmp_path, plugin, lines):
    """An effect that leaves before the commit, never, or twice turns its line red."""
    path = _install(tmp_path, plugin)

    done = _demo(tmp_path, PYTHONPATH=path)

    assert done.returncode == 1, done.stdout + done.stderr
    for line in lines:
        assert _has(done.stdout, line), f"{line!r} is not in\n{done.stdout}"
