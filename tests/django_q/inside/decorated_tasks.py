"""Functions with `@airlock.scoped()`, in a project whose settings do not have the app."""

from __future__ import annotations

import pytest
from django_q.tasks import fetch

import airlock
import django_q_shop

pytestmark = pytest.mark.usefixtures("shared_database")


@pytest.mark.parametrize(
    ("outcome", "left"), [("succeeds", ["effect of the first run"]), ("fails", [])]
)
def test_the_decorator_makes_a_scope(journal, outcome, left):
    """Success flushes, failure discards."""
    options = {"ack_failure": True}
    with airlock.scope():
        airlock.enqueue(django_q_shop.decorated, journal.case, outcome, _dispatch_options=options)

    journal.has("first run", *left)


def test_without_it_there_is_no_scope(journal):
    """A task that enqueues then fails, as everywhere outside of scopes."""
    options = {"ack_failure": True}
    with airlock.scope():
        intent = airlock.enqueue(
            django_q_shop.works, journal.case, "succeeds", _dispatch_options=options
        )

    task = fetch(intent.receipt, wait=30_000)
    assert "NoScopeError" in task.result
