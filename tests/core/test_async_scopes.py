"""`async with airlock.scope()`: the loop is never blocked, and effects may be coroutines."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

import airlock
from airlock import DispatchError, ExecutorWrapper, Hold, IntentError, Phase, State
from airlock.testing import RecordingExecutor

pytestmark = pytest.mark.asyncio


class Blocks(airlock.Executor):
    """Blocks its thread until it is let go."""

    def __init__(self):
        self.go = threading.Event()
        self.entered = threading.Event()
        self.sent = []
        self.threads = []

    def __call__(self, intent):
        self.entered.set()
        self.threads.append(threading.current_thread())
        assert self.go.wait(30)
        self.sent.append(intent.args[0])
        return intent.args[0]


async def until(condition):
    """Let the loop turn until something is true."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def test_it_does_what_a_plain_scope_does(send, left):
    """Effects wait for the block, leave in order, and are discarded with an exception."""
    async with airlock.scope() as scope:
        airlock.enqueue(send, 1)
        async with airlock.scope():
            airlock.enqueue(send, 2)
        assert left == []
    assert left == [1, 2]
    assert scope.phase is Phase.FLUSHED
    with pytest.raises(ArithmeticError):
        async with airlock.scope():
            airlock.enqueue(send, 3)
            raise ArithmeticError
    assert left == [1, 2]


async def test_a_blocking_executor_does_not_block_the_loop():
    """While the broker blocks, the loop turns."""
    executor, ticks = Blocks(), 0

    async def tick():
        nonlocal ticks
        await until(executor.entered.is_set)
        for _ in range(20):
            await asyncio.sleep(0)
            ticks += 1
        executor.go.set()

    ticking = asyncio.create_task(tick())
    async with airlock.scope(executor=executor):
        airlock.enqueue(print, 1)
    await ticking
    assert (ticks, executor.sent) == (20, [1])
    assert executor.threads != [threading.main_thread()]


async def test_a_framework_says_where_blocking_is_allowed(send, left):
    """Scope.run_blocking is what runs the blocking part."""
    ran = []

    class Framework(airlock.Scope):
        async def run_blocking(self, function):
            ran.append(threading.current_thread())
            return function()

    async with airlock.scope(scope_cls=Framework):
        airlock.enqueue(send, 1)
    assert left == [1]
    assert ran


async def test_an_executor_may_be_a_coroutine_function():
    """It is awaited, one intent after the other."""
    sent = []

    async def executor(intent):
        await asyncio.sleep(0)
        sent.append(intent.args[0])
        return intent.args[0] * 10

    async with airlock.scope(executor=executor):
        intents = [airlock.enqueue(print, value) for value in (1, 2)]
    assert sent == [1, 2]
    assert [intent.receipt for intent in intents] == [10, 20]


class Native(airlock.Executor):
    """A queue with an async client."""

    native_async = True

    def __init__(self):
        self.runs = []

    async def dispatch_many(self, intents):
        await asyncio.sleep(0)
        self.runs.append([intent.args[0] for intent in intents])
        return [intent.id for intent in intents]


class OneByOne(airlock.Executor):
    """An async client without a pipeline."""

    native_async = True

    def __init__(self):
        self.runs = []

    async def __call__(self, intent):
        await asyncio.sleep(0)
        self.runs.append([intent.args[0]])
        return intent.id


@pytest.mark.parametrize("wrap", [lambda executor: executor, ExecutorWrapper])
@pytest.mark.parametrize("executor", [Native, OneByOne])
async def test_a_native_async_executor_is_awaited(executor, wrap):
    """Its runs group as those of a blocking one, inside a wrapper as well."""
    executor = executor()
    async with airlock.scope(executor=wrap(executor)):
        intents = [airlock.enqueue(print, value) for value in (1, 2)]
    assert [value for run in executor.runs for value in run] == [1, 2]
    assert [intent.receipt for intent in intents] == [intent.id for intent in intents]


async def test_a_wrapped_coroutine_function_is_awaited():
    """A wrapper knows that what it wraps must be awaited."""

    async def executor(intent):
        return "sent"

    async with airlock.scope(executor=ExecutorWrapper(executor)):
        intent = airlock.enqueue(print, 1)
    assert intent.receipt == "sent"


async def test_a_coroutine_executor_that_raises_is_down():
    """As a blocking one: the rest is not tried, and aretry() sends it."""
    broken, sent = [2], []

    async def executor(intent):
        if intent.args[0] in broken:
            raise ConnectionError
        sent.append(intent.args[0])

    with pytest.raises(DispatchError) as caught:
        async with airlock.scope(executor=executor):
            for value in (1, 2, 3):
                airlock.enqueue(print, value)
    assert sent == [1]
    assert [len(caught.value.failed), len(caught.value.undelivered)] == [1, 1]
    broken.clear()
    await caught.value.aretry()
    await caught.value.aretry()
    assert sent == [1, 2, 3]


async def test_lost_outcomes_of_an_async_executor_are_uncertain():
    """One outcome per intent is the contract here, too."""

    class Short(Native):
        async def dispatch_many(self, intents):
            return ["only one"]

    class Yields(Native):
        async def dispatch_many(self, intents):
            yield "only one"

    for executor in (Short(), Yields()):
        with pytest.raises(DispatchError) as caught:
            async with airlock.scope(executor=executor):
                intents = [airlock.enqueue(print, value) for value in range(3)]
        assert [i.state.name for i in intents] == ["DISPATCHED", "UNCERTAIN", "UNCERTAIN"]
        assert len(caught.value.exceptions) == 1


@pytest.mark.parametrize("strict", [True, False])
async def test_an_async_effect_is_awaited(left, strict):
    """An `async def` is an effect as any other, in order with the plain ones."""
    airlock.configure(strict=strict)

    async def effect(value):
        await asyncio.sleep(0)
        left.append(value)
        return value * 10

    async with airlock.scope():
        airlock.enqueue(effect, 1)
        airlock.enqueue(left.append, 2)
        intent = airlock.enqueue(effect, 3)
    assert left == [1, 2, 3]
    assert intent.receipt == 30


async def test_async_effects_are_each_on_their_own(left):
    """One that fails does not stop the others, and its own effects are discarded."""

    async def effect(value):
        airlock.enqueue(left.append, ("child", value))
        await asyncio.sleep(0)
        left.append(value)
        if value == 2:
            raise ZeroDivisionError

    with pytest.raises(DispatchError) as caught:
        async with airlock.scope():
            for value in (1, 2, 3):
                airlock.enqueue(effect, value)
    assert left == [1, 2, 3, ("child", 1), ("child", 3)]
    assert len(caught.value.failed) == 1


async def test_async_effects_go_through_a_dispatch_wrapper(left):
    """A plugin that wraps the choice sees them, and they are still awaited."""
    seen = []

    class Wrapper(ExecutorWrapper):
        def dispatch_many(self, intents):
            seen.append(len(intents))
            return super().dispatch_many(intents)

    class Wraps:
        @airlock.hookimpl(wrapper=True)
        def dispatch(self):
            return Wrapper((yield))

    airlock.register(Wraps())

    async def effect(value):
        await asyncio.sleep(0)
        left.append(value)

    async with airlock.scope(executor="sync"):
        airlock.enqueue(effect, 1)
        airlock.enqueue(effect, 2)
    async with airlock.scope():
        airlock.enqueue(effect, 3)
    assert (left, seen) == ([1, 2, 3], [2, 1])


@pytest.mark.parametrize("strict", [True, False])
async def test_an_async_effect_in_a_plain_scope_is_an_error_at_the_enqueue(strict):
    """The message says what to use."""
    airlock.configure(strict=strict)

    async def effect():
        pass

    with airlock.scope() as scope:
        with pytest.raises(IntentError, match=r"Use `async with airlock\.scope"):
            airlock.enqueue(effect)
        with airlock.scope(), pytest.raises(IntentError):
            airlock.enqueue(effect)
        assert len(scope) == 0


@pytest.mark.parametrize("strict", [True, False])
async def test_an_async_executor_in_a_plain_scope_is_an_error_at_the_enqueue(strict):
    """The message says what to use."""
    airlock.configure(strict=strict)

    async def executor(intent):
        pass

    for given in (executor, Native()):
        with airlock.scope(executor=given), pytest.raises(IntentError, match="async with"):
            airlock.enqueue(print)


async def test_the_context_of_the_enqueue_is_that_of_an_async_effect():
    """Its variables are those of the enqueue line, after an await as well."""
    from contextvars import ContextVar

    request: ContextVar[str] = ContextVar("request")
    seen = []

    async def effect():
        await asyncio.sleep(0)
        seen.append((request.get(), airlock.get_current_scope().parent))

    async with airlock.scope() as scope:
        request.set("first")
        airlock.enqueue(effect)
        request.set("second")
    assert seen == [("first", scope)]


# Tasks


async def test_tasks_inherit_the_scope(send, left):
    """create_task, gather and to_thread belong to the scope that started them, and never cross."""

    async def work(value):
        airlock.enqueue(send, value)
        await asyncio.sleep(0)

    async def request(name):
        async with airlock.scope(name=name) as scope:
            await asyncio.gather(*(work((name, number)) for number in range(3)))
            await asyncio.create_task(work((name, "task")))
            await asyncio.to_thread(airlock.enqueue, send, (name, "thread"))
            return scope

    scopes = await asyncio.gather(*(request(name) for name in "abc"))
    for scope in scopes:
        assert [intent.args[0][0] for intent in scope.intents] == [scope.name] * 5
        assert {intent.state for intent in scope.intents} == {State.DISPATCHED}
    assert len(left) == 15


async def test_a_task_that_outlives_its_scope_is_told(send):
    """A late enqueue is a ScopeStateError that names the scope."""
    ended = asyncio.Event()

    async def late():
        await ended.wait()
        airlock.enqueue(send, 1)

    async with airlock.scope(name="request 7"):
        task = asyncio.create_task(late())
    ended.set()
    with pytest.raises(airlock.ScopeStateError, match="request 7"):
        await task


async def test_a_scope_may_outlive_the_one_it_was_started_in(send, left):
    """A background task with a scope of its own sends itself when the request has ended."""
    ended = asyncio.Event()

    async def background():
        async with airlock.scope():
            airlock.enqueue(send, "background")
            await ended.wait()

    async with airlock.scope():
        task = asyncio.create_task(background())
        await asyncio.sleep(0)
        airlock.enqueue(send, "request")
    assert left == ["request"]
    ended.set()
    await task
    assert left == ["request", "background"]


async def test_a_scope_inside_a_task_does_not_leak_out():
    """The current scope is restored by the one who set it, in the task that set it."""

    async def inside():
        airlock.scope(name="never left").enter()

    async with airlock.scope() as scope:
        await asyncio.create_task(inside())
        assert airlock.get_current_scope() is scope
        scope.discard()


# Cancellation


async def cancelled(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_body_discards(send, left):
    """Cancellation is an exception of the block."""
    started = asyncio.Event()

    async def request():
        async with airlock.scope() as scope:
            airlock.enqueue(send, 1)
            scopes.append(scope)
            started.set()
            await asyncio.Event().wait()

    scopes: list = []
    task = asyncio.create_task(request())
    await started.wait()
    await cancelled(task)
    assert left == []
    assert scopes[0].phase is Phase.DISCARDED


async def test_a_cancelled_flush_loses_nothing_in_silence():
    """The intent on its way is waited for, the rest is undelivered, and can be sent again."""
    executor = Blocks()
    scope = airlock.scope(executor=executor)

    async def request():
        async with scope:
            for value in (1, 2, 3):
                airlock.enqueue(print, value)

    task = asyncio.create_task(request())
    await until(executor.entered.is_set)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    executor.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    ends = [intent.state.name for intent in scope.intents]
    assert set(ends) <= {"DISPATCHED", "UNDELIVERED"}
    assert ends.count("DISPATCHED") == len(executor.sent)
    if scope.error is not None:
        await scope.error.aretry()
    assert executor.sent == [1, 2, 3]


async def test_a_cancelled_flush_stops_before_the_next_run():
    """Runs that have not begun are not begun."""
    executor, other = Blocks(), RecordingExecutor()

    class Choose:
        @airlock.hookimpl
        def dispatch(self, intent):
            return executor if intent.args[0] == 1 else other

    airlock.register(Choose())
    scope = airlock.scope()

    async def request():
        async with scope:
            for value in (1, 2):
                airlock.enqueue(print, value)

    task = asyncio.create_task(request())
    await until(executor.entered.is_set)
    task.cancel()
    await asyncio.sleep(0)
    executor.go.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert [i.state.name for i in scope.intents] == ["DISPATCHED", "UNDELIVERED"]
    assert "scope.error" in caught.value.__notes__[0]
    await scope.error.aretry()
    assert len(other) == 1


async def test_cancelling_an_awaited_run_is_precise(left):
    """Effects before the cancelled one have left; it is uncertain; later ones were not tried."""
    waiting = asyncio.Event()

    async def effect(value):
        if value == 2:
            waiting.set()
            await asyncio.Event().wait()
        left.append(value)

    scope = airlock.scope()

    async def request():
        async with scope:
            for value in (1, 2, 3):
                airlock.enqueue(effect, value)

    task = asyncio.create_task(request())
    await waiting.wait()
    await cancelled(task)
    assert [i.state.name for i in scope.intents] == ["DISPATCHED", "UNCERTAIN", "UNDELIVERED"]
    assert left == [1]
    await scope.error.aretry()
    assert left == [1, 3]


async def test_a_timeout_around_a_scope_is_a_timeout():
    """asyncio.timeout() still turns its cancellation into TimeoutError."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            async with airlock.scope():
                await asyncio.Event().wait()


# Holds


async def test_a_hold_settled_in_another_thread_keeps_order_and_loop(left):
    """Coroutine effects go back to the loop of the block, and the rest follows in its order."""
    hold = Hold()

    async def effect(value):
        await asyncio.sleep(0)
        left.append((value, threading.current_thread() is threading.main_thread()))
        airlock.enqueue(left.append, "child")

    async with airlock.scope() as scope:
        airlock.enqueue(left.append, 1).hold(hold)
        airlock.enqueue(effect, 2).hold(hold)
        airlock.enqueue(left.append, 3)
    assert left == []
    await asyncio.to_thread(hold.keep)
    await until(lambda: scope.phase is Phase.FLUSHED)
    assert left == [1, (2, True), 3, "child"]
    assert all(intent.state is State.DISPATCHED for intent in scope.intents)


async def test_a_hold_settled_on_the_loop_does_not_block_it():
    """A blocking executor runs in a thread then, too."""
    hold, executor = Hold(), Blocks()
    async with airlock.scope(executor=executor) as scope:
        airlock.enqueue(print, 1).hold(hold)
    hold.keep()
    await until(executor.entered.is_set)
    assert scope.phase is Phase.FLUSHING
    executor.go.set()
    await until(lambda: scope.phase is Phase.FLUSHED)
    assert executor.sent == [1]


async def test_a_release_on_the_loop_that_fails_is_told(caplog, fail):
    """Nobody is there to catch it: it is logged, and in scope.error to be sent again."""
    hold = Hold()
    async with airlock.scope() as scope:
        airlock.enqueue(fail, 1).hold(hold)
    hold.keep()
    await until(lambda: scope.error is not None)
    await until(lambda: "could not send" in caplog.text)
    assert len(scope.error.failed) == 1


# The rest of the face


async def test_the_imperative_async_calls(send, left):
    """aexit(), aflush() and aredispatch() do what their plain namesakes do."""
    for end in ("aexit", "aflush"):
        scope = airlock.scope().enter()
        airlock.enqueue(send, end)
        await getattr(scope, end)()
        assert airlock.get_current_scope() is None
    assert left == ["aexit", "aflush"]


async def test_async_policy_blocks(send, left):
    """`async with airlock.policy()` is the same block."""
    async with airlock.scope(), airlock.policy(airlock.DropAll()):
        airlock.enqueue(send, 1)
    assert left == []


async def test_a_carried_coroutine_function(send, left):
    """carry() takes the scope along into a task that was started elsewhere."""

    async def work(value):
        await asyncio.sleep(0)
        airlock.enqueue(send, value)
        return value

    async with airlock.scope():
        carried = airlock.carry(work)

        async def elsewhere():
            return await carried(1)

        from contextvars import Context

        task = asyncio.get_running_loop().create_task(elsewhere(), context=Context())
        assert await task == 1
    assert left == [1]


async def test_many_scopes_at_once(left):
    """Hundreds of concurrent requests keep their own intents, in their own order."""

    async def request(number):
        async with airlock.scope() as scope:
            for step in range(5):
                airlock.enqueue(left.append, (number, step))
                await asyncio.sleep(0)
            return scope

    began = time.monotonic()
    await asyncio.gather(*(request(number) for number in range(200)))
    assert sorted(left) == [(n, s) for n in range(200) for s in range(5)]
    for number in range(0, 200, 50):
        assert [s for n, s in left if n == number] == [0, 1, 2, 3, 4]
    assert time.monotonic() - began < 60
