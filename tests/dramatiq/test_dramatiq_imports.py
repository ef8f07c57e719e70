"""What importing the plugin costs, and what it says where Dramatiq is missing."""

from __future__ import annotations

import subprocess
import sys

import dramatiq
import pytest

import airlock_dramatiq


def run(program: str) -> str:
    """Run a program in a process of its own, and return what it printed."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.stdout + done.stderr


def test_the_plugin_does_not_import_dramatiq():
    """A process that has the plugin and uses no actor does not load Dramatiq, Redis or Pika."""
    program = """
import sys
import airlock, airlock_dramatiq
with airlock.scope():
    airlock.enqueue(print, "inline")
print(sorted({"dramatiq", "redis", "pika"} & {name.partition(".")[0] for name in sys.modules}))
"""
    assert run(program) == "inline\n[]\n"


def test_without_dramatiq_a_named_executor_refuses():
    """Where Dramatiq is not installed, nothing is an actor, and the `enqueue` says so."""
    program = """
import sys
sys.modules["dramatiq"] = None
import airlock
try:
    with airlock.scope(executor="dramatiq"):
        airlock.enqueue(print)
except airlock.IntentError as error:
    print(error)
try:
    from airlock_dramatiq import AirlockMiddleware
except ImportError as error:
    print(error)
"""
    said = run(program)
    assert "is no actor of Dramatiq's" in said
    assert "import of dramatiq halted" in said


def test_redis_alone_needs_no_pika():
    """With a broker on Redis, Pika is never imported."""
    program = """
import sys
sys.modules["pika"] = None
import airlock, dramatiq
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url="redis://127.0.0.1:1/0")

@dramatiq.actor(broker=broker)
def add(): ...

try:
    with airlock.scope():
        airlock.enqueue(add)
except airlock.DispatchError as error:
    print(type(error.exceptions[0]).__name__)
"""
    assert run(program) == "ConnectionError\n"


def test_the_plugin_has_no_other_names():
    """The middleware is there when it is asked for; another name is an AttributeError."""
    assert issubclass(airlock_dramatiq.AirlockMiddleware, dramatiq.Middleware)
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        airlock_dramatiq.Missing  # noqa: B018


def test_the_plugin_is_found():
    """The installed entry point `dramatiq` is the executor."""
    from airlock_core.plugins import manager

    assert manager.executor_named("dramatiq") is airlock_dramatiq.dramatiq_executor
    assert manager.hooks_of(airlock_dramatiq.dramatiq_executor) == ["dispatch"]
