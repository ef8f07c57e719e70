"""The demo of the shop would fail if airlock did what it must not do."""

from __future__ import annotations

import pytest

# Plugins that break what airlock promises.
CARELESS = """
import airlock

@airlock.hookimpl
def scope_exit(scope):
    for intent in scope.intents:
        intent.more().holds = ()  # as if nothing had waited for the commit

@airlock.hookimpl(wrapper=True)
def dispatch(intent, scope):
    executor = yield

    def send_twice(intent):
        executor(intent)
        return executor(intent)

    return send_twice
"""
IMPATIENT = """
import airlock

@airlock.hookimpl
def intent_created(intent, scope):
    intent.task.apply_async(intent.args, intent.kwargs, task_id=intent.id)

@airlock.hookimpl
def policy_check(intent, scope):
    return airlock.Deny("it has left already")
"""
LOSSY = """
import airlock

@airlock.hookimpl(tryfirst=True)
def dispatch(intent, scope):
    return lambda intent: "a receipt for nothing"
"""


def test_it_fails_where_nothing_waits_for_the_commit_and_all_is_sent_twice(demo, queue):
    """On each queue, what leaves out of a rolled back savepoint, and what leaves twice, is red."""
    demo.install(CARELESS)

    done = demo.play("--queue", queue)

    assert done.code == 1, done.output + done.errors
    for line in (
        "send_confirmation T-1 Order.save left, SENT 2 TIMES 2 times, row there FAIL",
        "add_loyalty_points T-3 LoyaltyEntry.save left, SENT 2 TIMES 2 times, NO ROW FAIL",
        "orders.tasks.send_reminder T-4: 2 times, not 1",
        "\nFAIL: ",
    ):
        assert done.shows(line), f"{line!r} is not in\n{done.output}"
    assert not done.left_over


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
    ],
    ids=["impatient", "lossy"],
)
def test_it_fails_where_a_message_is_early_or_lost(demo, plugin, lines):
    """An effect that leaves before the commit, or never, turns its line red."""
    demo.install(plugin)

    done = demo.play()

    assert done.code == 1, done.output + done.errors
    for line in lines:
        assert done.shows(line), f"{line!r} is not in\n{done.output}"
