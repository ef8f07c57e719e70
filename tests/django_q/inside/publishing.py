"""What leaves, and how: packages as `async_task()` makes them, on the broker of the project."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django_q.brokers import Broker
from django_q.conf import Conf
from django_q.signals import pre_enqueue
from django_q.signing import SignedPackage
from django_q.tasks import async_task

import airlock
import django_q_shop
from airlock_django_q import DjangoQExecutor, django_q_executor
from airlock_django_q.execution import ScopedTask
from django_q_packages import empty, packages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty():
    empty(None, "reports")


@pytest.fixture
def receive():
    """A function that connects a receiver to `pre_enqueue`, until the test ends."""
    connected = []

    def connect(function):
        def receiver(*, task, **kwargs):
            function(task)

        pre_enqueue.connect(receiver, weak=False)
        connected.append(receiver)

    yield connect
    for receiver in connected:
        pre_enqueue.disconnect(receiver)


def sent(*args, _cluster=None, **kwargs):
    """Enqueue a call of `sees` in a scope of its own, and return its package."""
    with airlock.scope(executor="django_q"):
        airlock.enqueue(django_q_shop.sees, *args, **kwargs)
    [package] = packages(_cluster)
    return package


def numbers(cluster=None):
    return [package["args"][0] for package in packages(cluster)]


def test_arguments_named_like_options_reach_the_function():
    """What `async_task()` takes for itself is the function's own."""
    own = {"group": 1, "hook": 2, "timeout": 3, "task_name": 4, "q_options": 5, "broker": 6}

    assert sent("case", **own)["kwargs"] == own


def test_a_package_is_as_django_q_makes_it():
    """The same keys, and values of the same kinds, as in a package of `async_task()`."""
    ours = sent("case", right=2, _dispatch_options={"group": "g", "timeout": 3})
    async_task(django_q_shop.sees, "case", q_options={"group": "g", "timeout": 3}, right=2)
    theirs = packages()[1]

    assert list(ours) == list(theirs)
    assert {key: type(value) for key, value in ours.items()} == {
        key: type(value) for key, value in theirs.items()
    }


def test_the_id_is_known_before():
    """`intent.id` has django-q's 32 characters, and is the receipt and the id of the task."""
    with airlock.scope(executor="django_q"):
        intent = airlock.enqueue(django_q_shop.add, 1)
        identity = intent.id

    assert [intent.receipt] == [identity] == [package["id"] for package in packages()]
    assert len(identity) == 32


def test_the_id_where_a_hook_chooses_the_executor():
    """The id of the task is then that of the intent without its hyphens."""

    class Chooses:
        @airlock.hookimpl
        def dispatch(self, intent, scope):
            return django_q_executor

    plugin = Chooses()
    airlock.configure(executor=None)
    airlock.register(plugin)
    try:
        with airlock.scope():
            intent = airlock.enqueue(django_q_shop.add, 1)
        assert packages()[0]["id"] == intent.receipt == intent.id.replace("-", "")
    finally:
        airlock.unregister(plugin)


def test_an_id_of_another_queue_is_not_ours_to_choose():
    """Where nobody is named, an intent's id is airlock's."""
    airlock.configure(executor=None)
    with airlock.scope() as scope:
        assert "-" in airlock.enqueue(django_q_shop.add, 1).id
        scope.discard()


def test_every_option_travels():
    """`_dispatch_options` are in the package by their own names, and None is as if left out."""
    options = {
        "hook": django_q_shop.hook,
        "group": "g",
        "save": False,
        "cached": 60,
        "ack_failure": True,
        "timeout": 9,
        "cluster": "reports",
    }
    package = sent(
        "case",
        _cluster="reports",
        _dispatch_options={**options, "task_name": "monthly", "sync": None},
    )

    assert options == {name: package[name] for name in options}
    assert package["name"] == "monthly"
    assert "sync" not in package


def test_a_dotted_path_travels():
    """So does the path of a function."""
    with airlock.scope(executor="django_q"):
        airlock.enqueue("django_q_shop.add", 1)

    assert str(packages()[0]["func"]) == "django_q_shop.add"


def test_the_settings_are_defaults(monkeypatch):
    """What `Q_CLUSTER` says holds where an option says nothing."""
    monkeypatch.setattr(Conf, "CACHED", 30)
    monkeypatch.setattr(Conf, "ACK_FAILURES", True)
    with airlock.scope(executor="django_q"):
        airlock.enqueue(django_q_shop.add, 1)
        airlock.enqueue(django_q_shop.add, 1, _dispatch_options={"cached": 5})

    assert [package["cached"] for package in packages()] == [30, 5]
    assert all(package["ack_failure"] for package in packages())


def test_meta_travels():
    """`intent.meta` is the key `meta` of the package, which django-q's signals show."""
    with airlock.scope(executor="django_q"):
        airlock.enqueue(django_q_shop.add, 1).meta["traceparent"] = "00-1-2-01"
        airlock.enqueue(django_q_shop.add, 2)

    assert packages()[0]["meta"] == {"traceparent": "00-1-2-01"}
    assert "meta" not in packages()[1]


def test_a_chain_is_one_task():
    """Its group is by default the id of its first task, and policies see each of its functions."""
    chain = [(django_q_shop.add, (2,), {}), django_q_shop.raises]
    with airlock.scope(executor="django_q"):
        intent = airlock.enqueue(django_q_shop.add, 1, _dispatch_options={"chain": chain})
        names = list(intent.task_names())
    [package] = packages()

    assert package["chain"] == chain
    assert (package["group"], package["cached"], package["sync"]) == (intent.id, False, False)
    assert names == ["django_q_shop.add", "django_q_shop.add", "django_q_shop.raises"]


def test_policies_see_the_hook():
    """A blocked function is blocked as a hook, too."""
    policy = airlock.BlockTasks({django_q_shop.hook})
    with airlock.scope(executor="django_q", policy=policy) as scope:
        airlock.enqueue(django_q_shop.add, 1, _dispatch_options={"hook": django_q_shop.hook})
        airlock.enqueue(django_q_shop.add, 2)

    assert [intent.state.value for intent in scope.intents] == ["denied", "dispatched"]
    assert numbers() == [2]


def test_the_signal_is_sent_for_each(receive):
    """`pre_enqueue` has each package in order, where the caller's context variables are in force."""
    tenant = contextvars.ContextVar("tenant")
    seen = []
    receive(lambda task: seen.append((task["args"][0], tenant.get())))
    with airlock.scope(executor="django_q"):
        for number in range(3):
            tenant.set(f"tenant {number}")
            airlock.enqueue(django_q_shop.add, number)
        assert seen == []

    assert seen == [(0, "tenant 0"), (1, "tenant 1"), (2, "tenant 2")]


def test_what_a_receiver_changes_is_sent(receive):
    """So an id that a receiver has set is the receipt."""
    receive(lambda task: task.update(id="f" * 32))
    with airlock.scope(executor="django_q"):
        intent = airlock.enqueue(django_q_shop.add, 1)

    assert intent.receipt == packages()[0]["id"] == "f" * 32


@pytest.mark.parametrize("fault", ["arguments", "receiver", "options"])
def test_a_message_that_cannot_be_made_fails_alone(receive, fault):
    """The ones before and after it leave, in order."""

    def refuse_the_second(task):
        if task["args"][0] == 1 and fault == "receiver":
            raise ValueError("refused")

    receive(refuse_the_second)
    bad = django_q_shop.unpicklable() if fault == "arguments" else 0
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor="django_q"):
        airlock.enqueue(django_q_shop.add, 0)
        second = airlock.enqueue(django_q_shop.add, 1, bad)
        if fault == "options":
            second.dispatch_options = {"countdown": 1}
        airlock.enqueue(django_q_shop.add, 2)

    assert numbers() == [0, 2]
    assert caught.value.failed == (second,)
    assert not caught.value.undelivered


def test_clusters_share_a_run():
    """A run may be for several clusters, each of which has its messages in order."""
    with airlock.scope(executor="django_q"):
        for number in range(6):
            cluster = "reports" if number % 2 else None
            airlock.enqueue(django_q_shop.add, number, _dispatch_options={"cluster": cluster})

    assert (numbers(), numbers("reports")) == ([0, 2, 4], [1, 3, 5])


def test_an_executor_may_have_a_cluster():
    """It is for those that name none."""
    with airlock.scope(executor=DjangoQExecutor("reports")):
        airlock.enqueue(django_q_shop.add, 1)
        airlock.enqueue(django_q_shop.add, 2, _dispatch_options={"cluster": "shop"})

    assert (numbers(), numbers("reports")) == ([2], [1])


class Kept(Broker):
    """A broker of the application's own, of which airlock knows nothing."""

    def __init__(self, breaks_at=None, error=RuntimeError):
        super().__init__("kept")
        self.kept = []
        self.breaks_at, self.error = breaks_at, error

    def enqueue(self, task):
        if len(self.kept) == self.breaks_at:
            self.breaks_at = None
            raise self.error("the line broke")
        self.kept.append(SignedPackage.loads(task)["args"][0])


def test_an_unknown_broker_gets_one_by_one():
    """What has a way of sending of its own is given each message, and the others go theirs."""
    broker = Kept()
    with airlock.scope(executor=DjangoQExecutor(broker=broker)) as scope:
        airlock.enqueue(django_q_shop.add, 0)
        airlock.enqueue(django_q_shop.add, 1, _dispatch_options={"cluster": "reports"})
        airlock.enqueue(django_q_shop.add, 2)

    assert (broker.kept, numbers("reports")) == ([0, 2], [1])
    assert [intent.state.value for intent in scope.intents] == ["dispatched"] * 3


def test_a_break_half_way_says_what_is_sent():
    """What has left is sent, what was on its way is uncertain, the rest goes again on a retry."""
    broker = Kept(breaks_at=2)
    executor = DjangoQExecutor(broker=broker)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=executor) as scope:
        for number in range(5):
            airlock.enqueue(django_q_shop.add, number)

    assert [intent.state.value for intent in scope.intents] == [
        "dispatched", "dispatched", "uncertain", "failed", "undelivered",
    ]  # fmt: skip
    caught.value.retry()
    assert broker.kept == [0, 1, 3, 4]


def test_a_refusal_is_no_uncertainty():
    """Where nobody listens, nothing has left."""
    executor = DjangoQExecutor(broker=Kept(breaks_at=0, error=ConnectionRefusedError))
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=executor):
        airlock.enqueue(django_q_shop.add, 1)

    assert (len(caught.value.failed), caught.value.uncertain) == (1, ())


def test_a_broker_that_is_down_keeps_no_other_back():
    """Of two brokers in one run, the other one has its messages."""
    broker = Kept(breaks_at=0, error=ConnectionRefusedError)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor="django_q"):
        for number in range(4):
            options = {"broker": broker} if number % 2 else {}
            airlock.enqueue(django_q_shop.add, number, _dispatch_options=options)

    assert (numbers(), broker.kept) == ([0, 2], [])
    assert len(caught.value.failed) == 2


def test_a_configured_class_gets_one_by_one(monkeypatch):
    """So does the class of `broker_class`."""
    made = []

    class Configured(Kept):
        def __init__(self, list_key):
            super().__init__()
            made.append(self)

    monkeypatch.setattr(Conf, "BROKER_CLASS", f"{__name__}.Configured")
    monkeypatch.setitem(globals(), "Configured", Configured)
    with airlock.scope(executor="django_q"):
        airlock.enqueue(django_q_shop.add, 1)

    assert [broker.kept for broker in made] == [[1]]


def test_a_thousand_and_more_leave_in_order():
    """A run that is longer than a batch leaves whole."""
    with airlock.scope(executor="django_q"):
        for number in range(1203):
            airlock.enqueue(django_q_shop.add, number)

    assert numbers() == list(range(1203))


def test_scopes_in_threads():
    """Each thread's scope has what it has enqueued, once, in order."""

    def work(thread):
        with airlock.scope(executor="django_q"):
            for number in range(20):
                airlock.enqueue(django_q_shop.add, (thread, number))
        connections.close_all()

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = numbers()
    assert len(found) == 160
    for thread in range(8):
        assert [number for who, number in found if who == thread] == list(range(20))


def test_an_async_scope():
    """In `async with`, the executor works in a thread, and the event loop goes on."""

    async def main():
        async with airlock.scope(executor="django_q"):
            airlock.enqueue(django_q_shop.add, 1)
        await sync_to_async(connections.close_all)()

    asyncio.run(main())

    assert numbers() == [1]


def test_every_task_runs_in_a_scope():
    """The app in `INSTALLED_APPS` has whatever is queued called in one, `async_task()` included."""
    sent("case")
    async_task("django_q_shop.add", 1)

    assert [type(package["func"]) for package in packages()] == [ScopedTask] * 2


def test_a_scoped_task_looks_like_its_function():
    """Receivers of `pre_execute` find its attributes, also by a path; a path to nowhere has none."""
    names = [ScopedTask(task).__name__ for task in (django_q_shop.add, "django_q_shop.add")]

    assert names == ["add", "add"]
    assert not hasattr(ScopedTask("django_q_shop.missing"), "__name__")
