"""An app of before airlock, under the global intercept, in real workers of three kinds."""

from __future__ import annotations

import pytest


@pytest.fixture
def journal(make_journal, intercepted_worker):
    return make_journal(intercepted_worker)


@pytest.mark.parametrize("task", ["shop.legacy", "shop.noted"])
def test_success_flushes(journal, task):
    """What a task publishes with `.delay()` leaves when it has succeeded."""
    task_id = journal.send(task, "success")

    called = ["called with id True"] if task == "shop.noted" else []
    lines = journal.has(*called, "run 0", "effect of run 0")
    assert lines[-1] == "effect of run 0"
    assert journal.ends(task_id) == ("SUCCESS", f"result of {task_id}")


@pytest.mark.parametrize("task", ["shop.legacy", "shop.noted"])
def test_failure_discards(journal, task):
    """What a task publishes with `.delay()` is discarded when it fails."""
    task_id = journal.send(task, "failure")

    journal.has(*["called with id True"] * (task == "shop.noted"), "run 0")
    assert journal.ends(task_id)[0] == "FAILURE"


def test_a_retry_discards_and_is_not_lost(journal):
    """A retry is the worker's own business: it is sent at once, and only the last run flushes."""
    task_id = journal.send("shop.legacy", "retry")

    journal.has("run 0", "run 1", "effect of run 1")
    assert journal.ends(task_id) == ("SUCCESS", f"result of {task_id}")


def test_a_retry_of_a_task_with_its_own_base_is_not_lost(journal):
    """The same where the task's class has an `apply_async` and a `__call__` of its own."""
    task_id = journal.send("shop.noted", "retry")

    called = ["called with id True"] * 2
    journal.has("run 0", *called, "really published", "run 1", "effect of run 1")
    assert journal.ends(task_id) == ("SUCCESS", f"result of {task_id}")


def test_an_automatic_retry_is_not_lost(journal):
    """The same for `autoretry_for`."""
    task_id = journal.send("shop.autoretried", "autoretry")

    journal.has("run 0", "run 1", "effect of run 1")
    assert journal.ends(task_id) == ("SUCCESS", f"result of {task_id}")


@pytest.mark.parametrize("outcome", ["retry forever", "autoretry forever"])
def test_retries_that_run_out_discard(journal, outcome):
    """A task that has used up its retries has failed, and nothing of any run has left."""
    task = "shop.legacy" if outcome == "retry forever" else "shop.autoretried"
    task_id = journal.send(task, outcome)

    journal.has("run 0", "run 1")
    assert journal.ends(task_id)[0] == "FAILURE"


@pytest.mark.parametrize("by", ["", " by a chain", " by a chord"])
def test_a_replacement_and_what_came_before_it_leave(journal, by):
    """`self.replace()` is sent, under the id of the task; so is what the task had enqueued."""
    task_id = journal.send("shop.legacy", f"replace{by}")

    before = {" by a chain": ["effect of the chain"], " by a chord": ["effect of the header"] * 2}
    effects = ["effect of run 0", *before.get(by, [])]
    journal.has("run 0", *effects, f"replacement {task_id}")


def test_a_task_that_sends_itself_again_is_not_lost(journal):
    """What a task sends under its own id is a retry by hand, and leaves at once."""
    journal.send("shop.legacy", "send itself")

    journal.has("run 0", "run 0", "effect of run 0")


def test_an_own_apply_async_runs_at_the_real_publish(journal):
    """A base class's `apply_async` runs once, when the task is really sent."""
    journal.send("shop.publishes_noted")

    lines = journal.has(
        "before the flush", "really published", "called with id True", "run 0", "effect of run 0"
    )
    assert lines[:2] == ["before the flush", "really published"]


def test_a_task_that_calls_itself_is_one_execution(journal):
    """What the inner calls publish leaves with the outermost, and not before it."""
    journal.send("shop.recursive", 2)

    lines = journal.has(
        "the end is reached", "effect of depth 2", "effect of depth 1", "effect of depth 0"
    )
    assert lines[0] == "the end is reached"


def test_canvases_leave_whole_after_success(journal):
    """A chord and a chain that a task publishes leave when it has succeeded, and complete."""
    journal.send("shop.canvas", False)

    numbers = [f"number {value}" for value in (1, 2, 3, 10, 20)]
    lines = journal.has("published", *numbers, "total 6")
    assert lines[0] == "published"


def test_canvases_are_discarded_with_a_failure(journal):
    """Nothing of them leaves where the task fails."""
    journal.send("shop.canvas", True)

    journal.has("published")
