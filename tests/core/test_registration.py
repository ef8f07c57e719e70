"""Registering a plugin: mistakes that would otherwise be silent are errors that say so."""

from __future__ import annotations

import threading
import types
from dataclasses import dataclass

import pytest

import airlock
from airlock import PluginError, hookimpl
from airlock.testing import RecordingExecutor
from airlock_core.plugins import manager


def refused(plugin):
    """Register a plugin that must be refused; return the message. Nothing of it stays."""
    before = list(manager)
    with pytest.raises(PluginError) as caught:
        airlock.register(plugin)
    assert list(manager) == before
    return str(caught.value)


def test_a_class_instead_of_an_instance():
    """Its methods would be called without self."""

    class Mine:
        @hookimpl
        def policy_check(self, intent):
            return False

    assert "is a class. Register an instance" in refused(Mine)
    assert "is a class" in refused(airlock.DropAll)


def test_a_misspelt_hook():
    """The message suggests the hook that was meant."""

    class Mine:
        @hookimpl
        def policy_chek(self, intent):
            return False

    assert "Did you mean 'policy_check'?" in refused(Mine())


def test_a_misspelt_argument():
    """With or without a default."""

    class Mine:
        @hookimpl
        def policy_check(self, intnt):
            return False

    class WithDefault:
        @hookimpl
        def policy_check(self, intent, scpe=None):
            return False

    assert "'intnt'" in refused(Mine())
    assert "Did you mean 'scope'?" in refused(WithDefault())


def test_an_argument_with_a_default_would_never_be_given():
    """Also where it is spelt right: it would keep its default for ever."""

    class Mine:
        @hookimpl
        def policy_check(self, intent, scope=None):
            return False

    class KeywordOnly:
        @hookimpl
        def policy_check(self, *, intent):
            return False

    assert "scope=None" in refused(Mine())
    assert "policy_check(intent, scope)" in refused(KeywordOnly())


@pytest.mark.parametrize("arguments", ["*args", "**kwargs"])
def test_an_argument_that_takes_everything(arguments):
    """A hook is called with names; nothing would arrive."""
    namespace: dict = {"hookimpl": hookimpl}
    exec(f"@hookimpl\ndef policy_check({arguments}): return False", namespace)
    plugin = types.ModuleType("plugin")
    plugin.policy_check = namespace["policy_check"]
    assert "no hook is called with" in refused(plugin)


def test_an_async_implementation():
    """A coroutine is no verdict; as a policy_check it would wave everything through."""

    class Mine:
        @hookimpl
        async def policy_check(self, intent):
            return False

    class Yields:
        @hookimpl
        async def scope_exit(self, scope):
            yield

    assert "async def" in refused(Mine())
    assert "async def" in refused(Yields())


@pytest.mark.parametrize("name", ["intent_created", "policy_check", "dispatch", "scope_exit"])
def test_a_hook_that_is_not_marked(name):
    """It would never be called."""
    plugin = types.ModuleType("plugin")
    setattr(plugin, name, lambda intent: None)
    assert "Put @airlock.hookimpl above it" in refused(plugin)


def test_an_overridden_hook_of_a_policy_must_be_marked():
    """A subclass that replaces policy_check would lose the marker in silence."""

    class Mine(airlock.Policy):
        def policy_check(self, intent, scope):
            return False

    assert "not marked" in refused(Mine())


@pytest.mark.parametrize("plugin", [object(), 3, "celery", {}, types.ModuleType("empty"), None])
def test_nothing_that_airlock_would_call(plugin):
    """Neither a hook nor an executor: the message lists the hooks."""
    assert "no hook" in refused(plugin) or "None is no plugin" in refused(plugin)


def test_a_broken_wrapper_leaves_nothing_behind():
    """What pluggy refuses is not half registered: the name stays free."""

    class Mine:
        @hookimpl(wrapper=True)
        def dispatch(self, intent):
            return None  # a wrapper must yield

    class Right:
        @hookimpl
        def dispatch(self, intent):
            return None

    with pytest.raises(PluginError, match="mine"):
        airlock.register(Mine(), "mine")
    assert airlock.register(Right(), "mine") == "mine"


def test_an_object_twice():
    """It would be asked twice; the message says to register it once."""
    policy = airlock.DropAll()
    airlock.register(policy)
    assert "registered already" in refused(policy)


def test_a_name_twice():
    """Two plugins of one name cannot be told apart."""
    airlock.register(airlock.DropAll(), "audit")
    with pytest.raises(PluginError, match="'audit'"):
        airlock.register(airlock.DropAll(), "audit")


def test_two_of_one_class_get_names_of_their_own():
    """A name is only needed where someone wants to use it."""
    names = [airlock.register(airlock.DropAll()) for _ in range(3)]
    assert names == ["DropAll", "DropAll 2", "DropAll 3"]


def test_equal_plugins_could_not_be_told_apart():
    """pluggy compares plugins with ==, so that one would be taken for the other."""

    @dataclass
    class Value(airlock.Policy):
        number: int

    airlock.register(Value(1))
    assert "@dataclass(eq=False)" in refused(Value(1))
    airlock.register(Value(2))


def test_an_object_that_equals_everything_is_refused():
    """It would be taken for the core's own plugins."""

    class Liar(airlock.Policy):
        def __eq__(self, other):
            return True

        __hash__ = None  # type: ignore[assignment]

    assert "compares equal" in refused(Liar())


def test_unregister(send, left):
    """By the object or by its name; it is then not asked any more."""
    policy = airlock.DropAll()
    for given in (policy, "audit"):
        airlock.register(policy, "audit")
        airlock.unregister(given)
        with airlock.scope():
            airlock.enqueue(send, 1)
    assert left == [1, 1]
    for unknown in (policy, "audit", None, object()):
        with pytest.raises(PluginError, match="not registered"):
            airlock.unregister(unknown)


def test_unregistering_an_equal_object_takes_nothing_out():
    """Only the very object, or its name, is meant."""

    @dataclass
    class Value(airlock.Policy):
        number: int

    kept = Value(1)
    airlock.register(kept, "kept")
    with pytest.raises(PluginError):
        airlock.unregister(Value(1))
    assert [plugin for _, plugin in manager] == [kept]


def test_a_falsy_plugin_is_a_plugin():
    """One that is empty is listed and found by name as any other."""

    class Falsy(RecordingExecutor):
        def __bool__(self):
            return False

    falsy = Falsy()
    airlock.register(falsy, "falsy")
    assert dict(manager) == {"falsy": falsy}
    with airlock.scope(executor="falsy"):
        airlock.enqueue(print)
    assert len(falsy) == 1


def test_modules_objects_and_executors_are_plugins(send, left):
    """A module with functions, an object with methods, a policy, a plain callable."""
    module = types.ModuleType("shop_rules")
    seen = []

    @hookimpl
    def intent_created(intent):
        seen.append(intent)

    module.intent_created = intent_created
    assert airlock.register(module) == "shop_rules"
    assert airlock.register(lambda intent: "sent", "mine") == "mine"
    with airlock.scope(executor="mine"):
        intent = airlock.enqueue(send, 1)
    assert seen == [intent]
    assert intent.receipt == "sent"


def test_a_hook_may_have_another_name():
    """specname says which hook a function implements, and it is held to its arguments."""

    class Mine:
        @hookimpl(specname="policy_check")
        def no_emails(self, intent):
            return False

    class Wrong:
        @hookimpl(specname="policy_check")
        def no_emails(self, email):
            return False

    airlock.register(Mine())
    with airlock.scope():
        intent = airlock.enqueue(print)
    assert intent.state is airlock.State.DENIED
    assert "'email'" in refused(Wrong())


class Wrapping:
    """A plugin around the choice of the executor."""

    @hookimpl(wrapper=True)
    def dispatch(self, intent):
        """Pass the choice on."""
        return (yield)


@pytest.mark.parametrize("wrapped", [True, False])
def test_who_flushes_while_a_plugin_is_registered_uses_its_own_executor(monkeypatch, wrapped):
    """The core's own plugins are moved meanwhile; no intent runs here that was to go elsewhere."""
    recorder, threads, ran = RecordingExecutor(), [], []

    def flush():
        with airlock.scope(executor=recorder):
            airlock.enqueue(ran.append, 1)

    with airlock.testing.plugins():
        if wrapped:
            airlock.register(Wrapping())
        unregister = manager.pluggy.unregister

        def unregister_and_meet_a_flush(plugin=None, name=None):
            taken = unregister(plugin, name)
            threads.append(threading.Thread(target=flush))
            threads[-1].start()
            threads[-1].join(0.2)
            return taken

        monkeypatch.setattr(manager.pluggy, "unregister", unregister_and_meet_a_flush)
        airlock.register(Wrapping())
        for thread in threads:
            thread.join(10)

    assert len(threads) == 2
    assert ran == []
    assert len(recorder.intents) == 2
