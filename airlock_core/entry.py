"""The two calls of everyday code: `enqueue()` and `scope()`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextvars import copy_context
from types import FrameType
from typing import Any, ParamSpec, Protocol, cast, overload

from airlock_core import configuration, forks
from airlock_core.admission import admit, has_to_ask, is_recorded, record
from airlock_core.context import Judging, Place, current_place, judging_of, policies_of, scope_of
from airlock_core.errors import ConfigurationError, IntentError, NoScopeError, PolicyEnqueueError
from airlock_core.intents import Intent, make_intent
from airlock_core.names import origin_text, task_name
from airlock_core.plugins import manager
from airlock_core.policies import Policy
from airlock_core.scopes import Scope

P = ParamSpec("P")

_getframe = sys._getframe
_hooks = manager.hooks

forks.watch()


class HasFunction(Protocol[P]):
    """A task that is not callable itself and keeps its function in `func`, as Django's tasks do."""

    @property
    def func(self) -> Callable[P, object]:
        """The function."""


@overload
def enqueue(task: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> Intent: ...
@overload
def enqueue(task: HasFunction[P], /, *args: P.args, **kwargs: P.kwargs) -> Intent: ...
@overload
def enqueue(task: str, /, *args: Any, **kwargs: Any) -> Intent: ...
@overload
def enqueue(
    task: Any, /, *args: Any, _dispatch_options: Mapping[str, Any] | None, **kwargs: Any
) -> Intent: ...


def enqueue(
    task: Any,
    /,
    *args: Any,
    _dispatch_options: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Intent:
    """Ask for a side effect: it leaves when the surrounding scope has succeeded.

    Args:
        task: a function, or a task of any installed queue.
        *args: its positional arguments.
        _dispatch_options: options for the queue, unchanged (Celery's `apply_async`, ...).
        **kwargs: its keyword arguments, whatever they are called.

    Returns:
        The intent, whose `id` is the id that the queue will use.

    Raises:
        NoScopeError: no scope is active here.
        ScopeStateError: the scope that is current here has ended.
        PolicyViolation: a policy refuses it.
        IntentError: its executor cannot carry it (with `strict`, also for its arguments).
    """
    place = current_place()
    caller = _getframe(1)
    inlet = place.inlet
    if (
        inlet is None
        or _dispatch_options is not None
        or configuration.current.strict
        or (task is not place.plain_task and not _is_plain(task, place))
    ):
        return enqueue_from(caller, task, args, kwargs, _dispatch_options)
    # Nobody is to be asked. What make_intent() and Scope.accept() do, without their calls: 350 ns
    # instead of 600.
    intent = Intent()
    intent.task = task
    intent.args = args
    intent._kwargs = kwargs or None
    intent.scope = place  # type: ignore[assignment] # what has an inlet is a scope
    intent.extras = None
    intent.outcome = None
    intent._context = copy_context()
    intent._code = caller.f_code
    intent._instruction = caller.f_lasti >> 1
    if _hooks.intent_created:
        admit(intent, intent.scope, place)
    inlet.append(intent)
    if place.inlet is not inlet and not is_recorded(intent, intent.scope):
        record(intent, intent.scope)  # the scope was closing in the meantime
    return intent


def enqueue_from(
    caller: FrameType,
    task: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    options: Mapping[str, Any] | None = None,
) -> Intent:
    """Do what `enqueue()` does, for a plugin that stands in for a queue's own call.

    Args:
        caller: the frame of the line that asks, which is the intent's origin.
        task: the task.
        args: its positional arguments.
        kwargs: its keyword arguments.
        options: options for the queue, unchanged.
    """
    place = current_place()
    scope = scope_of(place)
    judging = judging_of(place)
    if scope is None or judging is not None:
        raise _not_here(task, judging, caller)
    if options is not None and not isinstance(options, Mapping):
        raise IntentError(
            f"_dispatch_options={options!r} must be a mapping of the queue's own options."
        )
    policies = policies_of(place)
    intent = make_intent(task, args, kwargs, options, scope, policies, caller)
    scope.accept(intent, place)
    return intent


def _is_plain(task: Any, place: Place) -> bool:
    """Whether the task is a plain function; the last one that is costs 60 ns less from then on."""
    if has_to_ask(task, cast(Scope, place)):  # what has an inlet is a scope
        return False
    place.plain_task = task
    return True


def _not_here(
    task: Any, judging: Judging | None, caller: FrameType
) -> NoScopeError | PolicyEnqueueError:
    if judging is None:
        return NoScopeError(
            f"{task_name(task)} was enqueued outside any scope at "
            f"{origin_text(caller.f_code, caller.f_lasti)}. Put the work in "
            "`with airlock.scope():`, under `@airlock.scoped()`, or behind the middleware of your "
            "framework."
        )
    return PolicyEnqueueError(
        f"{task_name(task)} was enqueued by a policy or a hook, while {judging}. "
        "A policy judges and must not enqueue; enqueue in the code that it watches."
    )


def scope(
    *,
    policy: Policy | None = None,
    executor: Callable[[Intent], Any] | str | None = None,
    scope_cls: type[Scope] | None = None,
    name: str = "",
    **scope_kwargs: Any,
) -> Scope:
    """Make a scope, for `with` or `async with`.

    What is left out comes from `configure()`.

    Args:
        policy: judges its intents, and those of the scopes inside it.
        executor: carries them: a callable, or the name of an installed plugin.
        scope_cls: the class to make it of.
        name: what messages call it; by default the line of this call.
        **scope_kwargs: further arguments of that class.

    Returns:
        The scope, not yet entered.

    Raises:
        ConfigurationError: an argument cannot serve.
    """
    defaults = configuration.current
    if policy is None:
        policy = defaults.policy
    if policy is not None:
        scope_kwargs["policy"] = policy
    if executor is not None:
        scope_kwargs["executor"] = executor
    if defaults.scope_kwargs:
        scope_kwargs = {**defaults.scope_kwargs, **scope_kwargs}
    cls = scope_cls or defaults.scope_cls or Scope
    try:
        made = cls(**scope_kwargs) if scope_kwargs else cls()
    except TypeError as error:
        raise ConfigurationError(
            f"airlock.{cls.__name__} cannot be made: {error}. Look at the arguments of "
            "airlock.scope() and at configure(scope_kwargs=...)."
        ) from error
    if name:
        made.name = name
    else:  # its name is the line of this call
        caller = _getframe(1)
        made.origin = (caller.f_code, caller.f_lasti)
    return made
