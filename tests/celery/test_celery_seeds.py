"""The examples about Celery in the documents that this system comes from, as they are written."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

import airlock
from airlock import NoScopeError
from airlock.integrations.celery import uninstall_global_intercept
from celery_messages import sent
from seed_documents import blocks

ONE, TWO = "airlock-celery-1.md", "airlock-celery-2.md"


@pytest.fixture(autouse=True)
def broker_of_the_documents(broker, monkeypatch) -> str:
    """Where `Celery('myapp')` finds its broker."""
    monkeypatch.setenv("CELERY_BROKER_URL", broker)
    return broker


@pytest.fixture
def supplied(app):
    """What the examples take for granted: the tasks and functions of somebody's shop."""
    saved = []

    def save_order(order):
        if order.id < 0:
            raise ValueError("no such order")
        saved.append(order)

    @app.task(shared=False, name="shop.send_email")
    def send_email(user_id=None, order_id=None): ...

    @app.task(shared=False, name="shop.update_analytics")
    def update_analytics(order_id): ...

    @app.task(shared=False, name="shop.process_data")
    def process_data(item_id): ...

    return {
        "airlock": airlock,
        "saved": saved,
        "fetch_order": lambda order_id: SimpleNamespace(id=order_id, status="new"),
        "save_order": save_order,
        "send_email": send_email,
        "update_analytics": update_analytics,
        "process_data": process_data,
    }


def names(broker: str) -> list[str]:
    return [message.task.rpartition(".")[2] for message in sent(broker)]


SCOPING = [
    *blocks(ONE, "Task Execution Scoping"),
    blocks(TWO, "Task execution scoping")[0],
]


@pytest.mark.parametrize("block", SCOPING, ids=lambda block: f"{block.document}:{block.line}")
def test_task_execution_scoping(block, supplied, broker):
    """A scoped task's effects leave when it succeeds, and are discarded when it raises."""
    process_order = block.run(**supplied)["process_order"]

    assert process_order.apply((-7,)).state == "FAILURE"
    assert sent(broker) == []
    assert process_order.apply((7,)).state == "SUCCESS"
    assert names(broker) == ["send_email", "update_analytics"]
    assert [order.status for order in supplied["saved"]] == ["processed"]


NESTED = blocks(TWO, "Task execution scoping")


def test_a_scope_in_a_task(supplied, broker):
    """`with airlock.scope()` within a task does the same."""
    first, second = NESTED
    process_order = second.run(**first.run(**supplied))["process_order"]

    assert process_order.apply((-7,)).state == "FAILURE"
    assert sent(broker) == []
    assert process_order.apply((7,)).state == "SUCCESS"
    assert names(broker) == ["send_email", "update_analytics"]


DISPATCH = [*blocks(ONE, "Dispatching via Celery"), *blocks(TWO, "Enqueueing Celery tasks")]


@pytest.mark.parametrize("block", DISPATCH, ids=lambda block: block.document)
def test_dispatching_via_celery(block, supplied, broker):
    """Both tasks are sent when the scope exits."""
    block.run(**supplied)

    assert names(broker) == ["send_email", "process_data"]
    assert [message.kwargs for message in sent(broker)] == [{"user_id": 123}, {"item_id": 456}]


COMBINING = blocks(ONE, "Combining Both Patterns")


def test_combining_both_patterns(supplied, broker, app):
    """The scoped task is sent; when it runs, it sends its follow-up."""
    from airlock.integrations.executors.celery import celery_executor

    (block,) = COMBINING
    namespace = block.run(**supplied, app=app, celery_executor=celery_executor)

    (message,) = sent(broker)
    assert message.kwargs == {"order_id": 123}
    namespace["process_order"].apply(kwargs=message.kwargs)
    assert names(broker) == ["process_order", "send_email"]


OPTIONS = [*blocks(ONE, "Celery Options"), *blocks(TWO, "Celery options")]


@pytest.mark.parametrize("block", OPTIONS, ids=lambda block: block.document)
def test_celery_options(block, supplied, broker):
    """`countdown`, `queue` and `priority` are in the message."""
    with airlock.scope():
        block.run(**supplied)

    (message,) = sent(broker, "emails\x06\x169")
    assert message.kwargs == {"user_id": 123}
    assert message.properties["priority"] == 9
    assert message.headers["eta"] is not None


POLICIES = blocks(TWO, "Applying policies")


def test_applying_policies(supplied, broker):
    """The cascade is cut: saving the user does not enrich the user once more.

    `#...` stands for code that was left out; here that is the answer of the other service.
    """

    @supplied["send_email"].app.task(shared=False, name="shop.log_api_usage")
    def log_api_usage(user_id, data): ...

    (block,) = POLICIES
    airlock.configure(strict=False)  # its User.save() has the name of an argument wrong
    try:
        namespace = block.run(
            **supplied,
            app=supplied["send_email"].app,
            fetch_user=lambda user_id: user,
            log_api_usage=log_api_usage,
            response=SimpleNamespace(data="the answer"),
        )
        as_written = namespace["external_enrichment_api"]
        namespace["external_enrichment_api"] = lambda user: (as_written(user), (33, 1000))[1]
        user = namespace["User"]()
        user.id = 7
        result = namespace["enrich_from_api"].apply((7,))
    finally:
        airlock.reset_configuration()

    assert result.state == "SUCCESS"
    assert [message.args for message in sent(broker)] == [[7, "the answer"]]


SELECTIVE = [*blocks(ONE, "Selective Migration"), *blocks(TWO, "Selective migration")]


@pytest.mark.parametrize("block", SELECTIVE, ids=lambda block: block.document)
def test_selective_migration(block, supplied, broker, app):
    """`LegacyTaskShim` warns at the example's line, holds the call, and needs a scope."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        namespace = block.run(**supplied, app=app)

    calls = [n for n, text in enumerate(block.code.splitlines(), block.line) if ".delay(" in text]
    assert [(w.filename.rpartition("/")[2], w.lineno) for w in warned] == [
        (block.document, number) for number in calls
    ]
    assert [message.args for message in sent(broker)] == [[123]]
    with pytest.raises(NoScopeError):
        namespace["old_task"].delay(123)


BLANKET, BLANKET_ALONE = (
    blocks(ONE, "Blanket Migration"),
    blocks(TWO, "Blanket migration"),
)


@pytest.fixture
def installed() -> Iterator[list]:
    """The apps with the intercept, which is taken out after the test."""
    apps: list = []
    yield apps
    for app in apps:
        uninstall_global_intercept(app)


def test_blanket_migration(supplied, broker, installed):
    """The intercept holds calls in a scope, and lets them through outside; both warn."""
    install, inside, outside = BLANKET
    namespace = install.run(**supplied)
    installed.append(namespace["app"])

    @namespace["app"].task(shared=False, name="shop.my_task")
    def my_task(number): ...

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with airlock.scope() as around:
            inside.run(**supplied, my_task=my_task)
            assert len(around) == 1
            assert sent(broker) == []
        outside.run(**supplied, my_task=my_task)

    assert [warning.category for warning in warned] == [DeprecationWarning] * 2
    assert [message.args for message in sent(broker)] == [[123], [123]]


def test_blanket_migration_makes_no_difference_without_scopes(supplied, broker, installed):
    """Outside scopes a task is sent as ever, and runs as ever."""
    (install,) = BLANKET_ALONE
    app = install.run(**supplied)["app"]
    installed.append(app)

    @app.task(shared=False, name="shop.doubled")
    def doubled(number):
        return 2 * number

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        result = doubled.delay(21)

    assert sent(broker)[0].id == result.id
    assert doubled.apply((21,)).get() == 42


def test_no_example_is_left_out():
    """Each Python example of both documents is run here; Django's, in the tests of its plugin."""
    here = [SCOPING, NESTED, DISPATCH, COMBINING, OPTIONS, POLICIES, SELECTIVE, BLANKET]
    django = [*blocks(ONE, "Using with Django"), *blocks(TWO, "Using with Django")]
    tested = {block for examples in (*here, BLANKET_ALONE, django) for block in examples}

    assert tested == {*blocks(ONE), *blocks(TWO)}
