"""What becomes of a task and its effects: each row of docs/reference/celery-outcomes.md, in real workers."""

from __future__ import annotations

import itertools
import os

import pytest

from celery_matrix import OUTCOMES, POOLS, outcomes_of
from celery_matrix_page import HEADING, SAME, WAYS, read_table
from celery_matrix_worker import Trial, Worker

IN_EVERY_RUN = [
    *(("redis", "prefork", way) for way in ("plain", "intercept", "scoped")),
    *(("redis", pool, "intercept") for pool in ("threads", "solo", "gevent")),
    ("rabbitmq", "prefork", "intercept"),
]
# All of them where heavy tests are larger, since a worker takes some seconds.
LARGER = int(os.environ.get("AIRLOCK_TEST_SIZE", "1")) > 1
ALL = list(itertools.product(("redis", "rabbitmq"), POOLS, WAYS))
COMBINATIONS = ALL if LARGER else IN_EVERY_RUN


def test_the_table_has_a_row_for_each_outcome():
    """Each outcome that is tried has a row, in the same order, and no row is left untried."""
    heading, rows = read_table()

    assert heading == HEADING
    assert [row.outcome for row in rows] == list(OUTCOMES)


def test_each_difference_is_written_once_and_has_a_reason():
    """A cell that says what the one before it says is `=`; a row with a difference says why, no other."""
    _, rows = read_table()

    for row in rows:
        promised = [row.promise(way) for way in WAYS]
        changes = [left != right for left, right in itertools.pairwise(promised)]
        assert [cell != SAME for cell in row.cells[1:]] == changes, row.outcome
        assert bool(row.why) == any(changes), row.outcome


@pytest.mark.parametrize(("broker", "pool", "way"), COMBINATIONS)
def test_a_worker_shows_what_the_table_says(broker, pool, way, request, new_database, make_app):
    """State, runs, effects and the other tasks are as the table says, in each pool, with each broker."""
    results = new_database()
    queue = request.getfixturevalue("rabbitmq_url") if broker == "rabbitmq" else results
    outcomes = {name: OUTCOMES[name] for name in outcomes_of(pool)}
    promised = {row.outcome: row.promise(way) for row in read_table()[1] if row.outcome in outcomes}

    with Worker(way, pool, queue, results) as worker:
        with Trial(worker, make_app(queue, result_backend=results)) as trial:
            found = trial.run(outcomes, promised)

    wrong = [
        f"{name}:\n    the table:  {promised.get(name)}\n    the worker: {cell}"
        for name, cell in found.items()
        if cell != promised.get(name)
    ]
    assert not wrong, "\n".join(wrong)
