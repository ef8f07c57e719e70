"""The flattened hooks do what pluggy's own call does: same order, same results."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airlock import Deny, Exit, VerdictError, hookimpl
from airlock_core.executors import sync_executor
from airlock_core.hooks import NAMES
from airlock_core.plugins import Plugins

ARGUMENTS = {name: ("intent", "scope") for name in NAMES} | {"scope_exit": ("scope", "error")}
EXECUTORS = [lambda intent: "a", lambda intent: "b"]
ANSWERS = {
    "intent_created": [None, "ignored"],
    "policy_check": [None, True, False, Deny("why"), "wrong"],
    "dispatch": [None, None, *EXECUTORS],
    "scope_exit": [None, Exit.FLUSH, Exit.DISCARD, "wrong"],
}


class Raised(Exception):
    """What an implementation raises."""


@st.composite
def implementations(draw):
    """One implementation of one hook: its place, the arguments it takes, its answer."""
    hook = draw(st.sampled_from(NAMES))
    taken = draw(st.permutations(ARGUMENTS[hook]))[: draw(st.integers(0, 2))]
    return SimpleNamespace(
        hook=hook,
        taken=taken,
        place=draw(st.sampled_from([{}, {}, {"tryfirst": True}, {"trylast": True}])),
        wrapper=draw(st.integers(0, 6)) == 0,
        answer=draw(st.sampled_from([*ANSWERS[hook], "raise"])),
    )


plugin_sets = st.lists(
    st.lists(implementations(), min_size=1, max_size=4, unique_by=lambda made: made.hook),
    max_size=7,
)


def make_plugin(number, made, log):
    """Make a plugin whose implementations write down their calls, and with what."""
    namespace: dict = {}
    for implementation in made:
        hook, taken = implementation.hook, implementation.taken

        def called(arguments, implementation=implementation, hook=hook):
            log.append((number, hook, arguments))
            if implementation.answer == "raise":
                raise Raised(number)
            return implementation.answer

        source = f"def {hook}(self, {', '.join(taken)}):\n"
        given = "{" + ", ".join(f"{name!r}: {name}" for name in taken) + "}"
        if implementation.wrapper:
            source += f"    log.append((number, 'around', {given}))\n    return (yield)\n"
        else:
            source += f"    return called({given})\n"
        scope = {"called": called, "log": log, "number": number}
        exec(source, scope)
        namespace[hook] = hookimpl(wrapper=implementation.wrapper, **implementation.place)(
            scope[hook]
        )
    return type("Plugin", (), namespace)()


def outcome(call, log):
    """Make a call; return what came of it, and what was called."""
    log.clear()
    try:
        result = call()
    except Raised as error:
        result = ("raised", error.args)
    except VerdictError:
        result = "wrong verdict"
    return result, list(log)


def flattened(plugins, hook, first, second):
    """Ask the flattened hook as the core does."""
    functions = getattr(plugins.hooks, hook)
    if hook == "intent_created":
        for function in functions:
            function(first, second)
        return None
    if hook == "dispatch":
        for _, function in functions:
            if (chosen := function(first, second)) is not None:
                return chosen
        return sync_executor
    answers = [answer for _, f in functions if (answer := f(first, second)) is not None]
    return combined(hook, answers)


def combined(hook, answers):
    """What the answers of all implementations come to."""
    if hook == "policy_check":
        denials = [answer for answer in answers if answer is not True]
        if any(not isinstance(denial, bool | Deny) for denial in denials):
            return "wrong verdict"
        if not denials:
            return None
        return denials[0].reason if isinstance(denials[0], Deny) else ""
    if any(not isinstance(answer, Exit) for answer in answers):
        return "wrong verdict"
    return Exit.DISCARD if Exit.DISCARD in answers else Exit.FLUSH if answers else None


def through_pluggy(plugins, hook, first, second):
    """Make pluggy's own call."""
    names = ARGUMENTS[hook]
    result = getattr(plugins.pluggy.hook, hook)(**{names[0]: first, names[1]: second})
    if hook in ("intent_created", "dispatch"):
        return None if hook == "intent_created" else result
    return combined(hook, result)


@given(sets=plugin_sets, data=st.data())
def test_flattened_hooks_are_pluggys_own(sets, data):
    """Whatever is registered and taken out again, in whatever order."""
    log: list = []
    plugins = Plugins()
    plugins.loaded = True
    first = SimpleNamespace(
        task=print, is_coroutine=False, scope=SimpleNamespace(executor=None, root=None)
    )
    second = SimpleNamespace()
    registered = []
    for number, made in enumerate(sets):
        plugin = make_plugin(number, made, log)
        plugins.register(plugin, f"plugin {number}")
        registered.append(plugin)
        if len(registered) > 1 and data.draw(st.integers(0, 3)) == 0:
            gone = data.draw(st.sampled_from(registered))
            plugins.unregister(gone)
            registered.remove(gone)
    for hook in NAMES:
        ours = outcome(lambda hook=hook: flattened(plugins, hook, first, second), log)
        theirs = outcome(lambda hook=hook: through_pluggy(plugins, hook, first, second), log)
        wrong = "wrong verdict" in (ours[0], theirs[0])
        if wrong:
            # pluggy goes on where the core's stamp on a verdict raises: the first to raise counts.
            assert ours[0] == theirs[0] or "raised" in (ours[0][0], theirs[0][0])
        else:
            assert ours == theirs


@pytest.mark.parametrize("hook", NAMES)
def test_without_plugins_a_hook_is_empty(hook):
    """What nobody implements costs nothing."""
    plugins = Plugins()
    assert getattr(plugins.hooks, hook) == ()
