"""Tasks that run in a scope, in the real cluster of the project, whose database this process shares."""

from __future__ import annotations

import time
import uuid

import pytest
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import Task
from django_q.scheduler import scheduler
from django_q.tasks import async_chain, async_task, fetch, result_group, schedule

import airlock
import django_q_shop

FIRST = ["first run"]
SECOND = ["second run", "effect of the second run"]
SUCCESS = ["first run", "effect of the first run"]

# The ORM broker has a task again that is not acknowledged; Redis has forgotten it.
retried = bool(Conf.ORM)


pytestmark = pytest.mark.usefixtures("shared_database")


def send(function, *args, **options):
    """Have the cluster call a function, and return the intent."""
    with airlock.scope():
        return airlock.enqueue(function, *args, _dispatch_options=options)


def ends(intent):
    """Wait for the end of a task: what django-q has saved of it."""
    task = fetch(intent.receipt, wait=30_000)
    assert task is not None
    return task


def test_success_flushes(journal):
    """What a task enqueues leaves when the task has succeeded."""
    intent = send(django_q_shop.works, journal.case, "succeeds")

    journal.has(*SUCCESS)
    assert (ends(intent).success, ends(intent).result) == (True, "succeeds")


def test_failure_discards(journal):
    """What a task enqueues is discarded when it fails."""
    intent = send(django_q_shop.works, journal.case, "fails", ack_failure=True)

    journal.has(*FIRST)
    assert not ends(intent).success


def test_a_flush_that_fails_fails_the_task(journal):
    """What cannot be sent makes the task fail, where everybody sees it."""
    intent = send(django_q_shop.works, journal.case, "cannot flush", ack_failure=True)

    task = ends(intent)
    assert not task.success
    assert "DispatchError" in task.result
    assert "1 failed (django_q_shop.effect)" in task.result


@pytest.mark.parametrize("outcome", ["fails at first", "cannot flush at first"])
def test_the_next_run(journal, outcome):
    """A broker that gives the task out again does so; nothing of that is held back."""
    intent = send(django_q_shop.works, journal.case, outcome)
    left = [] if outcome == "fails at first" else ["effect of the first run"]

    journal.has(*FIRST, *left, *(SECOND if retried else []))
    assert (ends(intent).success, ends(intent).attempt_count) == (retried, 1 + retried)


def test_a_timeout_discards(journal):
    """A task that takes too long is stopped, and what it had enqueued does not leave."""
    intent = send(django_q_shop.stuck, journal.case, timeout=1, ack_failure=True)

    # Django-q interrupts the task, or kills its process before that: then there is no result.
    task = fetch(intent.receipt, wait=5_000)
    assert task is None or "exceeded maximum timeout" in task.result
    journal.has("begun")


def test_a_task_arrives_as_it_was_enqueued(journal):
    """Arguments that are named like options reach the function, and the id is known before."""
    with airlock.scope():
        intent = airlock.enqueue(
            "django_q_shop.sees", journal.case, group=1, hook=2, timeout=3,
            _dispatch_options={"task_name": "monthly", "group": "reports"},
        )  # fmt: skip
        identity = intent.id

    journal.has("() {'group': 1, 'hook': 2, 'timeout': 3}")
    task = ends(intent)
    assert (task.id, task.name, task.group) == (identity, "monthly", "reports")
    assert task.func == "django_q_shop.sees"


def test_functions_are_shown_by_their_own_names():
    """In django-q's tables, a function is what it is without airlock."""
    with airlock.scope():
        intents = [airlock.enqueue(task, 1, 2) for task in (django_q_shop.add, "operator.add")]

    assert [ends(intent).func for intent in intents] == ["django_q_shop.add", "operator.add"]
    assert [ends(intent).result for intent in intents] == [3, 3]


def test_a_path_that_leads_nowhere():
    """It fails in the worker, in django-q's own words."""
    intent = send("django_q_shop.missing", ack_failure=True)

    assert "Function django_q_shop.missing is not defined" in ends(intent).result


def test_the_hook(journal):
    """It is called with the task, as django-q does, and has no scope but its own."""
    send(django_q_shop.works, journal.case, "succeeds", hook=django_q_shop.hook)
    journal.has(*SUCCESS, "hook of django_q_shop.works saw True")


def test_a_scoped_hook(journal):
    """`@airlock.scoped()` on a hook gives it one."""
    send(django_q_shop.sees, journal.case, hook="django_q_shop.effective_hook")
    journal.has("() {}", "effect of the hook")


def test_a_group():
    """Its results are where django-q looks for those of a group."""
    group = uuid.uuid4().hex
    with airlock.scope():
        for number in range(10):
            airlock.enqueue(django_q_shop.add, number, _dispatch_options={"group": group})

    assert sorted(result_group(group, count=10, wait=30_000)) == list(range(10))


def test_a_chain(journal):
    """Each of its tasks has a scope, and the group is the id of the first."""
    case = journal.case
    chain = [(django_q_shop.sees, (case, "then"), {}), (django_q_shop.works, (case, "succeeds"))]
    intent = send(django_q_shop.sees, case, "first", chain=chain)

    journal.has("('first',) {}", "('then',) {}", *SUCCESS)
    deadline = time.monotonic() + 30
    while Task.objects.filter(group=intent.id).count() < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_django_q_sends_itself(journal):
    """Its own calls and schedules are tasks in scopes, too."""
    case = journal.case
    async_task("django_q_shop.works", case, "succeeds")
    journal.has(*SUCCESS)
    async_chain([(django_q_shop.effect, (case, "1")), (django_q_shop.effect, (case, "2"))])
    journal.has(*SUCCESS, "1", "2")


def test_a_schedule(journal):
    """The task of a schedule runs in a scope."""
    schedule("django_q_shop.works", journal.case, "succeeds", next_run=timezone.now())
    scheduler()  # as the cluster does twice a minute

    journal.has(*SUCCESS)
