"""Tasks of every class, under the global intercept, in real workers."""

from __future__ import annotations

import pytest

import celery_workers
from celery_abilities import MODELS

WAYS = [("task_cls", "prefork"), ("app.Task", "threads"), ("path", "solo")]


@pytest.fixture(scope="module", params=WAYS, ids=[" ".join(way) for way in WAYS])
def worker(request, new_database, apps):
    """A worker of an app whose tasks have a class of their own, given to it in each way."""
    way, pool = request.param
    with celery_workers.Worker(
        "classes_shop", new_database(), pool, apps, AIRLOCK_TEST_TASK_CLASS=way
    ) as started:
        yield started


@pytest.fixture
def journal(make_journal, worker):
    return make_journal(worker)


def effect(of: str) -> list[str]:
    """What an effect writes: its class is called, and had been asked once for its publish."""
    return ["shop.effect called", f"effect of {of}, published once"]


TASKS = {
    "shop.plain": "plain",
    "shop.bound": "bound True",
    "shop.shared": "shared",
    "shop.pydantic": "pydantic 0",
    "shop.by_class": "by class",
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("fails", [False, True])
def test_success_flushes_and_failure_discards(journal, task, fails):
    """Whatever the task is made of, its class's `__call__` runs once, in the scope."""
    journal.send(task, fails)

    left = [] if fails else effect(TASKS[task])
    journal.has(f"{task} called", f"{TASKS[task]} runs", *left)


@pytest.mark.parametrize("fails", [False, True])
def test_models_are_held_and_sent(journal, fails):
    """A Pydantic model in a held call reaches the task as a model, where Celery can encode it."""
    journal.send("shop.publishes_pydantic", fails)

    left = ["shop.pydantic called", "pydantic 7 runs", *effect("pydantic 7")]
    journal.has("shop.publishes_pydantic called", *(left if MODELS and not fails else []))


@pytest.mark.parametrize("fails", [False, True])
def test_handlers_are_outside_the_scope(journal, fails):
    """What `before_start`, `on_success` and `on_failure` ask for leaves at once."""
    journal.send("shop.handled", fails)

    left = effect("on_failure") if fails else effect("handled") + effect("on_success")
    journal.has("shop.handled called", "handled runs", *effect("before_start"), *left)
