"""The sample policy plugin: no e-mail at weekends."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
from airlock_quiet_hours import QuietHours, from_environment

import airlock
from airlock.testing import RecordingExecutor, plugins

FRIDAY = datetime(2026, 1, 2, 23, 59)
SATURDAY = FRIDAY + timedelta(minutes=1)
SUNDAY = datetime(2026, 1, 4, 23, 59)
MONDAY = SUNDAY + timedelta(minutes=1)


def send_email(to):
    raise AssertionError("it was to be recorded")


def refund(order_id):
    raise AssertionError("it was to be recorded")


def _leaves(policy, task=send_email):
    recorder = RecordingExecutor()
    with plugins(), airlock.scope(policy=policy, executor=recorder) as scope:
        airlock.enqueue(task, 1)
    return len(recorder) == 1, str(scope.intents[0].outcome)


@pytest.mark.parametrize(
    ("now", "leaves"), [(FRIDAY, True), (SATURDAY, False), (SUNDAY, False), (MONDAY, True)]
)
def test_an_e_mail_leaves_on_workdays_alone(now, leaves):
    """The weekend begins and ends at midnight."""
    assert _leaves(QuietHours(clock=lambda: now))[0] is leaves


def test_the_denial_says_why():
    """The reason names task and day."""
    _, outcome = _leaves(QuietHours(clock=lambda: SATURDAY))

    assert outcome.startswith("denied by QuietHours: quiet hours: ")
    assert outcome.endswith("send_email does not leave on a sat")


def test_other_tasks_leave_at_any_time():
    """Only what is listed is quiet."""
    assert _leaves(QuietHours(clock=lambda: SATURDAY), refund)[0]


def test_it_sees_into_a_partial():
    """What is quiet stays so inside a partial."""
    assert not _leaves(QuietHours(clock=lambda: SATURDAY), partial(send_email))[0]


def test_the_clock_that_counts_is_that_of_the_exit():
    """What is asked for on Friday and leaves on Saturday is quiet."""
    now = [FRIDAY]
    with plugins(), airlock.scope(policy=QuietHours(clock=lambda: now[0])) as scope:
        intent = airlock.enqueue(send_email, "ann@example.org")
        now[0] = SATURDAY

    assert scope.outcome(intent).state is airlock.State.DENIED


def test_it_serves_as_a_plugin():
    """Registered, it judges every scope of the process."""
    with plugins(QuietHours(clock=lambda: SATURDAY)), airlock.scope() as scope:
        airlock.enqueue(send_email, "ann@example.org")

    assert scope.intents[0].state is airlock.State.DENIED


def test_the_environment_chooses_tasks_and_days():
    """Lists with commas; the rest of the week and the other tasks are free."""
    everyday = {"AIRLOCK_QUIET_DAYS": "mon,tue, wed,thu,fri,sat,sun"}
    policy = from_environment({**everyday, "AIRLOCK_QUIET_TASKS": "refund"})

    assert not _leaves(policy, refund)[0]
    assert _leaves(policy, send_email)[0]
    assert _leaves(from_environment({"AIRLOCK_QUIET_DAYS": ""}), send_email)[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRLOCK_QUIET_DAYS", "saturday"),
        ("AIRLOCK_QUIET_TIMEZONE", "Middle/Earth"),
        ("AIRLOCK_QUIET_TIMEZONE", "../etc/passwd"),
    ],
)
def test_a_mistake_in_the_environment_is_an_error_that_names_it(name, value):
    """A day or a time zone that does not exist keeps the policy from being made."""
    with pytest.raises(airlock.ConfigurationError, match=value.partition("/")[0]):
        from_environment({name: value})
