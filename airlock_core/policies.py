"""Policies: which intents may leave, and which may not even be asked for.

The same object serves `scope(policy=...)`, `with airlock.policy(...)`, `configure(policy=...)`
and, process-wide, `airlock.register(...)`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from airlock_core.context import here, judging_of
from airlock_core.errors import ConfigurationError, PolicyViolation, VerdictError
from airlock_core.hookspecs import hookimpl
from airlock_core.names import name_of, own_name, path_of, task_name
from airlock_core.outcomes import Deny

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope


class Policy:
    """Base class of policies. Override either method, or both.

    A policy must not enqueue. One that raises while it judges denies that intent alone.
    """

    def on_enqueue(self, intent: Intent) -> None:
        """Observe each intent at the line that enqueues it; raise `PolicyViolation` to refuse."""

    def allows(self, intent: Intent) -> bool | Deny:
        """Say at the outermost scope's exit whether the intent may leave.

        Returns:
            True, or False, or `Deny("the reason")`.
        """
        return True

    def for_scope(self, scope: Scope) -> Policy:
        """Return the policy to use for one scope: a fresh one, for a policy that counts."""
        return self

    @hookimpl
    def intent_created(self, intent: Intent, scope: Scope) -> None:
        """Observe, where this policy is registered process-wide."""
        if not intent.passes(self):  # else it has judged already: each policy object once
            scope.root.instance_of(self).on_enqueue(intent)

    @hookimpl
    def policy_check(self, intent: Intent, scope: Scope) -> bool | Deny | None:
        """Judge, where this policy is registered process-wide."""
        if intent.passes(self):
            return None
        return checked_verdict(self, scope.root.instance_of(self).allows(intent))

    def __repr__(self) -> str:
        """Show the class."""
        return f"<airlock policy {type(self).__qualname__}>"


class AllowAll(Policy):
    """Let everything leave: what applies where no policy is given."""


_DROPPED = Deny("lets nothing leave")


class DropAll(Policy):
    """Let nothing leave. The intents stay inspectable, and end as denied."""

    def allows(self, intent: Intent) -> bool | Deny:
        """Deny."""
        return _DROPPED


class AssertNoEffects(Policy):
    """Raise at the line that enqueues anything, for code that must have no side effects."""

    def on_enqueue(self, intent: Intent) -> None:
        """Refuse the intent."""
        raise PolicyViolation(
            f"{intent.name} was enqueued where AssertNoEffects allows no side effect "
            f"(at {intent.origin}). Remove the enqueue() or the policy around it."
        )


class _Tasks:
    """A set of tasks, known by short name, by dotted name and by the object itself."""

    def __init__(self, tasks: Iterable[Any], owner: str) -> None:
        if isinstance(tasks, str | bytes):
            raise ConfigurationError(
                f"{owner}({tasks!r}) would mean the letters of that string. "
                f"Give a set of names or tasks: {owner}({{{tasks!r}}})."
            )
        if not isinstance(tasks, Iterable):
            raise ConfigurationError(
                f"{owner} takes a collection of names or tasks, and got {tasks!r}. "
                f"Write {owner}({{...}})."
            )
        self.given = tuple(tasks)
        self._names = {task for task in self.given if isinstance(task, str)}
        # A local function's path, as that of a lambda, is shared by others: it is known by itself.
        names = {own_name(task) for task in self.given if not isinstance(task, str)}
        self._names |= {name for name in names if name and "<" not in name}
        self._objects = [task for task in self.given if not isinstance(task, str)]

    def __contains__(self, task: Any) -> bool:
        for name in (task_name(task), path_of(task)):
            if name and (name in self._names or name.rpartition(".")[2] in self._names):
                return True
        return any(task is known for known in self._objects)

    def found_in(self, intent: Intent) -> str | None:
        """Name the first of the intent's tasks, inner ones included, that is in the set."""
        return next((task_name(task) for task in intent.tasks() if task in self), None)

    def missing_from(self, intent: Intent) -> str | None:
        """Name the first of the intent's tasks, inner ones included, that is not in the set."""
        return next((task_name(task) for task in intent.tasks() if task not in self), None)


class BlockTasks(Policy):
    """Let everything leave but these tasks, also inside chains, groups and partials.

    Args:
        tasks: names (`"send_email"`, `"shop.tasks.send_email"`) or the tasks themselves.
        raise_on_enqueue: raise `PolicyViolation` at the `enqueue` line instead of denying at the
            scope's exit.
    """

    def __init__(self, tasks: Iterable[Any], *, raise_on_enqueue: bool = False) -> None:
        """Remember the tasks."""
        self.tasks = _Tasks(tasks, "BlockTasks")
        self.raise_on_enqueue = raise_on_enqueue

    def on_enqueue(self, intent: Intent) -> None:
        """Refuse a blocked task here, where that was asked for."""
        if self.raise_on_enqueue and (name := self.tasks.found_in(intent)):
            raise PolicyViolation(
                f"BlockTasks blocks {name} (enqueued at {intent.origin}). "
                "Do not enqueue it here, or lift the policy."
            )

    def allows(self, intent: Intent) -> bool | Deny:
        """Deny a blocked task."""
        name = self.tasks.found_in(intent)
        return True if name is None else Deny(f"blocks {name}")


class AllowTasks(Policy):
    """Let nothing leave but these tasks: an intent leaves where every task in it is listed.

    Args:
        tasks: names or the tasks themselves, as for `BlockTasks`.
    """

    def __init__(self, tasks: Iterable[Any]) -> None:
        """Remember the tasks."""
        self.tasks = _Tasks(tasks, "AllowTasks")

    def allows(self, intent: Intent) -> bool | Deny:
        """Deny every other task."""
        name = self.tasks.missing_from(intent)
        return True if name is None else Deny(f"does not list {name}")


class MaxIntents(Policy):
    """Raise at the `enqueue` that asks for one intent too many in a scope: a stop for runaways.

    Counts what was asked for in the scope and the scopes inside it, whatever became of it.

    Args:
        limit: how many intents a scope may ask for.
    """

    def __init__(self, limit: int) -> None:
        """Remember the limit."""
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise ConfigurationError(f"MaxIntents takes a number of intents, and got {limit!r}.")
        self.limit = limit
        self.count = 0

    def for_scope(self, scope: Scope) -> Policy:
        """Count anew in each scope."""
        return MaxIntents(self.limit)

    def on_enqueue(self, intent: Intent) -> None:
        """Count the intent, and refuse it beyond the limit."""
        if self.count >= self.limit:
            raise PolicyViolation(
                f"{intent.name} would be intent number {self.count + 1} of its scope, and "
                f"MaxIntents allows {self.limit}. Look for a loop, or raise the limit."
            )
        self.count += 1


class Deduplicate(Policy):
    """Let the same task with the same arguments and options leave once per scope: the first.

    Args:
        key: a function that maps an intent to what makes it the same as another; by default
            task, arguments and dispatch options.
    """

    def __init__(self, key: Callable[[Intent], Any] | None = None) -> None:
        """Start with nothing seen."""
        self.key = key
        self._first: dict[Any, Intent] = {}

    def for_scope(self, scope: Scope) -> Policy:
        """Compare within one scope."""
        return Deduplicate(self.key)

    def allows(self, intent: Intent) -> bool | Deny:
        """Deny what has left already."""
        if self.key is not None:
            key = _frozen(self.key(intent))
        else:
            key = _frozen((intent.task, intent.args, intent.kwargs, intent.dispatch_options))
        # By intent: one that is judged again, after an interrupt, is not its own duplicate.
        if self._first.setdefault(key, intent) is intent:
            return True
        return Deny("the same intent leaves already")


def _frozen(value: Any) -> Any:
    """Make something hashable that is equal where the values are equal, and of equal type."""
    if isinstance(value, partial):
        return (partial, _frozen(value.func), _frozen(value.args), _frozen(value.keywords))
    if isinstance(value, Mapping):
        items = frozenset((_frozen(key), _frozen(item)) for key, item in value.items())
        return (type(value), items)
    if isinstance(value, list | tuple):
        return (type(value), tuple(_frozen(item) for item in value))
    if isinstance(value, set | frozenset):
        return (type(value), frozenset(_frozen(item) for item in value))
    try:
        hash(value)
    except TypeError:
        return _Itself(value)
    return (type(value), value)  # 1, 1.0 and True are equal, but not the same argument


class _Itself:
    """Stands for an unhashable value: equal to itself alone. Keeps it, so that its id stays."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


class LogOnFlush(Policy):
    """Let everything leave, and log each intent at the door: by name and shape, never by value.

    Args:
        logger: where to log; by default the logger `airlock`.
        level: at which level; by default INFO.
    """

    def __init__(self, logger: logging.Logger | None = None, level: int = logging.INFO) -> None:
        """Remember where to log."""
        self.logger = logger or logging.getLogger("airlock")
        self.level = level

    def allows(self, intent: Intent) -> bool | Deny:
        """Log the intent, but not in a dry run."""
        judging = judging_of(here.get())
        if judging is None or judging.instances is None:
            self.logger.log(self.level, "leaving: %r, enqueued at %s", intent, intent.origin)
        return True


class CompositePolicy(Policy):
    """Several policies in one place: each observes, and the first denial counts.

    Args:
        policies: the policies, in the order in which they are asked.
    """

    def __init__(self, *policies: Policy) -> None:
        """Check and remember the policies."""
        self.policies = tuple(checked_policy(policy) for policy in policies)

    def for_scope(self, scope: Scope) -> Policy:
        """Use each policy's own instance for the scope."""
        return CompositePolicy(*(policy.for_scope(scope) for policy in self.policies))

    def on_enqueue(self, intent: Intent) -> None:
        """Ask each policy."""
        for policy in self.policies:
            policy.on_enqueue(intent)

    def allows(self, intent: Intent) -> bool | Deny:
        """Ask each policy until one denies."""
        for policy in self.policies:
            verdict = checked_verdict(policy, policy.allows(intent))
            if verdict is not True:
                return verdict
        return True


def overrides(policy: Policy, method: str) -> bool:
    """Whether the policy has its own `on_enqueue` or `allows`, of its class or set on itself."""
    return getattr(getattr(policy, method), "__func__", None) is not getattr(Policy, method)


def checked_verdict(policy: Policy, answer: object) -> bool | Deny:
    """Return what `allows()` answered where it is an answer.

    Raises:
        VerdictError: it is not; returning nothing is not consent.
    """
    if answer is True:
        return True
    if answer is False:
        return Deny("", name_of(policy))
    if isinstance(answer, Deny):
        return Deny(answer.reason, answer.by or name_of(policy))
    raise VerdictError(
        f"{name_of(policy)}.allows() returned {answer!r}. "
        "Return True, False or airlock.Deny(reason)."
    )


def checked_policy(policy: Any) -> Policy:
    """Return `policy` where it can serve as one.

    Raises:
        ConfigurationError: it is a class, or no subclass of `Policy`.
    """
    if isinstance(policy, type):
        raise ConfigurationError(
            f"policy={policy.__qualname__} is a class. "
            f"Give an instance: {policy.__qualname__}(...)."
        )
    if not isinstance(policy, Policy):
        raise ConfigurationError(
            f"policy={policy!r} is no policy. Derive it from airlock.Policy, and override "
            f"on_enqueue() or allows() (its class is {name_of(type(policy))})."
        )
    return policy
