"""What an intent costs in units that are the same on each machine: instructions, and memory."""

from __future__ import annotations

import gc
import sys
import tracemalloc

import pytest

import airlock
from airlock.testing import plugins


@pytest.fixture(autouse=True)
def the_core_alone():
    """No plugin is asked, and `strict`, which pytest turns on, copies no arguments."""
    with plugins():
        airlock.configure(strict=False)
        yield
        airlock.reset_configuration()


def task(number):
    """An effect that does nothing."""


def executor(intent):
    """Carry nothing."""


def scope_of(count):
    """Send so many intents."""
    with airlock.scope(executor=executor):
        for number in range(count):
            airlock.enqueue(task, number)


def instructions(function):
    """Count the instructions of Python's own that a call takes."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    counts = []
    gc.collect()
    gc.disable()  # what it finalizes would be counted, too
    try:
        for _ in range(3):  # since Python 3.12, not each instruction is traced the first time
            count = 0
            sys.settrace(trace)
            try:
                function()
            finally:
                sys.settrace(before)
            counts.append(count)
    finally:
        gc.enable()
    return counts[-1]


def test_an_intent_takes_few_instructions():
    """Enqueued and flushed in 137 to 144, as the Python may be; a fifth more is a regression."""
    scope_of(1)
    hundred, more = (instructions(lambda n=n: scope_of(n)) for n in (100, 200))

    assert 50 < (more - hundred) / 100 <= 173


def test_the_thousandth_intent_takes_no_more_instructions_than_the_first():
    """Not one more: nothing looks at the intents that are there already."""
    scope_of(1)
    counts = [instructions(lambda n=n: scope_of(n)) for n in (200, 400, 800)]

    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])


def test_an_empty_scope_takes_few_instructions():
    """It takes 419; a fifth more is a regression."""
    scope_of(1)

    assert 100 < instructions(lambda: scope_of(0)) <= 500


def test_a_buffered_intent_is_small():
    """233 bytes in three allocations: the intent, its arguments and its context."""
    count = 5_000
    numbers = list(range(count))
    with airlock.scope(policy=airlock.DropAll()):
        airlock.enqueue(task, 0)
        gc.collect()
        tracemalloc.start()
        try:
            for number in numbers:
                airlock.enqueue(task, number)
            snapshot = tracemalloc.take_snapshot()
        finally:
            tracemalloc.stop()
    weights = snapshot.statistics("filename")

    assert sum(weight.size for weight in weights) / count <= 257  # which is airlock-py's
    assert sum(weight.count for weight in weights) / count <= 4
