"""What became of intents is told to those who watch, once they have their ends."""

from __future__ import annotations

import asyncio
import logging

import pytest

import airlock
from airlock import State


class Watcher(airlock.Observer):
    """Writes down what it is told."""

    def __init__(self):
        self.told = []

    def settled(self, scope, intents):
        """Write it down."""
        self.told.append((scope.name, [(i.args[0], i.state) for i in intents]))


def effect(number):
    """Do nothing, or fail."""
    if number == 13:
        raise ValueError("unlucky")


@pytest.fixture
def watcher():
    """A watcher, the only plugin."""
    with airlock.testing.plugins():
        watcher = Watcher()
        airlock.register(watcher)
        yield watcher


def test_a_flush_is_told_once_with_every_end(watcher):
    """What left, what was denied and what failed, in order, in one call."""

    class NoTwos(airlock.Policy):
        def allows(self, intent):
            return intent.args != (2,)

    with pytest.raises(airlock.DispatchError), airlock.scope(name="s", policy=NoTwos()):
        for number in (1, 2, 13):
            airlock.enqueue(effect, number)

    states = [(1, State.DISPATCHED), (2, State.DENIED), (13, State.FAILED)]
    assert watcher.told == [("s", states)]


def test_a_scope_that_discards_is_told(watcher):
    """What a failing block had asked for is told as discarded."""
    with pytest.raises(ZeroDivisionError), airlock.scope(name="s"):
        airlock.enqueue(effect, 1)
        raise ZeroDivisionError

    assert watcher.told == [("s", [(1, State.DISCARDED)])]


def test_only_the_outermost_scope_is_told(watcher):
    """An inner scope hands its intents over; they have no end yet. An empty scope says nothing."""
    with airlock.scope(name="outer"):
        with airlock.scope(name="inner"):
            airlock.enqueue(effect, 1)
        assert watcher.told == []
    with airlock.scope(name="empty"):
        pass

    assert watcher.told == [("outer", [(1, State.DISPATCHED)])]


def test_what_waits_is_told_when_it_is_released(watcher):
    """A rolled back transaction's intents and a committed one's, each when its hold is settled."""
    holds = [airlock.Hold(), airlock.Hold()]
    for number, hold in enumerate(holds):
        with airlock.scope(name=f"s{number}"):
            airlock.enqueue(effect, number).hold(hold)
    assert watcher.told == []
    holds[1].cancel()
    holds[0].keep()

    assert watcher.told == [("s1", [(1, State.ROLLED_BACK)]), ("s0", [(0, State.DISPATCHED)])]


def test_async_scopes_are_told_too(watcher):
    """From `async with`."""

    async def main():
        async with airlock.scope(name="s"):
            airlock.enqueue(effect, 1)

    asyncio.run(main())

    assert watcher.told == [("s", [(1, State.DISPATCHED)])]


def test_what_is_sent_again_is_told_again(watcher):
    """`retry()` is one more flush."""
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(name="s"):
        intent = airlock.enqueue(effect, 13)
    intent.args = (1,)
    caught.value.retry()

    assert watcher.told == [("s", [(13, State.FAILED)]), ("s", [(1, State.DISPATCHED)])]


def test_a_watcher_that_fails_is_logged_and_stops_nothing(watcher, caplog):
    """Neither the effects nor the other watchers suffer."""

    class Broken(airlock.Observer):
        def settled(self, scope, intents):
            raise LookupError("what")

    airlock.register(Broken())
    with airlock.scope(name="s"):
        intent = airlock.enqueue(effect, 1)

    assert intent.state is State.DISPATCHED
    assert len(watcher.told) == 1
    (record,) = caplog.records
    assert "Broken failed to observe" in record.message


def test_the_log_has_a_line_for_each_at_debug(watcher, caplog):
    """Without any plugin: the task, its line, its end and why; the arguments never."""
    with caplog.at_level(logging.DEBUG, "airlock"):
        with airlock.scope(name="s", policy=airlock.BlockTasks({"effect"})):
            intent = airlock.enqueue(effect, 12345)

    (record,) = caplog.records
    assert "effect, enqueued at" in record.message
    assert "denied by BlockTasks" in record.message
    assert "12345" not in record.message
    assert record.airlock["intent_id"] == intent.id
    assert record.airlock["state"] == "denied"
    assert record.airlock["scope"] == "s"


def test_nothing_is_made_for_the_log_where_nobody_reads_it(caplog):
    """Above DEBUG there is no line."""
    with caplog.at_level(logging.INFO, "airlock"), airlock.scope():
        airlock.enqueue(effect, 1)

    assert not caplog.records


def test_the_log_does_not_show_what_an_error_says(caplog):
    """A message of an error may hold an argument, or the password in a broker's address."""

    def failing():
        raise ConnectionError("redis://:hunter2@broker")

    with airlock.testing.plugins(), caplog.at_level(logging.DEBUG, "airlock"):
        with pytest.raises(airlock.DispatchError), airlock.scope():
            airlock.enqueue(failing)

    (record,) = caplog.records
    assert record.message.endswith("failed: ConnectionError")
    assert "hunter2" not in str(record.airlock)
