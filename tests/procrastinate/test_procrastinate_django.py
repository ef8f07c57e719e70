"""Django: the job is a row of the transaction that asked for it, in processes with a real database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"

TABLES = """
CREATE TABLE IF NOT EXISTS twinapp_row (id serial PRIMARY KEY, token varchar(64) UNIQUE NOT NULL);
TRUNCATE twinapp_row;
"""


@pytest.fixture
def output_of(jobs, new_database):
    """A function that runs a program in a shop with Django, and returns what it printed."""
    jobs.connection.execute(TABLES)

    def run(body: str, ends: int = 0, **environment: str) -> list[str]:
        program = f"from procrastinate_django import *\n{body}"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env={
                **os.environ,
                "AIRLOCK_TEST_DATABASE": json.dumps(jobs.database.django),
                "PYTHONPATH": str(SUPPORT),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == ends, done.stderr
        return done.stdout.splitlines()

    return run


def test_the_job_is_in_the_transaction(output_of, jobs):
    """Sent at the scope's end, inside `atomic`, in one INSERT; others see it after the commit."""
    assert output_of("""
with transaction.atomic():
    with airlock.scope() as scope:
        Row.objects.create(token="1")
        airlock.enqueue(add, 1)
        airlock.enqueue(greet, 2)
    print(*states(scope), committed())
print(committed())
""") == ["dispatched dispatched 0 rows, jobs []", "1 rows, jobs [1, 2]"]
    assert jobs.inserts == [2]


def test_a_rollback_takes_the_job_along(output_of):
    """Work and job vanish together, also where the scope had sent it."""
    assert output_of("""
with contextlib.suppress(ValueError), transaction.atomic():
    with airlock.scope() as scope:
        Row.objects.create(token="1")
        airlock.enqueue(add, 1)
    print(*states(scope))
    raise ValueError
print(committed())
""") == ["dispatched", "0 rows, jobs []"]


def test_savepoints_that_are_rolled_back_take_theirs_along(output_of, jobs):
    """What was enqueued in them does not leave; the rest does, in one INSERT."""
    assert output_of("""
with transaction.atomic():
    with airlock.scope() as scope:
        airlock.enqueue(add, 1)
        with transaction.atomic():
            airlock.enqueue(add, 2)
            with contextlib.suppress(ValueError), transaction.atomic():
                airlock.enqueue(add, 3)
                raise ValueError
        with contextlib.suppress(ValueError), transaction.atomic():
            airlock.enqueue(add, 4)
            raise ValueError
        airlock.enqueue(add, 5)
    print(*states(scope), sep=", ")
print(committed())
""") == [
        "dispatched, dispatched, rolled back, rolled back, dispatched",
        "0 rows, jobs [1, 2, 5]",
    ]
    assert jobs.inserts == [3]


def test_a_scope_around_the_transaction_sends_after_the_commit(output_of):
    """As with any queue: what is still to come may make the scope discard."""
    assert output_of("""
with airlock.scope() as scope:
    with transaction.atomic():
        airlock.enqueue(add, 1)
    print(*states(scope), committed())
print(*states(scope), committed())
""") == ["pending 0 rows, jobs []", "dispatched 0 rows, jobs [1]"]


def test_a_scope_in_a_savepoint_shares_its_fate(output_of):
    """The job is in the savepoint as the work is, and is undone with it alone."""
    assert output_of("""
with transaction.atomic():
    with transaction.atomic(), airlock.scope() as scope:
        airlock.enqueue(add, 1)
    print(*states(scope))
    with contextlib.suppress(ValueError), transaction.atomic():
        with airlock.scope() as scope:
            airlock.enqueue(add, 2)
        print(*states(scope))
        raise ValueError
print(committed())
""") == ["dispatched", "dispatched", "0 rows, jobs [1]"]


def test_a_scope_that_ends_in_a_younger_savepoint_waits_for_the_commit(output_of):
    """Rolled back, the savepoint would take the job along, and the work would stay."""
    assert output_of("""
with transaction.atomic():
    scope = airlock.scope().enter()
    airlock.enqueue(add, 1)
    with contextlib.suppress(ValueError), transaction.atomic():
        scope.exit()
        print(*states(scope))
        raise ValueError
print(*states(scope), committed())
""") == ["pending", "dispatched 0 rows, jobs [1]"]


def test_other_effects_wait_for_the_commit(output_of):
    """Beside a job, a function that is to run here still runs after the commit."""
    assert output_of("""
with transaction.atomic():
    with airlock.scope():
        airlock.enqueue(print, "runs here")
        airlock.enqueue(add, 1)
    print("before the commit")
print(committed())
""") == ["before the commit", "runs here", "0 rows, jobs [1]"]


@pytest.mark.parametrize(
    "doom",
    [
        "transaction.set_rollback(True)",
        "fail_in_sql()",
    ],
    ids=["set_rollback", "a failed statement"],
)
def test_a_doomed_transaction_is_no_error(output_of, doom):
    """Where the transaction can only be rolled back, the job is rolled back with it, in silence."""
    assert output_of(f"""
with transaction.atomic():
    with airlock.scope() as scope:
        airlock.enqueue(add, 1)
        {doom}
print(*states(scope), committed(), sep=", ")
""") == ["rolled back, 0 rows, jobs []"]


def test_a_refused_job_leaves_the_transaction_usable(output_of):
    """A lock that is taken fails one job; the rows and the other jobs commit."""
    assert output_of("""
with transaction.atomic():
    try:
        with airlock.scope():
            airlock.enqueue(one_at_a_time, 1)
            airlock.enqueue(one_at_a_time, 2)
            airlock.enqueue(add, 3)
    except airlock.DispatchError as error:
        print(type(error.exceptions[0]).__name__, *(i.args for i in error.failed))
    Row.objects.create(token="1")
print(committed())
""") == ["AlreadyEnqueued (2,)", "1 rows, jobs [1, 3]"]


def test_the_transaction_of_another_database_is_waited_for(output_of, new_database):
    """A job does not leave before every transaction has committed that its intent is in."""
    body = """
with transaction.atomic(using="other"):
    with transaction.atomic():
        with airlock.scope() as scope:
            connections["other"].cursor().execute("SELECT 1")
            airlock.enqueue(add, 1)
        print(*states(scope))
    print(*states(scope))
print(*states(scope), committed())
"""
    expected = ["pending", "pending", "dispatched 0 rows, jobs [1]"]

    assert output_of(body, AIRLOCK_TEST_OTHER=json.dumps(new_database().django)) == expected


def test_in_a_request_the_middlewares_scope_waits(output_of):
    """A scope in a view hands its intents to the request's, which sends after the commit."""
    assert output_of("""
print(get("/order/"), committed())
""") == ["pending 200 1 rows, jobs [1]"]


def test_a_request_scope_may_let_jobs_into_the_transaction(output_of):
    """Its `before_descendant_flushes` lets through what commits with the transaction that is open."""
    assert output_of("""
airlock.configure(scope_cls=RequestScope)
print(get("/order/"), committed())
with contextlib.suppress(ValueError):
    get("/order/?fail=yes")
print(committed())
""") == ["dispatched 200 1 rows, jobs [1]", "1 rows, jobs [1]"]


def test_with_atomic_requests_a_scope_in_the_view_is_enough(output_of):
    """The request's transaction is the one that the view's scope ends in."""
    body = """
airlock.configure(scope_cls=RequestScope)
print(get("/plain/"), committed())
"""

    assert output_of(body, AIRLOCK_TEST_ATOMIC="yes") == ["dispatched 200 1 rows, jobs [1]"]


def test_an_async_scope_sends_through_djangos_connection(output_of):
    """In `async with`, the job goes through the thread that has the connections."""
    assert output_of("""
import asyncio
from asgiref.sync import sync_to_async

async def view():
    async with airlock.scope() as scope:
        await sync_to_async(order)("1")
    return states(scope)

print(*asyncio.run(view()), committed())
""") == ["dispatched 1 rows, jobs [1]"]


def test_an_app_of_its_own_can_use_djangos_connection(output_of):
    """As in a worker, whose app has a pool: an executor with Django's connection joins all the same."""
    assert output_of("""
own = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
task = own.task(name="add")(lambda number: None)
executor = ProcrastinateExecutor(connection=lambda: connection.connection)
for number in (1, 2):
    with contextlib.suppress(ValueError), transaction.atomic():
        with airlock.scope(executor=executor) as scope:
            Row.objects.create(token=number)
            airlock.enqueue(task, number)
        print(*states(scope), committed())
        if number == 2:
            raise ValueError
print(committed())
""") == ["dispatched 0 rows, jobs []", "dispatched 1 rows, jobs [1]", "1 rows, jobs [1]"]


@pytest.mark.parametrize(
    ("moment", "left"),
    [("before the commit", (0, [])), ("after the commit", (1, [1]))],
    ids=["before", "after"],
)
def test_a_kill_loses_both_or_neither(output_of, jobs, moment, left):
    """SIGKILL right before the COMMIT loses row and job, right after it neither."""
    body = f"""
import os, signal
commit = connection.commit

def killed():
    if {moment!r} == "after the commit":
        commit()
    os.kill(os.getpid(), signal.SIGKILL)

with transaction.atomic():
    with airlock.scope():
        order("1")
    connection.commit = killed
"""
    output_of(body, ends=-signal.SIGKILL)
    rows = jobs.connection.execute("SELECT count(*) FROM twinapp_row").fetchone()[0]

    assert (rows, jobs.numbers) == left
