"""Async scopes, threads and Django's connections, which belong to threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, connections, transaction

import airlock
from airlock import Phase, State
from airlock_django.plugin import open_connections
from twinapp.models import Row

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "pg"])

sent: list[Any] = []


@pytest.fixture(autouse=True)
def _clear() -> None:
    sent.clear()


def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run it as a server runs an async view: sync work goes to the thread of this test."""
    return async_to_sync(main)()


def write(token: str, rollback: bool = False) -> airlock.Intent:
    """Write a row in a transaction, and enqueue its twin there."""
    with transaction.atomic():
        Row.objects.create(token=token)
        intent = airlock.enqueue(effect, token)
        transaction.set_rollback(rollback)
    return intent


def effect(token: str) -> None:
    """Read the row, in the thread that may use its connection."""
    assert not connection.in_atomic_block
    sent.append((Row.objects.get(token=token).token, threading.current_thread()))


def tokens() -> list[str]:
    """What was sent."""
    return [token for token, _ in sent]


def test_sync_work_in_an_async_scope() -> None:
    """Transactions in `sync_to_async` hold their effects; those run in the same thread."""

    async def main() -> None:
        async with airlock.scope() as scope:
            kept = await sync_to_async(write)("a")
            gone = await sync_to_async(write)("b", rollback=True)
            assert sent == []
        assert [kept.state, gone.state] == [State.DISPATCHED, State.ROLLED_BACK]
        assert scope.phase is Phase.FLUSHED

    run(main)
    assert sent == [("a", threading.current_thread())]


def test_two_rounds_of_sync_work_share_the_connection() -> None:
    """An effect that writes and enqueues again stays in that thread, too."""

    def again(token: str) -> None:
        write(token)

    async def main() -> None:
        async with airlock.scope():
            airlock.enqueue(again, "b")

    run(main)
    assert sent == [("b", threading.current_thread())]


def test_the_async_orm() -> None:
    """`acreate` and an async effect, in autocommit."""

    async def aeffect(token: str) -> None:
        sent.append((await Row.objects.aget(token=token)).token)

    async def main() -> None:
        async with airlock.scope():
            await Row.objects.acreate(token="a")
            airlock.enqueue(aeffect, "a")
            airlock.enqueue(sent.append, "sync")

    run(main)
    assert sent == ["a", "sync"]


def test_a_scope_that_is_entered_inside_the_sync_work() -> None:
    """A transaction around a plain scope, in a thread of an event loop."""

    def work() -> airlock.Scope:
        with transaction.atomic():
            with airlock.scope() as scope:
                write("a")
            assert scope.phase is Phase.WAITING
        return scope

    async def main() -> airlock.Scope:
        return await sync_to_async(work)()

    assert run(main).phase is Phase.FLUSHED
    assert tokens() == ["a"]


def test_several_tasks_of_one_loop() -> None:
    """Tasks with scopes of their own: one fails, and the others' effects leave."""

    async def one(number: int) -> None:
        async with airlock.scope():
            await sync_to_async(write)(str(number))
            if number == 1:
                raise ZeroDivisionError

    async def main() -> list[Any]:
        return await asyncio.gather(*map(one, range(3)), return_exceptions=True)

    assert [type(result) for result in run(main)] == [type(None), ZeroDivisionError, type(None)]
    assert sorted(tokens()) == ["0", "2"]


def test_a_cancelled_task_discards() -> None:
    """Cancelled while it waits: its rows are committed, and its effects discarded."""

    async def work(states: list[airlock.Intent]) -> None:
        async with airlock.scope():
            states.append(await sync_to_async(write)("a"))
            await asyncio.Event().wait()

    async def main() -> list[airlock.Intent]:
        intents: list[airlock.Intent] = []
        task = asyncio.create_task(work(intents))
        while not intents:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        return intents

    (intent,) = run(main)
    assert intent.state is State.DISCARDED
    assert sent == []


def test_a_thread_of_its_own_has_connections_of_its_own() -> None:
    """`thread_sensitive=False`: the transaction of that thread is the one to wait for."""

    async def main() -> None:
        async with airlock.scope():
            await sync_to_async(write_and_close, thread_sensitive=False)("a")
            await asyncio.to_thread(write_and_close, "b")

    run(main)
    assert tokens() == ["a", "b"]


def write_and_close(token: str) -> None:
    """Write, and leave no connection behind in a thread that ends."""
    write(token)
    connections.close_all()


class Steps:
    """A thread with an open transaction, which goes on when it is told."""

    def __init__(self, work: Callable[[], Any]) -> None:
        """Start, and wait until the work is done and its transaction still open."""
        self.done = threading.Event()
        self.commit = threading.Event()
        self.error: BaseException | None = None
        self.work = work
        self.rollback = False
        self.thread = threading.Thread(target=airlock.carry(self.run))
        self.thread.start()
        assert self.done.wait(10)

    def run(self) -> None:
        """Work in a transaction."""
        try:
            with transaction.atomic(using="pg"):
                self.work()
                self.done.set()
                assert self.commit.wait(10)
                transaction.set_rollback(self.rollback, using="pg")
        except BaseException as error:
            self.error = error
        finally:
            self.done.set()
            connections.close_all()

    def end(self, *, rollback: bool = False) -> None:
        """Let the transaction end."""
        self.rollback = rollback
        self.commit.set()
        self.thread.join(10)
        if self.error is not None:
            raise self.error


def note(token: str) -> None:
    """Note the thread."""
    sent.append((token, threading.current_thread()))


def enqueue_in_thread() -> None:
    """Write a row and enqueue, in whatever transaction there is."""
    Row.objects.using("pg").create(token="thread")
    airlock.enqueue(note, "thread")


@pytest.mark.parametrize("rollback", [False, True])
def test_a_scope_waits_for_a_threads_transaction(rollback: bool) -> None:
    """The scope has exited: it leaves as one batch when the thread's transaction ends, in that
    thread; what was enqueued there is rolled back with it."""
    with airlock.scope() as scope:
        airlock.enqueue(note, "main")
        steps = Steps(enqueue_in_thread)
    assert scope.phase is Phase.WAITING
    assert sent == []
    steps.end(rollback=rollback)
    assert sent == [
        (token, steps.thread) for token in (["main"] if rollback else ["main", "thread"])
    ]
    assert Row.objects.using("pg").exists() is not rollback


def test_a_late_enqueue_of_a_thread_is_refused() -> None:
    """The scope has exited and waits: it takes nothing any more, and says so."""
    go = threading.Event()
    errors: list[BaseException] = []

    def late() -> None:
        airlock.enqueue(note, "in time")

    with airlock.scope() as scope:
        steps = Steps(late)

        def too_late() -> None:
            go.wait(10)
            try:
                airlock.enqueue(note, "too late")
            except airlock.ScopeStateError as error:
                errors.append(error)

        thread = threading.Thread(target=airlock.carry(too_late))
        thread.start()
    go.set()
    thread.join()
    steps.end()
    assert [token for token, _ in sent] == ["in time"]
    assert scope.name in str(errors[0])


def test_a_transaction_of_main_and_one_of_a_thread() -> None:
    """The last of the two commits sends."""
    with transaction.atomic():
        with airlock.scope():
            airlock.enqueue(note, "main")
            steps = Steps(enqueue_in_thread)
        steps.end()
        assert sent == []
    assert sent == [
        ("main", threading.current_thread()),
        ("thread", threading.current_thread()),
    ]


def test_an_async_scope_waits_for_a_threads_transaction() -> None:
    """The block has ended; the commit in the thread sends, async effects on the block's loop."""

    async def anote(token: str) -> None:
        sent.append((token, asyncio.get_running_loop()))

    async def main() -> asyncio.AbstractEventLoop:
        async with airlock.scope() as scope:
            airlock.enqueue(anote, "async")
            steps = await asyncio.to_thread(airlock.carry(lambda: Steps(enqueue_in_thread)))
        assert scope.phase is Phase.WAITING
        await asyncio.to_thread(steps.end)
        while len(sent) < 2:
            await asyncio.sleep(0.001)
        return asyncio.get_running_loop()

    loop = asyncio.run(asyncio.wait_for(main(), 20))
    assert dict(sent)["async"] is loop
    assert sorted(tokens()) == ["async", "thread"]


def test_a_pool_of_threads() -> None:
    """Fifty carried jobs in four threads, each with a transaction; every second one fails."""

    def job(number: int) -> None:
        try:
            with transaction.atomic(using="pg"):
                Row.objects.using("pg").create(token=str(number))
                airlock.enqueue(note, str(number))
                if number % 2:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        with airlock.scope():
            list(pool.map(airlock.carry(job), range(50)))
            assert sent == []
    assert sorted(map(int, tokens())) == list(range(0, 50, 2))
    assert {row.token for row in Row.objects.using("pg").all()} == set(tokens())


def test_the_fast_look_at_the_connections_sees_the_same() -> None:
    """In a thread, in an event loop, and in a thread of an event loop: as Django's own."""

    def compare() -> int:
        ours = sorted(map(id, open_connections(connections)))
        assert ours == sorted(map(id, connections.all(initialized_only=True)))
        return len(ours)

    async def main() -> None:
        compare()
        assert await sync_to_async(compare)() > 0
        assert await asyncio.to_thread(compare) == 0

    assert compare() > 0
    run(main)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(compare).result() == 0
