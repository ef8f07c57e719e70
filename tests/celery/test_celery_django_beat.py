"""django-celery-beat sends, a worker runs: the intercept is installed in both processes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from django_shops import Beat, Shop

pytest_plugins = ["django_shop_fixtures"]

pytestmark = pytest.mark.skipif(
    find_spec("django_celery_beat") is None,
    reason="django-celery-beat is not installed: it takes no Django later than 6.0 yet",
)

NAMES = ["succeeds", "fails"]


@pytest.fixture
def shop(intercepted_shop) -> Shop:
    return intercepted_shop


def results(shop: Shop, name: str) -> list[tuple[Any, ...]]:
    """What django-celery-results has of the runs of a schedule."""
    statement = """
        SELECT task_id, status, task_name, date_created
        FROM django_celery_results_taskresult
        WHERE periodic_task_name = %s AND status IN ('SUCCESS', 'FAILURE') ORDER BY id
    """
    return shop.rows(statement, name)


def bookkeeping(shop: Shop, name: str) -> tuple[Any, ...]:
    """What django-celery-beat has of them."""
    statement = """
        SELECT total_run_count, last_run_at FROM django_celery_beat_periodictask WHERE name = %s
    """
    [found] = shop.rows(statement, name)
    return found


def is_known_thrice(shop: Shop, name: str) -> bool:
    return min(len(results(shop, name)), bookkeeping(shop, name)[0]) >= 3


@pytest.fixture(scope="module", autouse=True)
def beat_log(intercepted_shop) -> str:
    """Let beat send until each task is known to have run three times; return what beat said."""
    intercepted_shop.manage("schedule")
    with Beat(intercepted_shop.variables) as beat:
        for name in NAMES:
            intercepted_shop.waits_until(lambda name=name: is_known_thrice(intercepted_shop, name))
        log = beat.log
    intercepted_shop.work_off()
    return log


def test_the_effects_of_a_periodic_task_leave(shop):
    """Each run is a scope of its own, and its effect sees what it has committed."""
    runs = shop.orders("succeeds")

    assert len(runs) >= 3
    assert shop.confirmations("succeeds") == [(run, True) for run in sorted(runs)]


def test_a_periodic_task_that_fails_discards_its_effects(shop):
    """What it had committed is there, of each run."""
    assert len(shop.orders("fails")) >= 3
    assert shop.confirmations("fails") == []


@pytest.mark.parametrize("name", NAMES)
def test_whatever_beat_has_counted_was_sent(shop, name):
    """None is held in beat's process, and none is run twice."""
    count, last_run = bookkeeping(shop, name)
    runs = results(shop, name)
    first_created = runs[0][-1]

    interrupted = count - len(runs)  # beat counts before it sends, and was stopped meanwhile
    assert interrupted in (0, 1)
    assert last_run > first_created


@pytest.mark.parametrize(("name", "end"), [("succeeds", "SUCCESS"), ("fails", "FAILURE")])
def test_results_have_the_id_of_the_run_and_the_name_of_the_schedule(shop, name, end):
    """django-celery-results finds all that beat has put into the message."""
    expected = [(run, end, "orders.tasks.periodic") for run in shop.orders(name)]

    assert sorted(row[:3] for row in results(shop, name)) == sorted(expected)


def test_what_beat_sends_is_no_call_of_the_application(beat_log):
    """So nobody is told to write `airlock.enqueue()` instead."""
    assert "Sending due task succeeds" in beat_log
    assert "is published directly" not in beat_log
