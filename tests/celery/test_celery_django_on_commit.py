"""Celery's own `delay_on_commit()` and `apply_async_on_commit()`, in scopes and in none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest_plugins = ["django_shop_fixtures"]

pytestmark = pytest.mark.parametrize("how", ["delay_on_commit", "apply_async_on_commit"])


@pytest.fixture
def shop(intercepted_shop):
    return intercepted_shop


@pytest.fixture
def ends(shop, customer, how) -> Callable[[str], tuple[str, Any]]:
    """A function that has the worker do one of `acts.py` in a scope, and waits for the end."""
    return lambda act: shop.ends(shop.send("work", customer, act, how))


@pytest.mark.parametrize("act", ["commits", "commits_around_a_scope", "has_no_transaction"])
def test_what_is_committed_leaves_once(shop, customer, ends, act):
    """Where there is no transaction, the row was committed at once."""
    assert ends(act)[0] == "SUCCESS"

    assert shop.orders(customer) == ["A"]
    assert shop.confirmations(customer) == [("A", True)]


@pytest.mark.parametrize("act", ["commits", "has_no_transaction"])
def test_it_waits_for_the_success_of_its_task(ends, act):
    """As everything in a scope: the commit alone is not enough."""
    confirmed_before_the_end = 0
    assert ends(act) == ("SUCCESS", confirmed_before_the_end)


@pytest.mark.parametrize("act", ["rolls_back", "rolls_back_around_a_scope"])
def test_what_is_rolled_back_never_leaves(shop, customer, ends, act):
    """Though the task itself succeeds."""
    assert ends(act)[0] == "SUCCESS"

    assert shop.orders(customer) == []
    assert shop.confirmations(customer) == []


def test_a_savepoint_takes_it_along(shop, customer, ends):
    """What was sent before it and after it leaves, once."""
    assert ends("rolls_back_a_savepoint")[0] == "SUCCESS"

    assert shop.confirmations(customer) == [("A", True), ("C", True)]


@pytest.mark.parametrize("act", ["fails_after_the_commit", "fails_without_a_transaction"])
def test_a_task_that_fails_discards_it(shop, customer, ends, act):
    """The row is there all the same."""
    assert ends(act)[0] == "FAILURE"

    assert shop.orders(customer) == ["A"]
    assert shop.confirmations(customer) == []


def test_the_id_of_what_it_returns_is_the_one_that_runs(shop, customer, ends):
    """In a scope it is known before the commit, and can be stored beside the row."""
    ends("commits")

    stored = """
        SELECT status FROM orders_order
        JOIN orders_confirmation USING (customer, name, task_id)
        JOIN django_celery_results_taskresult USING (task_id)
        WHERE customer = %s
    """
    assert shop.rows(stored, customer) == [("SUCCESS",)]


def test_in_no_scope_it_is_what_it_was(shop, customer, how):
    """A commit sends it once, and a rollback never."""
    shop.manage("place_orders", customer, how)
    shop.work_off()

    assert shop.orders(customer) == ["committed"]
    assert shop.confirmations(customer) == [("committed", True)]
