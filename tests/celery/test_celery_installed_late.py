"""The intercept, installed by a signal of Celery's instead of where the app is made."""

from __future__ import annotations

import pytest

import celery_workers

WAYS = [
    ("celeryd_init", "prefork"),
    ("celeryd_init", "threads"),
    ("worker_process_init", "prefork"),
    ("worker_process_init", "solo"),
    ("worker_ready", "threads"),
]


@pytest.fixture(scope="module", params=WAYS, ids=[" ".join(way) for way in WAYS])
def worker(request, new_database, apps):
    """A worker whose app gets the intercept when the signal is sent."""
    signal, pool = request.param
    broker = new_database()
    with celery_workers.Worker(
        "late_shop", broker, pool, apps, AIRLOCK_TEST_SIGNAL=signal
    ) as started:
        yield started


@pytest.mark.parametrize("outcome", ["success", "failure", "retry"])
def test_executions_are_wrapped(make_journal, worker, outcome):
    """Success flushes, failure and retry discard, though the pool had its tasks prepared before."""
    journal = make_journal(worker)
    task_id = journal.send("shop.legacy", outcome)

    expected = {
        "success": ["run 0", "effect of run 0"],
        "failure": ["run 0"],
        "retry": ["run 0", "run 1", "effect of run 1"],
    }[outcome]
    lines = journal.has(*expected)
    assert lines[-1] == expected[-1]  # the effect leaves after its run
    assert journal.ends(task_id)[0] == ("FAILURE" if outcome == "failure" else "SUCCESS")
