"""Tasks that run in a scope, in real workers of three kinds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

import airlock


@pytest.fixture
def journal(make_journal, scoped_worker):
    return make_journal(scoped_worker)


def test_success_flushes(journal):
    """What a scoped task enqueues leaves when the task has succeeded."""
    journal.send("shop.scoped", "success")

    assert journal.has("run 0", "effect of run 0") == ["run 0", "effect of run 0"]


def test_failure_discards(journal):
    """What a scoped task enqueues is discarded when the task fails."""
    task_id = journal.send("shop.scoped", "failure")

    journal.has("run 0")
    assert journal.ends(task_id)[0] == "FAILURE"


def test_retry_discards_and_happens(journal):
    """`self.retry()` discards what the first run enqueued; the second happens, and flushes."""
    task_id = journal.send("shop.scoped", "retry")

    journal.has("run 0", "run 1", "effect of run 1")
    assert journal.ends(task_id) == ("SUCCESS", f"result of {task_id}")


def test_autoretry_discards_and_happens(journal):
    """The same for `autoretry_for`."""
    task_id = journal.send("shop.autoretried", "autoretry")

    journal.has("run 0", "run 1", "effect of run 1")
    assert journal.ends(task_id) == ("SUCCESS", f"result of {task_id}")


@pytest.mark.parametrize("outcome", ["retry forever", "autoretry forever"])
def test_retries_that_run_out_discard(journal, outcome):
    """A task that has used up its retries has failed, and nothing of any run has left."""
    task = "shop.scoped" if outcome == "retry forever" else "shop.autoretried"
    task_id = journal.send(task, outcome)

    journal.has("run 0", "run 1")
    assert journal.ends(task_id)[0] == "FAILURE"


@pytest.mark.parametrize("by", ["", " by a chain", " by a chord"])
def test_a_replacement_and_what_came_before_it_leave(journal, by):
    """`self.replace()` is sent, under the id of the task; so is what the task had enqueued."""
    task_id = journal.send("shop.scoped", f"replace{by}")

    before = {" by a chain": ["effect of the chain"], " by a chord": ["effect of the header"] * 2}
    effects = ["effect of run 0", *before.get(by, [])]
    journal.has("run 0", *effects, f"replacement {task_id}")


@pytest.mark.parametrize("outcome", ["success", "failure"])
def test_a_block_in_a_task_is_a_scope(journal, outcome):
    """`with airlock.scope()` in a task flushes or discards at the end of the block."""
    journal.send("shop.in_a_block", outcome)

    if outcome == "success":
        journal.has("run 0", "after the block", "effect of run 0")
    else:
        journal.has("run 0")


def test_a_flush_that_fails_fails_the_task(journal):
    """What cannot be sent makes the task fail, where everybody sees it."""
    state, result = journal.ends(journal.send("shop.unflushable"))

    assert state == "FAILURE"
    assert result["exc_type"] == "DispatchError"
    assert "1 failed (shop.effect)" in result["exc_message"][0]
    assert journal.has() == []


@pytest.fixture
def request_task(journal):
    """The worker's `shop.request`, as another process knows it."""

    @journal.app.task(shared=False, name="shop.request")
    def request(case): ...

    return request


def test_the_worker_sees_the_id(journal, request_task):
    """`intent.id`, known before anything is sent, is `self.request.id` in the worker."""
    with airlock.scope():
        intent = airlock.enqueue(request_task, journal.case)
        known = intent.id

    assert journal.ends(known)[0] == "SUCCESS"
    assert json.loads(journal.lines[0])["id"] == known == intent.receipt.id


def test_options_and_headers_arrive(journal, request_task):
    """Countdown, priority and headers arrive in the worker as they were given; so does `meta`."""
    asked = datetime.now(UTC)
    with airlock.scope():
        intent = airlock.enqueue(
            request_task,
            journal.case,
            _dispatch_options={"countdown": 1, "priority": 6, "headers": {"shop": "north"}},
        )
        intent.meta["traceparent"] = "00-1-2-01"

    journal.ends(intent.id)
    seen = json.loads(journal.lines[0])
    assert seen["headers"] == {"traceparent": "00-1-2-01", "shop": "north"}
    assert seen["priority"] == 6
    assert timedelta(0) < datetime.fromisoformat(seen["eta"]) - asked < timedelta(seconds=30)


def test_canvases_arrive_whole(journal):
    """A chain, a group, a chord and a signature are executed, each under the id of its intent."""
    state, ids = journal.ends(journal.send("shop.canvases"))

    assert state == "SUCCESS"
    assert [journal.ends(task_id)[1] for task_id in ids] == [10, 7, 11, 1, 2]


def test_an_effect_knows_its_parent(journal):
    """What a task enqueues has that task as its parent, as what it publishes by itself has."""
    task_id = journal.send("shop.parent")

    journal.ends(task_id)
    journal.waits_for_lines(1)
    assert json.loads(journal.lines[0])["parent"] == task_id


def test_a_retry_of_a_shimmed_task_is_not_lost(journal):
    """A retry of a task with `LegacyTaskShim` is the worker's own business, and needs no scope."""
    task_id = journal.send("shop.shimmed", "retry")

    assert journal.ends(task_id) == ("SUCCESS", f"result of {task_id}")
    journal.has("run 0", "run 1")


def test_canvases_of_shimmed_tasks_go_on(journal):
    """So are the next step of a chain, the body of a chord, callbacks and errbacks."""
    journal.send("shop.shimmed_canvases")

    chained, chorded = ["first", "second", "third"], ["header", "header", "body"]
    journal.has(*chained, *chorded, "alone", "linked", "callback", "run 0", "errback")


def test_a_shimmed_task_without_a_scope_says_so(journal):
    """A direct call outside any scope fails the task that makes it, with the remedy."""
    state, result = journal.ends(journal.send("shop.delays_directly"))

    assert (state, result["exc_type"]) == ("FAILURE", "NoScopeError")
    assert "with airlock.scope()" in result["exc_message"][0]
