"""A web server and a worker: what requests send, against what they commit (`ATOMIC_REQUESTS`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from django_shops import Web

pytest_plugins = ["django_shop_fixtures"]


@pytest.fixture
def shop(intercepted_shop):
    return intercepted_shop


@pytest.fixture(scope="module")
def web(intercepted_shop) -> Iterator[Web]:
    with Web(intercepted_shop.variables) as web:
        yield web


@pytest.fixture
def get(shop, customer, web) -> Callable[..., httpx.Response]:
    """A function that makes a request, and waits until what it has sent is done."""

    def get(path: str, **parameters: str) -> httpx.Response:
        url = f"{web.url}/{path}"
        response = httpx.get(url, params={"customer": customer, **parameters}, timeout=30)
        shop.work_off()
        return response

    return get


ways = pytest.mark.parametrize("how", ["delay", "delay_on_commit", "enqueue"])


@ways
def test_an_effect_sees_the_row_of_its_request(shop, customer, get, how):
    """It leaves after the request's transaction, though the view goes on for long."""
    assert get("order", how=how, outcome="200").status_code == 200

    assert shop.orders(customer) == ["A"]
    assert shop.confirmations(customer) == [("A", True)]


@ways
def test_a_view_that_raises_sends_nothing(shop, customer, get, how):
    """Its transaction is rolled back."""
    assert get("order", how=how, outcome="raises").status_code == 500

    assert shop.orders(customer) == []
    assert shop.confirmations(customer) == []


@ways
def test_a_view_that_answers_with_an_error_sends_nothing(shop, customer, get, how):
    """Though Django commits its transaction: an answer is no exception."""
    assert get("order", how=how, outcome="500").status_code == 500

    assert shop.orders(customer) == ["A"]
    assert shop.confirmations(customer) == []


def test_the_id_in_the_answer_is_the_one_that_runs(shop, customer, get):
    """`delay_on_commit().id` in a view, as Celery's documentation has it."""
    task_id = get("upload").json()["task_id"]

    ran = "SELECT name, task_id FROM orders_confirmation WHERE customer = %s"
    assert shop.rows(ran, customer) == [("upload", task_id)]
    assert shop.ends(task_id) == ("SUCCESS", "confirmed upload")
