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
MISTAKEN = """
import airlock

first = {}

@airlock.hookimpl(wrapper=True)
def intent_created(intent, scope):
    yield
    # What travels with the first intent of the process travels with each.
    intent.meta.update(first or intent.meta)
    first.update(intent.meta)
"""


def test_it_fails_where_nothing_waits_for_the_commit_and_all_is_sent_twice(demo, queue):
    """On each queue, what leaves out of a rolled back savepoint, and what leaves twice, is red."""
    demo.install(CARELESS)

    done = demo.play("--queue", queue)

    assert done.code == 1, done.output + done.errors
    for line in (
        "send_confirmation T-1 ID Order.save left, SENT 2 TIMES 2 times, row and id FAIL",
        "add_loyalty_points T-3 ID LoyaltyEntry.save left, SENT 2 TIMES 2 times, NO ROW FAIL",
        "orders.tasks.send_reminder T-4: 2 times, not 1",
        "\nFAIL: ",
    ):
        assert done.shows(line), f"{line!r} is not in\n{done.output}"
    assert not done.left_over


def test_it_fails_where_the_worker_logs_under_the_id_of_another_order(demo, queue):
    """On each queue, a task whose line in the worker's log has not its order's id is red."""
    demo.install(MISTAKEN)

    done = demo.play("--queue", queue)

    assert done.code == 1, done.output + done.errors
    for line in (
        "send_confirmation T-1 ID Order.save left once, row and id PASS",
        "send_confirmation T-3 ID Order.save left once, NOT ITS ID FAIL",
        "send_reminder T-4 ID Order.remind left once, row and id PASS",  # in a process of its own
        "\nFAIL: 4 of 39 checks",
    ):
        assert done.shows(line), f"{line!r} is not in\n{done.output}"


@pytest.mark.parametrize(
    ("plugin", "lines"),
    [
        (
            IMPATIENT,
            [
                "send_confirmation T-1 ID Order.save denied by saboteur, BUT SENT once, ",
                "send_confirmation T-2 ID Order.save discarded: response 500, BUT SENT once, NO ROW",
                "orders.tasks.send_confirmation T-2: 1 times, not 0",
            ],
        ),
        (
            LOSSY,
            [
                "send_confirmation T-1 ID Order.save left, BUT WAS NOT SENT never FAIL",
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
