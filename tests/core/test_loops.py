"""Event loops that end before the work that was begun on them."""

from __future__ import annotations

import asyncio
import threading

import pytest

import airlock
from airlock import DispatchError, Hold, Phase


class Blocks(airlock.Executor):
    """Blocks its thread until it is let go."""

    def __init__(self):
        self.go = threading.Event()
        self.entered = threading.Event()
        self.sent = []

    def __call__(self, intent):
        self.entered.set()
        assert self.go.wait(30)
        self.sent.append(intent.args[0])


async def until(condition):
    """Let the loop turn until something is true."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


def test_a_loop_that_closes_does_not_part_a_flush_from_its_thread(send):
    """asyncio.run() cancels every task; what the thread was sending is still told as it is."""
    executor = Blocks()
    scope = airlock.scope(executor=executor)

    async def request():
        async with scope:
            for value in (1, 2, 3):
                airlock.enqueue(print, value)

    async def main():
        asyncio.get_running_loop().call_later(0.05, executor.go.set)
        task = asyncio.create_task(request())
        await until(executor.entered.is_set)
        return task

    task = asyncio.run(main())
    assert task.cancelled()
    ends = [intent.state.name for intent in scope.intents]
    assert ends.count("DISPATCHED") == len(executor.sent)
    assert "PENDING" not in ends
    if scope.error is not None:
        scope.error.retry()
    assert executor.sent == [1, 2, 3]


def test_a_release_after_the_loop_has_gone_is_a_failure_not_a_loss(left):
    """A coroutine effect that nobody can await any more fails, and says what to do."""
    hold = Hold()

    async def effect():
        left.append("awaited")

    async def main():
        async with airlock.scope() as scope:
            airlock.enqueue(effect).hold(hold)
        return scope

    scope = asyncio.run(main())
    with pytest.raises(DispatchError, match="failed") as caught:
        hold.keep()
    assert "aretry" in str(caught.value.exceptions[0])

    async def again():
        await caught.value.aretry()

    asyncio.run(again())
    assert left == ["awaited"]
    assert scope.phase is Phase.FLUSHED
