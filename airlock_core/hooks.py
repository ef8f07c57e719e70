"""The four hooks, flattened: each a tuple of plain functions in pluggy's own order.

A pluggy call costs 0.8 to 2 µs even with no implementer; a whole scope must cost less. So each
hook is flattened whenever the set of plugins changes. Where a wrapper or a monitor is present,
the tuple holds a single function that makes pluggy's own call. A randomised test holds both to
the same results.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from airlock_core.errors import VerdictError
from airlock_core.outcomes import Deny, Exit
from airlock_core.policies import Policy

if TYPE_CHECKING:
    import pluggy
    from pluggy import HookImpl

Function = Callable[..., Any]
Lock = AbstractContextManager[Any]

NAMES = ("intent_created", "policy_check", "dispatch", "scope_exit")


class Hooks:
    """What to call at each hook.

    Attributes:
        intent_created: functions of `(intent, scope)`.
        policy_check: pairs of a plugin's name and a function of `(intent, scope)`.
        dispatch: pairs of a plugin's name and a function of `(intent, scope)`.
        scope_exit: pairs of a plugin's name and a function of `(scope, error)`.
        wrapped_dispatch: whether a wrapper is around the choice of the executor.
    """

    __slots__ = ("dispatch", "intent_created", "policy_check", "scope_exit", "wrapped_dispatch")

    def __init__(self) -> None:
        """Start with no plugins."""
        self.intent_created: tuple[Function, ...] = ()
        self.policy_check: tuple[tuple[str, Function], ...] = ()
        self.dispatch: tuple[tuple[str, Function], ...] = ()
        self.scope_exit: tuple[tuple[str, Function], ...] = ()
        self.wrapped_dispatch = False

    def flatten(
        self, manager: pluggy.PluginManager, monitored: bool, core: set[str], lock: Lock
    ) -> None:
        """Take the functions over from pluggy.

        Args:
            manager: where the plugins are registered.
            monitored: whether somebody watches pluggy's calls, so that they must be made.
            core: the plugins of the core itself, which the flattened path does without.
            lock: held by who registers plugins, and in the meantime moves those of the core.
        """
        for name in NAMES:
            caller = getattr(manager.hook, name)
            implementations: list[HookImpl] = caller.get_hookimpls()
            wrapped = any(impl.wrapper or impl.hookwrapper for impl in implementations)
            own = [impl for impl in implementations if impl.plugin_name not in core]
            through_pluggy = wrapped or (monitored and bool(own))
            if name == "dispatch" and not through_pluggy:
                self.wrapped_dispatch = False  # first: another thread may be choosing just now
            flat = (
                [("a plugin", _PLUGGY[name](caller, lock))]
                if through_pluggy
                else [
                    (impl.plugin_name, _positional(impl, name))
                    for impl in reversed(own)
                    if not _does_nothing(impl, name)
                ]
            )
            if name == "intent_created":
                self.intent_created = tuple(function for _, function in flat)
            else:
                setattr(self, name, tuple(flat))
            if name == "dispatch" and through_pluggy:
                self.wrapped_dispatch = True


_ARGUMENTS = {
    "intent_created": ("intent", "scope"),
    "policy_check": ("intent", "scope"),
    "dispatch": ("intent", "scope"),
    "scope_exit": ("scope", "error"),
}


def _positional(impl: HookImpl, name: str) -> Function:
    """Give an implementation that takes some of the arguments the full signature."""
    first, second = _ARGUMENTS[name]
    function: Function = getattr(impl.function, "airlock_unstamped", impl.function)
    taken = tuple(impl.argnames)
    if taken == (first, second):
        return function
    if taken == (first,):
        return lambda a, b: function(a)
    if taken == (second,):
        return lambda a, b: function(b)
    if taken == (second, first):
        return lambda a, b: function(b, a)
    return lambda a, b: function()


def _does_nothing(impl: HookImpl, name: str) -> bool:
    """Whether it is a method that a registered policy inherits and never overrode."""
    if not isinstance(impl.plugin, Policy):
        return False
    method = {"intent_created": "on_enqueue", "policy_check": "allows"}.get(name, "")
    kind = type(impl.plugin)
    return (
        getattr(kind, name, None) is getattr(Policy, name, None)
        and method != ""
        and getattr(kind, method) is getattr(Policy, method)
    )


def _pluggy_intent_created(caller: Any, lock: Lock) -> Function:
    return lambda intent, scope: caller(intent=intent, scope=scope)


def _pluggy_policy_check(caller: Any, lock: Lock) -> Function:
    def first_denial(intent: Any, scope: Any) -> object:
        for verdict in _as_list(caller(intent=intent, scope=scope), "policy_check"):
            if verdict is not True:
                return verdict
        return None

    return first_denial


def _pluggy_dispatch(caller: Any, lock: Lock) -> Function:
    def choice(intent: Any, scope: Any) -> object:
        with lock:  # a plugin of the core that is being moved would not have its say
            return caller(intent=intent, scope=scope)

    return choice


def _pluggy_scope_exit(caller: Any, lock: Lock) -> Function:
    def strictest(scope: Any, error: Any) -> object:
        answers = _as_list(caller(scope=scope, error=error), "scope_exit")
        for answer in answers:
            if not isinstance(answer, Exit):
                return answer
        return Exit.DISCARD if Exit.DISCARD in answers else Exit.FLUSH if answers else None

    return strictest


def _as_list(results: object, name: str) -> list[Any]:
    if not isinstance(results, list):
        raise VerdictError(
            f"a wrapper of the hook {name} returned {results!r} instead of the list of results "
            "that `yield` gave it. Return that list."
        )
    return results


_PLUGGY: dict[str, Callable[[Any, Lock], Function]] = {
    "intent_created": _pluggy_intent_created,
    "policy_check": _pluggy_policy_check,
    "dispatch": _pluggy_dispatch,
    "scope_exit": _pluggy_scope_exit,
}


def stamp(impl: HookImpl) -> None:
    """Have a `policy_check` say who denies, also where pluggy makes the call and forgets it."""
    function: Function = impl.function
    name = impl.plugin_name

    def stamped(*args: Any) -> Deny | bool | None:
        return verdict_of(name, function(*args))

    stamped.airlock_unstamped = function  # type: ignore[attr-defined]
    setattr(impl, "function", stamped)  # noqa: B010  (pluggy types it as final)


def verdict_of(name: str, answer: object) -> Deny | bool | None:
    """Turn a plugin's answer into a verdict: None, True, or a denial that names the plugin.

    Raises:
        VerdictError: it is neither bool, `Deny` nor None. A broken policy fails closed.
    """
    if answer is None or answer is True:
        return answer
    if answer is False:
        return Deny("", name)
    if isinstance(answer, Deny):
        return Deny(answer.reason, answer.by or name)
    raise VerdictError(
        f"the policy_check of {name} returned {answer!r}. "
        "Return True, False, None or airlock.Deny(reason)."
    )
