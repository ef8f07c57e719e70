"""`@airlock.scoped`: each call of a function runs in a scope of its own."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
from contextvars import ContextVar

import pytest

import airlock
from airlock import ConfigurationError, DispatchError, NoScopeError
from airlock.testing import RecordingExecutor

# Functions


@pytest.mark.parametrize("decorate", [airlock.scoped, airlock.scoped(), airlock.scoped(name="job")])
def test_a_function(send, left, decorate):
    """Bare, with parentheses and with arguments: success flushes, an exception discards."""

    @decorate
    def job(value, *, error=None):
        """Do the job."""
        airlock.enqueue(send, value)
        assert left == before
        if error:
            raise error
        return value * 10

    before: list = []
    assert job(1) == 10
    before = [1]
    with pytest.raises(ArithmeticError):
        job(2, error=ArithmeticError)
    assert left == [1]
    assert (job.__name__, job.__doc__) == ("job", "Do the job.")
    assert airlock.get_current_scope() is None


def test_the_scope_is_named_after_the_function(send):
    """Messages say whose scope it is."""

    @airlock.scoped
    def job():
        return airlock.get_current_scope().name

    assert "job" in job()


def test_arguments_are_those_of_scope(send):
    """@scoped(executor=...) makes each call's scope with them."""
    recorder = RecordingExecutor()

    @airlock.scoped(executor=recorder, policy=airlock.Deduplicate())
    def job():
        airlock.enqueue(send, 1)
        airlock.enqueue(send, 1)

    job()
    job()
    assert len(recorder) == 2


def test_arguments_of_the_function_are_its_own(left):
    """Names that scope() knows reach the function."""

    @airlock.scoped(name="mine")
    def job(function=None, name=None, policy=None, executor=None, self=None):
        left.append((function, name, policy, executor, self))

    job(function=1, name=2, policy=3, executor=4, self=5)
    assert left == [(1, 2, 3, 4, 5)]


def test_calls_nest(send, left):
    """A scoped function called in a scope, or by itself, is inside it."""

    @airlock.scoped
    def job(depth):
        airlock.enqueue(send, depth)
        if depth:
            job(depth - 1)
        assert left == []

    with airlock.scope():
        job(2)
    assert left == [2, 1, 0]


def test_a_failed_flush_raises_from_the_call(fail):
    """The caller gets the DispatchError."""

    @airlock.scoped
    def job():
        airlock.enqueue(fail)

    with pytest.raises(DispatchError):
        job()


class Service:
    """Methods of every kind."""

    @airlock.scoped
    def method(self, send):
        airlock.enqueue(send, "method")
        return self

    @airlock.scoped()
    @staticmethod
    def static_outside(send):
        airlock.enqueue(send, "static outside")

    @staticmethod
    @airlock.scoped()
    def static_inside(send):
        airlock.enqueue(send, "static inside")

    @airlock.scoped
    @classmethod
    def class_outside(cls, send):
        airlock.enqueue(send, "class outside")
        return cls

    @classmethod
    @airlock.scoped
    def class_inside(cls, send):
        airlock.enqueue(send, "class inside")
        return cls


def test_methods(send, left):
    """Methods, static methods and class methods, in either order of the decorators."""
    service = Service()
    assert service.method(send) is service
    service.static_outside(send)
    Service.static_inside(send)
    assert Service.class_outside(send) is Service
    assert service.class_inside(send) is Service
    assert left == [
        "method",
        "static outside",
        "static inside",
        "class outside",
        "class inside",
    ]


def test_other_callables(send, left):
    """Partials, bound methods and built-ins can be scoped."""
    assert airlock.scoped(functools.partial(airlock.enqueue, send, 1))()
    assert airlock.scoped(Service().method)(send)
    assert airlock.scoped(len)("four") == 4
    assert left == [1, "method"]


@pytest.mark.parametrize(
    "thing", [object(), 3, "job", Service, Service()], ids=["object", "3", "job", "class", "task"]
)
def test_the_wrong_order_with_a_queues_decorator_is_an_error(thing):
    """On a task object or a class it says where to put it."""
    with pytest.raises(ConfigurationError, match="below the decorator that makes a task"):
        airlock.scoped()(thing)


# Coroutines


def test_a_coroutine_function(send, left):
    """It buffers while it runs, across awaits; an exception in it discards."""

    @airlock.scoped()
    async def job(value, error=None):
        airlock.enqueue(send, value)
        await asyncio.sleep(0)
        assert value not in left
        if error:
            raise error
        return value * 10

    async def main():
        assert await job(1) == 10
        with pytest.raises(ArithmeticError):
            await job(2, ArithmeticError)
        await asyncio.gather(*(job(value) for value in (3, 4, 5)))

    asyncio.run(main())
    assert sorted(left) == [1, 3, 4, 5]
    assert inspect.iscoroutinefunction(job)


def test_a_coroutine_function_may_enqueue_coroutines(left):
    """Its scope is an async one."""

    async def effect():
        left.append(1)

    @airlock.scoped
    async def job():
        airlock.enqueue(effect)

    asyncio.run(job())
    assert left == [1]


def test_a_partial_of_a_coroutine_function(send, left):
    """It is seen through."""

    async def job(value):
        await asyncio.sleep(0)
        airlock.enqueue(send, value)

    asyncio.run(airlock.scoped(functools.partial(job, 1))())
    assert left == [1]


# Generators


def numbers(send):
    """A scoped generator that enqueues before, between and after its yields."""

    @airlock.scoped
    def numbers(count):
        for number in range(count):
            airlock.enqueue(send, number)
            yield number
        airlock.enqueue(send, "end")
        return "result"

    return numbers


def test_a_generator_buffers_until_its_end(send, left):
    """Its effects leave when it is exhausted."""
    generator = numbers(send)(2)
    assert inspect.isgenerator(generator)
    assert [next(generator), next(generator)] == [0, 1]
    assert left == []
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "result"
    assert left == [0, 1, "end"]


def test_a_generator_is_in_its_scope_only_while_it_runs(send, left):
    """Between its steps, the consumer is in its own scope, or in none."""
    generator = numbers(send)(2)
    next(generator)
    with pytest.raises(NoScopeError):
        airlock.enqueue(send, "consumer")
    with airlock.scope() as mine:
        next(generator)
        assert airlock.get_current_scope() is mine
        airlock.enqueue(send, "mine")
    assert left == ["mine"]
    assert list(generator) == []
    assert left == ["mine", 0, 1, "end"]


def test_closing_a_generator_early_discards(send, left):
    """close(), and being forgotten, are no success."""
    generator = numbers(send)(2)
    next(generator)
    generator.close()
    forgotten = numbers(send)(2)
    next(forgotten)
    del forgotten
    gc.collect()
    for number in numbers(send)(5):
        if number == 2:
            break
    gc.collect()
    assert left == []
    assert airlock.get_current_scope() is None


def test_an_exception_in_a_generator_discards(send, left):
    """Its own, and one that is thrown in and not caught."""

    @airlock.scoped()
    def fails():
        airlock.enqueue(send, 1)
        yield
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        list(fails())
    generator = fails()
    next(generator)
    with pytest.raises(KeyError):
        generator.throw(KeyError("thrown in"))
    assert left == []


def test_send_and_throw_reach_the_generator(send, left):
    """It is a generator as the one that was decorated."""

    @airlock.scoped
    def echo():
        received = []
        while len(received) < 3:
            try:
                received.append((yield len(received)))
            except LookupError as error:
                received.append(type(error))
        airlock.enqueue(send, received)
        return received

    generator = echo()
    assert next(generator) == 0
    assert generator.send("a") == 1
    assert generator.throw(LookupError) == 2
    with pytest.raises(StopIteration):
        generator.send("b")
    assert left == [["a", LookupError, "b"]]


def test_generators_that_are_interleaved_stay_apart(send, left):
    """Each resumes its own scope, whatever the order."""
    first, second = numbers(lambda v: left.append(("1", v)))(2), numbers(send)(2)
    next(first), next(second), next(first), next(second)
    assert list(second) == []
    assert left == [0, 1, "end"]
    assert list(first) == []
    assert left[3:] == [("1", 0), ("1", 1), ("1", "end")]


def test_a_generator_inside_a_scope_is_captured(send, left):
    """It belongs to the scope in which it was started."""
    with airlock.scope():
        assert list(numbers(send)(1)) == [0]
        assert left == []
    assert left == [0, "end"]


def test_local_policies_and_scopes_inside_a_generator_follow_it(send, left):
    """What is open inside when it yields is open inside when it goes on, and not outside."""

    @airlock.scoped
    def job():
        with airlock.policy(airlock.DropAll()):
            airlock.enqueue(send, "dropped")
            yield
            airlock.enqueue(send, "dropped too")
        with airlock.scope():
            yield
            airlock.enqueue(send, "inner")
        airlock.enqueue(send, "outer")

    with airlock.scope():
        generator = job()
        next(generator)
        airlock.enqueue(send, "consumer")
        next(generator)
        assert list(generator) == []
    assert left == ["consumer", "inner", "outer"]


def test_a_generator_that_goes_on_in_another_thread(send, left):
    """A web server may take each step in another one."""
    from concurrent.futures import ThreadPoolExecutor

    generator = numbers(send)(3)
    for _ in range(3):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(next, generator).result()
    assert left == []
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(list, generator).result() == []
    assert left == [0, 1, 2, "end"]


def test_a_plain_scope_around_a_yield_follows_pythons_rules(send, left):
    """Its block stays current in the consumer until it ends: fixtures rely on it."""

    def fixture():
        with airlock.scope():
            yield

    generator = fixture()
    next(generator)
    airlock.enqueue(send, 1)
    assert list(generator) == []
    assert left == [1]
    assert airlock.get_current_scope() is None


def test_plain_scopes_around_yields_may_be_interleaved(send, left):
    """First in, first out: no scope that has ended becomes current again."""

    def fixture(value):
        with airlock.scope(name=value):
            airlock.enqueue(send, value)
            yield

    first, second = fixture("first"), fixture("second")
    next(first)
    next(second)
    assert list(first) == []
    assert airlock.get_current_scope().name == "second"
    assert list(second) == []
    assert airlock.get_current_scope() is None
    assert left == ["first", "second"]


# Async generators


def anumbers(send):
    """A scoped async generator."""

    @airlock.scoped
    async def anumbers(count):
        for number in range(count):
            airlock.enqueue(send, number)
            await asyncio.sleep(0)
            yield number
        airlock.enqueue(send, "end")

    return anumbers


def test_an_async_generator_buffers_until_its_end(send, left):
    """It is in its scope only while it runs, and its effects leave at its end."""

    async def main():
        seen = []
        async for number in anumbers(send)(3):
            assert airlock.get_current_scope() is None
            assert left == []
            seen.append(number)
        return seen

    assert asyncio.run(main()) == [0, 1, 2]
    assert left == [0, 1, 2, "end"]
    assert inspect.isasyncgenfunction(anumbers(send))


def test_closing_an_async_generator_early_discards(send, left):
    """aclose() after a step, or the end of the loop that forgot it."""

    async def main():
        generator = anumbers(send)(3)
        await anext(generator)
        await generator.aclose()
        async for _ in anumbers(send)(3):
            break

    asyncio.run(main())
    assert left == []


def test_an_exception_in_an_async_generator_discards(send, left):
    """Its own, and one that is thrown in; a caught one is no failure."""

    @airlock.scoped
    async def job(*, catches):
        airlock.enqueue(send, catches)
        try:
            yield 1
        except LookupError:
            if not catches:
                raise
        received = yield 2
        airlock.enqueue(send, received)

    async def main():
        generator = job(catches=False)
        await anext(generator)
        with pytest.raises(LookupError):
            await generator.athrow(LookupError())
        generator = job(catches=True)
        await anext(generator)
        assert await generator.athrow(LookupError()) == 2
        with pytest.raises(StopAsyncIteration):
            await generator.asend("sent in")

    asyncio.run(main())
    assert left == [True, "sent in"]


def test_async_generators_of_concurrent_tasks_stay_apart(left):
    """Each keeps its own scope across its steps."""

    async def consume(name):
        async for _ in anumbers(lambda value: left.append((name, value)))(3):
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(*(consume(name) for name in "ab"))

    asyncio.run(main())
    for name in "ab":
        assert [v for n, v in left if n == name] == [0, 1, 2, "end"]


def test_context_variables_of_the_consumer_are_seen_by_a_generator():
    """A generator runs in the context of whoever takes its next step, as Python has it."""
    variable: ContextVar[int] = ContextVar("variable", default=0)
    seen = []

    @airlock.scoped
    def job():
        while len(seen) < 2:
            seen.append(variable.get())
            yield

    generator = job()
    for value in (1, 2):
        variable.set(value)
        next(generator)
    assert seen == [1, 2]
    assert list(generator) == []
