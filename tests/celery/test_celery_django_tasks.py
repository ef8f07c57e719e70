"""Tasks of a Django project that use the ORM: what they send, against what they commit.

Under the global intercept with `.delay()`, and without it with `airlock.enqueue()` in a task that
is scoped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest_plugins = ["django_shop_fixtures"]

WAYS = {"intercepted": ("work", "delay"), "scoped": ("scoped_work", "enqueue")}


@pytest.fixture(params=WAYS)
def way(request) -> str:
    return request.param


@pytest.fixture
def shop(request, way):
    return request.getfixturevalue(f"{way}_shop")


@pytest.fixture
def ends(shop, way, customer) -> Callable[[str], tuple[str, Any]]:
    """A function that has the worker do one of `acts.py`, and waits for the end of everything."""
    task, how = WAYS[way]
    return lambda act: shop.ends(shop.send(task, customer, act, how))


def test_an_effect_sees_the_row_that_it_is_about(shop, customer, ends):
    """It leaves after the commit, and no earlier than its task has succeeded."""
    confirmed_before_the_end = 0
    assert ends("commits") == ("SUCCESS", confirmed_before_the_end)

    assert shop.orders(customer) == ["A"]
    assert shop.confirmations(customer) == [("A", True)]


def test_a_rollback_takes_its_effects_along(shop, customer, ends):
    """Though the task itself succeeds."""
    assert ends("rolls_back")[0] == "SUCCESS"

    assert shop.orders(customer) == []
    assert shop.confirmations(customer) == []


def test_a_savepoint_takes_its_effects_along(shop, customer, ends):
    """What was sent before it and after it leaves."""
    assert ends("rolls_back_a_savepoint")[0] == "SUCCESS"

    assert shop.orders(customer) == ["A", "C"]
    assert shop.confirmations(customer) == [("A", True), ("C", True)]


def test_each_transaction_of_a_task_is_on_its_own(shop, customer, ends):
    """One that has rolled back keeps nothing of the next from leaving."""
    assert ends("commits_one_of_two")[0] == "SUCCESS"

    assert shop.orders(customer) == ["B"]
    assert shop.confirmations(customer) == [("B", True)]


def test_a_task_that_fails_after_its_commit_discards(shop, customer, ends):
    """The row is there, and nobody hears of it from a task that has failed."""
    assert ends("fails_after_the_commit")[0] == "FAILURE"

    assert shop.orders(customer) == ["A"]
    assert shop.confirmations(customer) == []


def test_a_retry_in_a_transaction_is_not_lost(shop, customer, ends):
    """It rolls back the rows and the effects of its run, and is sent all the same."""
    assert ends("retries_in_a_transaction")[0] == "SUCCESS"

    assert shop.orders(customer) == ["run 1"]
    assert shop.confirmations(customer) == [("run 1", True)]


@pytest.fixture
def ends_in_no_scope(scoped_shop, customer) -> Callable[[str], tuple[str, Any]]:
    """The same, for what opens its only scope itself."""
    return lambda act: scoped_shop.ends(scoped_shop.send("work", customer, act, "enqueue"))


def test_a_scope_in_a_transaction_waits_for_it(scoped_shop, customer, ends_in_no_scope):
    """Its block has ended, and the effect leaves only after the commit."""
    assert ends_in_no_scope("commits_around_a_scope")[0] == "SUCCESS"

    assert scoped_shop.orders(customer) == ["A"]
    assert scoped_shop.confirmations(customer) == [("A", True)]


def test_a_rollback_around_a_scope_takes_its_effects_along(scoped_shop, customer, ends_in_no_scope):
    """Though the scope's block had succeeded."""
    assert ends_in_no_scope("rolls_back_around_a_scope")[0] == "SUCCESS"

    assert scoped_shop.orders(customer) == []
    assert scoped_shop.confirmations(customer) == []


def test_a_chord_leaves_whole_after_the_commit(shop, customer, ends):
    """django-celery-results counts its parts in the same database, and its body runs."""
    assert ends("sends_a_chord")[0] == "SUCCESS"
    shop.work_off()  # the body, which the last part has sent

    assert shop.confirmations(customer) == [("A", True), ("B", True), ("body", True)]


def test_results_are_stored_under_the_id_that_the_row_has(shop, customer, ends):
    """The id was known in the transaction, and it is the one in django-celery-results' table."""
    ends("commits")

    stored = """
        SELECT name, status, result
        FROM orders_order JOIN django_celery_results_taskresult USING (task_id)
        WHERE customer = %s
    """
    assert shop.rows(stored, customer) == [("A", "SUCCESS", '"confirmed A"')]
