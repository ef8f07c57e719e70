"""The errors: one tree, drawn in its module, each with a remedy in its message."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

import airlock
from airlock_core import errors

ERRORS = [
    thing
    for thing in vars(errors).values()
    if inspect.isclass(thing) and issubclass(thing, airlock.AirlockError)
]


def drawn():
    """The tree of the module's docstring: each error, its base and what stands beside it."""
    tree, stack = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"    ((?:[│├└]|── | )*)(\w+)(.*)", line)
        if found is None or found[2] not in {error.__name__ for error in ERRORS}:
            continue
        depth = len(found[1]) // 4
        stack = [*stack[:depth], found[2]]
        tree[found[2]] = (stack[depth - 1] if depth else None, found[3].strip())
    return tree


def test_the_tree_is_drawn():
    """Every error stands in the docstring, under its base, with a sentence."""
    tree = drawn()
    assert set(tree) == {error.__name__ for error in ERRORS}
    for error in ERRORS:
        base, sentence = tree[error.__name__]
        if error is airlock.AirlockError:
            assert base is None
        else:
            assert base in {parent.__name__ for parent in error.__bases__}
            assert sentence


@pytest.mark.parametrize("error", [*ERRORS, airlock.PluginWarning], ids=lambda e: e.__name__)
def test_every_error_is_public_and_explained(error):
    """It is in `airlock`, and its docstring is a sentence."""
    assert getattr(airlock, error.__name__) is error
    assert error.__name__ in airlock.__all__
    assert error.__module__ == "airlock"
    assert error.__doc__.splitlines()[0].endswith(".")


def test_what_they_are_besides():
    """Python's own classes for who catches those."""
    assert issubclass(airlock.DispatchError, ExceptionGroup)
    assert issubclass(airlock.IntentError, TypeError)
    assert issubclass(airlock.VerdictError, TypeError)
    assert issubclass(airlock.FlushLoopError, airlock.ScopeStateError)
    assert issubclass(airlock.PluginWarning, UserWarning)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_can_be_pickled(error):
    """A process pool can bring it home."""
    arguments = ("message", [ValueError(1)]) if error is airlock.DispatchError else ("message",)
    copied = pickle.loads(pickle.dumps(error(*arguments)))
    assert type(copied) is error
    assert str(copied) == str(error(*arguments))


# What a message must contain so that its reader knows what to do.
REMEDY = re.compile(
    r"\b(Put|Use|Make|Enter|Enqueue|Open|Give|Return|Name|Register|Install|Correct|Remove|Look|"
    r"Derive|Write|Break|enqueue|open|leave|Did you mean|uninstall|Set|Take|Mark|must be|Do not|"
    r"It takes|Compare|make)\b"
)


def _raised(function):
    with pytest.raises(airlock.AirlockError) as caught:
        function()
    return caught.value


def _nowhere():
    airlock.enqueue(print)


def _late():
    with airlock.scope():
        late = airlock.carry(_nowhere)
    late()


def _twice():
    scope = airlock.scope()
    with scope:
        pass
    scope.enter()


def _exit_twice():
    scope = airlock.scope().enter()
    scope.exit()
    scope.exit()


def _with(**arguments):
    def call(task=print, *args):
        with airlock.scope(**arguments):
            airlock.enqueue(task, *args)

    return call


class _Enqueues(airlock.Policy):
    def on_enqueue(self, intent):
        airlock.enqueue(print)


class _Nothing(airlock.Policy):
    def allows(self, intent):
        return None


class _Loops(airlock.Scope):
    max_flush_rounds = 1


def _loop():
    airlock.enqueue(_loop)


async def _coroutine():
    pass


CASES = {
    "no scope": _nowhere,
    "late": _late,
    "entered twice": _twice,
    "ended twice": _exit_twice,
    "never entered": lambda: airlock.scope().flush(),
    "policy class": lambda: airlock.scope(policy=airlock.DropAll),
    "no policy": lambda: airlock.scope(policy=3),
    "no executor": lambda: airlock.scope(executor=3),
    "unknown executor": lambda: airlock.scope(executor="carrier pigeon"),
    "unknown argument": lambda: airlock.scope(colour="red"),
    "unknown setting": lambda: airlock.configure(colour="red"),
    "no seconds": lambda: airlock.configure(broker_timeout=0),
    "assert": _with(policy=airlock.AssertNoEffects()),
    "cap": _with(policy=airlock.MaxIntents(0)),
    "blocked": _with(policy=airlock.BlockTasks([print], raise_on_enqueue=True)),
    "letters": lambda: airlock.BlockTasks("print"),
    "policy enqueues": _with(policy=_Enqueues()),
    "not callable": lambda: _with()("send"),
    "arguments": lambda: _with()(_late, 1),
    "coroutine": lambda: _with()(_coroutine),
    "scoped": lambda: airlock.scoped()(3),
    "plugin class": lambda: airlock.register(airlock.DropAll),
    "no plugin": lambda: airlock.register(object()),
    "required": lambda: airlock.configure(require=["audit"]),
    "unregister": lambda: airlock.unregister("audit"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_message_names_a_remedy(case):
    """Whoever reads it knows what to do."""
    assert REMEDY.search(str(_raised(CASES[case])))


@pytest.mark.parametrize(
    "call",
    [_with(policy=_Nothing()), lambda: _with(scope_cls=_Loops)(_loop)],
    ids=["verdict", "loop"],
)
def test_what_is_inside_a_dispatch_error_names_a_remedy(call):
    """The errors of a flush, too."""
    error = _raised(call)
    assert isinstance(error, airlock.DispatchError)
    assert REMEDY.search(str(error.exceptions[0]))


def test_no_message_shows_an_argument():
    """Arguments may be secrets: messages name tasks and types."""

    def fails(password):
        raise ZeroDivisionError

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
        intent = airlock.enqueue(fails, "hunter2")
    texts = [str(caught.value), *caught.value.exceptions[0].__notes__, repr(intent), repr(scope)]
    assert all("hunter2" not in text for text in texts)
    assert "fails(str)" in repr(intent)
