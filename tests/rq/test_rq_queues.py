"""Which queue, and so which Redis, a job is for."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
from rq import Queue

import airlock
import rq_shop
from airlock_rq import RQExecutor, rq_executor


def enqueue(executor, task=rq_shop.add, **options) -> airlock.Intent:
    with airlock.scope(executor=executor):
        return airlock.enqueue(task, 1, _dispatch_options=options)


def test_the_option_wins(queue, decorated, connect, new_database):
    """A queue in the options is the one, whatever the function and the executor say."""
    elsewhere = Queue("elsewhere", connection=connect(new_database()))
    intent = enqueue(RQExecutor(queue), decorated, queue=elsewhere)

    assert elsewhere.job_ids == [intent.id]
    assert queue.job_ids == []


def test_a_decorated_function_goes_home(queue, decorated, connect, new_database):
    """The function's own queue comes before the executor's, and a name is one on its Redis."""
    elsewhere = Queue(connection=connect(new_database()))
    first = enqueue(RQExecutor(elsewhere), decorated)
    second = enqueue(RQExecutor(elsewhere), decorated, queue="emails")

    assert queue.job_ids == [first.id]
    assert Queue("emails", connection=queue.connection).job_ids == [second.id]


def test_a_decorator_with_a_queue(queue, monkeypatch):
    """`@job(queue)` with an `rq.Queue` is as good as one with a name."""
    monkeypatch.setattr(rq_shop.decorator, "queue", queue)
    assert enqueue(None, rq_shop.decorated).receipt.origin == "default"
    assert enqueue(None, rq_shop.decorated, queue="emails").receipt.origin == "emails"
    assert len(queue.job_ids) == 1


def test_a_named_queue_is_made_like_the_executors(connection):
    """A name beside an executor's queue is one with the same Redis and the same settings."""
    queue = Queue(connection=connection, default_timeout=42)
    intent = enqueue(RQExecutor(queue), queue="emails")

    assert intent.receipt.origin == "emails"
    assert intent.receipt.timeout == 42


def test_a_function_from_names_to_queues(connection):
    """An executor may have a function that is asked for each name."""
    executor = RQExecutor(lambda name: Queue(f"shop-{name}", connection=connection))

    assert enqueue(executor).receipt.origin == "shop-default"
    assert enqueue(executor, queue="emails").receipt.origin == "shop-emails"


def test_a_function_that_returns_something_else():
    """One that returns no queue is named at the `enqueue`."""
    with pytest.raises(airlock.IntentError, match=r"should return an rq\.Queue"):
        enqueue(RQExecutor(lambda name: name))


def test_the_environment(url, monkeypatch):
    """`RQ_REDIS_URL`, which RQ's own command reads, is the Redis of names and of `default`."""
    monkeypatch.setenv("RQ_REDIS_URL", url)

    assert enqueue("rq").receipt.origin == "default"
    assert enqueue("rq", queue="emails").receipt.origin == "emails"
    assert enqueue(RQExecutor("reports")).receipt.origin == "reports"


def test_an_address_that_is_none(monkeypatch):
    """An address that cannot serve is refused, and not shown: it may hold a password."""
    monkeypatch.setenv("RQ_REDIS_URL", "http://:secret@localhost")
    with pytest.raises(airlock.IntentError, match="RQ_REDIS_URL cannot serve") as caught:
        enqueue("rq")
    assert "secret" not in str(caught.value)


def test_no_redis_at_all():
    """Where nothing says which Redis, the `enqueue` says what can."""
    with pytest.raises(airlock.IntentError, match="Set RQ_REDIS_URL, give"):
        enqueue(rq_executor)


DJANGO = """
import sys
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django_rq"],
    RQ={"COMMIT_MODE": sys.argv[2]},
    RQ_QUEUES={
        "default": {"URL": sys.argv[1], "DEFAULT_RESULT_TTL": 33},
        "emails": {"URL": sys.argv[1], "DEFAULT_TIMEOUT": 44},
    },
)
django.setup()

import django_rq
import airlock
import rq_shop

with airlock.scope(executor="rq"):
    intents = [airlock.enqueue(rq_shop.add, number) for number in range(3)]
    emails = airlock.enqueue(rq_shop.add, 3, _dispatch_options={"queue": "emails"})
    try:
        airlock.enqueue(rq_shop.add, 4, _dispatch_options={"queue": "unknown"})
    except airlock.IntentError as error:
        print(error)
queue = django_rq.get_queue()
assert queue.job_ids == [intent.id for intent in intents]
assert {job.result_ttl for job in queue.jobs} == {33}
assert django_rq.get_queue("emails").jobs[0].timeout == 44
"""


@pytest.mark.parametrize("mode", ["auto", "on_db_commit", "request_finished"])
def test_django_rq(tmp_path, url, mode):
    """Where django-rq is configured, its queues are the ones; airlock waits, and not its commit mode."""
    if importlib.util.find_spec("django_rq") is None:
        pytest.skip("django-rq is not installed")
    program = tmp_path / "program.py"
    program.write_text(DJANGO)
    path = ":".join(entry for entry in sys.path if entry)
    run = subprocess.run(
        [sys.executable, str(program), url, mode],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": path},
    )

    assert run.returncode == 0, run.stderr
    assert "RQ_QUEUES has no queue 'unknown'. It has: default, emails." in run.stdout


def test_a_sync_queue_runs_the_job_at_the_flush(connection):
    """A job of a queue with `is_async=False` runs in this process when the scope flushes."""
    queue = Queue(connection=connection, is_async=False)
    with airlock.scope(executor=RQExecutor(queue)):
        intent = airlock.enqueue(rq_shop.add, 1, right=2)
        assert intent.outcome is None

    assert intent.receipt.is_finished
    assert intent.receipt.return_value() == 3
    assert queue.job_ids == []


@pytest.mark.parametrize("outcome", ["success", "failure"])
def test_a_job_that_runs_here_has_a_scope(connection, decorated, outcome):
    """What it enqueues leaves in the same flush, and is discarded where it fails."""
    sync = Queue("sync", connection=connection, is_async=False)
    with airlock.scope(executor=RQExecutor(sync)):
        intent = airlock.enqueue(rq_shop.scoped, "case", outcome)
        last = airlock.enqueue(rq_shop.add, 1)

    finished = outcome == "success"
    assert intent.receipt.get_status() == ("finished" if finished else "failed")
    assert last.receipt.is_finished
    effects = Queue(connection=connection).jobs
    assert [job.func_name for job in effects] == ["rq_shop.effect"] * finished
