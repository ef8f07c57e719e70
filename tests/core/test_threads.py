"""Threads: isolated, or carried along; never crossed, and nothing is lost on the way."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

import airlock
from airlock import NoScopeError, ScopeStateError, State


def in_thread(function, *args):
    """Run a function in a thread; return its result or raise its error here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result()


def test_a_thread_starts_with_no_scope(send):
    """Neither a thread nor a pool sees the scope of whoever started it."""
    with airlock.scope() as scope:
        with pytest.raises(NoScopeError):
            in_thread(airlock.enqueue, send, 1)
        assert in_thread(airlock.get_current_scope) is None
        assert len(scope) == 0


def test_carry_takes_the_scope_along(send, left):
    """The thread's intents belong to the scope, policies and context variables included."""
    with airlock.scope(), airlock.policy(airlock.BlockTasks([send])):
        blocked = in_thread(airlock.carry(lambda: airlock.enqueue(send, 1)))
        in_thread(airlock.carry(left.append), 2)
        in_thread(airlock.carry(lambda: airlock.enqueue(left.append, 3)))
    assert left == [2, 3]
    assert blocked.state is State.DENIED


def test_carry_serves_a_whole_pool(left):
    """One carried function can be called any number of times, at the same time."""
    with airlock.scope() as scope, ThreadPoolExecutor(8) as pool:
        barrier = threading.Barrier(8)

        def work(value):
            barrier.wait()
            airlock.enqueue(left.append, value)
            return value

        assert list(pool.map(airlock.carry(work), range(8))) == list(range(8))
        assert len(scope) == 8
    assert sorted(left) == list(range(8))


def test_a_carried_scope_inside_is_captured(send, left):
    """A scope that a carried thread opens is inside the carried one."""

    def work():
        with pytest.raises(ArithmeticError), airlock.scope():
            airlock.enqueue(send, "discarded")
            raise ArithmeticError
        with airlock.scope():
            airlock.enqueue(send, "captured")

    with airlock.scope():
        in_thread(airlock.carry(work))
        assert left == []
    assert left == ["captured"]


def test_a_late_enqueue_names_the_scope(send):
    """After the scope has ended, a carried enqueue is an error that names it."""
    with airlock.scope(name="request 7"):
        late = airlock.carry(lambda: airlock.enqueue(send, 1))
    with pytest.raises(ScopeStateError, match=r"send was enqueued too late.*request 7.*flushed"):
        in_thread(late)
    with pytest.raises(ScopeStateError):
        late()


def test_carry_changes_nothing_where_it_runs(send):
    """What a carried function sets does not stay in the thread, or in the next call."""

    def work():
        airlock.scope(name="left open").enter()
        return airlock.get_current_scope().name

    with airlock.scope(name="mine") as scope:
        carried = airlock.carry(work)
        assert carried() == "left open"
        assert airlock.get_current_scope() is scope
        assert in_thread(airlock.carry(airlock.get_current_scope)) is scope


def test_carry_keeps_the_name_of_the_function():
    """It is a function as the one that was carried."""

    def work():
        """Do it."""

    assert airlock.carry(work).__name__ == "work"
    assert airlock.carry(work).__doc__ == "Do it."


def test_scopes_of_many_threads_are_their_own(send):
    """Threads with a scope each never see one another's intents."""

    def request(number):
        sent = []
        with airlock.scope(executor=lambda intent: sent.append(intent.args[0])) as scope:
            for step in range(50):
                airlock.enqueue(send, (number, step))
            assert len(scope) == 50
        return sent == [(number, step) for step in range(50)]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(request, range(32)))


@pytest.fixture
def fast_switching():
    """Switch threads as often as possible, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def plain():
    """An effect for which nobody is asked, as nobody is for most."""


class Stopping(list):
    """A buffer that stops before or after it takes an intent in, until it is told to go on."""

    def __init__(self, when):
        super().__init__()
        self.when = when
        self.stopped, self.go = threading.Event(), threading.Event()

    def append(self, intent):
        if self.when == "after":
            super().append(intent)
        self.stopped.set()
        assert self.go.wait(30)
        if self.when == "before":
            super().append(intent)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("task", [plain, print])
def test_a_scope_that_closes_in_the_moment_of_an_enqueue(task, when):
    """The intent that is already in the buffer leaves; the one that is not is refused."""
    sent = []
    with airlock.scope(executor=sent.append) as scope:
        buffer = scope._intents = scope.inlet = Stopping(when)
        with ThreadPoolExecutor(1) as pool:
            enqueued = pool.submit(airlock.carry(airlock.enqueue), task)
            assert buffer.stopped.wait(30)
            scope.flush()
            buffer.go.set()
    if when == "after":
        assert sent == [enqueued.result()] == list(scope.intents)
    else:
        with pytest.raises(ScopeStateError, match="too late"):
            enqueued.result()
        assert sent == list(scope.intents) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_scope_that_closes_in_the_moment_of_a_capture(when):
    """What an inner scope hands up leaves once, with the outer scope or by itself."""

    class StoppingCapture(Stopping):
        def extend(self, intents):
            for intent in intents:
                self.append(intent)

    def inner():
        with airlock.scope(executor=sent.append):
            airlock.enqueue(plain)

    sent = []
    with airlock.scope() as scope:
        buffer = scope._intents = StoppingCapture(when)
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(airlock.carry(inner))
            assert buffer.stopped.wait(30)
            scope.flush()
            buffer.go.set()
        ended.result()
    assert len(sent) == 1
    assert sent[0].state is State.DISPATCHED
    assert len(scope) == (when == "after")


@pytest.mark.usefixtures("fast_switching")
@pytest.mark.parametrize("nested", [False, True])
def test_accepting_and_closing_exclude_each_other(nested, test_size):
    """Threads enqueue while the scope ends: each intent was refused at its line, or it left."""
    for _ in range(30 * test_size):
        accepted, sent, refused = [], [], []
        with airlock.scope() if nested else airlock.policy(airlock.AllowAll()):
            scope = airlock.scope(executor=sent.append).enter()

            def work(number, accepted=accepted, refused=refused):
                for step in range(200):
                    try:
                        accepted.append(airlock.enqueue(print, number, step))
                    except ScopeStateError:
                        refused.append((number, step))
                        return

            carried = airlock.carry(work)
            threads = [threading.Thread(target=carried, args=(n,)) for n in range(3)]
            for thread in threads:
                thread.start()
            while len(scope) < 50:
                pass
            scope.exit()
            for thread in threads:
                thread.join()
        assert sorted(map(id, accepted)) == sorted(map(id, sent))
        assert {intent.state for intent in accepted} == {State.DISPATCHED}


@pytest.mark.usefixtures("fast_switching")
def test_a_thread_may_enqueue_while_the_scope_flushes(test_size):
    """What is accepted during the flush leaves in it; what is too late is told."""
    for _ in range(20 * test_size):
        accepted, sent = [], []
        started = threading.Event()

        def slow(intent, sent=sent, started=started):
            started.set()
            sent.append(intent)

        scope = airlock.scope(executor=slow).enter()

        def work(accepted=accepted, started=started):
            started.wait()
            try:
                while True:
                    accepted.append(airlock.enqueue(print))
                    if len(accepted) > 2000:
                        return
            except ScopeStateError:
                return

        thread = threading.Thread(target=airlock.carry(work))
        for _ in range(20):
            accepted.append(airlock.enqueue(print))
        thread.start()
        scope.exit()
        thread.join()
        assert sorted(map(id, accepted)) == sorted(map(id, sent))


@pytest.mark.usefixtures("fast_switching")
def test_only_one_of_many_exits_counts(test_size):
    """Threads that end one scope at once: one does, the others are told, nothing leaves twice."""
    for _ in range(30 * test_size):
        sent, errors = [], []

        def end(errors=errors):
            try:
                airlock.get_current_scope().flush()
            except ScopeStateError as error:
                errors.append(error)

        with airlock.scope(executor=sent.append):
            intents = [airlock.enqueue(print, n) for n in range(20)]
            carried = airlock.carry(end)
            threads = [threading.Thread(target=carried) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sent == intents
        assert len(errors) == 3
        assert airlock.get_current_scope() is None


def test_a_scope_may_end_in_another_thread(send, left):
    """Who entered it is not asked to leave it; what comes after is not inside it."""

    def work():
        scope = airlock.scope(name="elsewhere").enter()
        airlock.enqueue(send, 1)
        in_thread(scope.exit)
        with pytest.raises(ScopeStateError, match="elsewhere"):
            airlock.enqueue(send, 2)
        with airlock.scope() as other:
            assert other.parent is None
            airlock.enqueue(send, 3)

    copy_context().run(work)
    assert left == [1, 3]


@pytest.mark.usefixtures("fast_switching")
def test_retries_at_once_send_once(test_size):
    """Threads that retry one error at once: every intent is sent once."""
    for _ in range(30 * test_size):
        broken, sent = [True], []

        def executor(intent, broken=broken, sent=sent):
            if broken:
                raise ConnectionError
            sent.append(intent)

        with pytest.raises(airlock.DispatchError) as caught:
            with airlock.scope(executor=executor) as scope:
                for n in range(20):
                    airlock.enqueue(print, n)
        broken.clear()

        def retry(error=caught.value):
            try:
                error.retry()
            except ScopeStateError:
                pass

        threads = [threading.Thread(target=retry) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sent == list(scope.intents)
