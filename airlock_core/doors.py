"""The doors: who judges an intent before it leaves, and a dry run of the same.

From inner to outer: the local policies, the policy of each scope it came through, then once
the hook `policy_check`. The first denial is the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airlock_core.context import Frame, Judging, here, pop, push
from airlock_core.executors import Executor
from airlock_core.hooks import verdict_of
from airlock_core.names import name_of
from airlock_core.outcomes import ROLLED_BACK, Deny, Outcome, State
from airlock_core.plugins import manager
from airlock_core.policies import Policy, checked_verdict

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope


@dataclass(frozen=True)
class Planned:
    """What would become of an intent if its scope left now.

    Attributes:
        intent: the intent.
        outcome: its denial or rollback, or None where it would leave.
        executor: what would carry it, or None where it would not leave.
        held: whether it would wait for a hold first.
    """

    intent: Intent
    outcome: Outcome | None
    executor: Any = None
    held: bool = False

    @property
    def leaves(self) -> bool:
        """Whether it would leave."""
        return self.outcome is None

    def __str__(self) -> str:
        """One line for people."""
        if self.outcome is not None:
            return f"{self.intent.name}: {self.outcome}"
        wait = ", after its holds" if self.held else ""
        return f"{self.intent.name}: would leave through {executor_name(self.executor)}{wait}"


def executor_name(executor: Any) -> str:
    """Name an executor as its plugin is named, or after its function or class."""
    for name, plugin in manager:
        if plugin is executor:
            return name
    if isinstance(executor, Executor):
        return type(executor).__name__
    return name_of(executor)


class Doors:
    """The judgement of one scope's intents.

    Args:
        scope: the scope that is leaving.
        instances: where to keep the policies' instances in a dry run; None for the real ones.
    """

    def __init__(self, scope: Scope, instances: dict[Any, Any] | None = None) -> None:
        """Begin; the doors of each place are looked up once."""
        self._scope = scope
        self._instances = instances
        self._known: dict[tuple[int, int], list[tuple[str, Policy]]] = {}

    def judge(self, intents: Sequence[Intent]) -> list[tuple[Intent, Outcome | None]]:
        """Judge each intent.

        Returns:
            Pairs of an intent and its denial, or None where it may leave.
        """
        current = here.get()
        frame = Frame(self._scope, (), Judging("a scope is leaving", self._instances), current)
        push(frame)
        try:
            return [(intent, self._denial(intent)) for intent in intents]
        finally:
            pop(frame)

    def _denial(self, intent: Intent) -> Outcome | None:
        if not (intent.policies or intent.scope.doors or manager.hooks.policy_check):
            return None
        who = ""
        try:
            for who, policy in self._doors_of(intent):
                verdict: Deny | bool | None = policy.allows(intent)
                if verdict is not True:
                    return _denied(checked_verdict(policy, verdict))
            scope = self._scope
            for who, function in manager.hooks.policy_check:
                verdict = function(intent, scope)
                if verdict is not None and verdict is not True:
                    return _denied(verdict_of(who, verdict))
        except Exception as error:  # a broken policy denies what it was judging, and only that
            error.add_note(f"raised by {who} while it judged {intent!r}, enqueued at {intent.origin}")
            return Outcome(State.DENIED, error=error, by=who, reason=f"it raised {error!r}")
        return None

    def _doors_of(self, intent: Intent) -> list[tuple[str, Policy]]:
        key = (id(intent.policies), id(intent.scope))
        doors = self._known.get(key)
        if doors is None:
            scope = intent.scope
            root = scope.root
            local = [
                (policy, root)
                for policy in dict.fromkeys(reversed(intent.policies))
                if not any(policy is door for door, _ in scope.doors)
            ]
            every = [owner.instance_of(policy) for policy, owner in (*local, *scope.doors)]
            doors = [
                (name_of(policy), policy)
                for policy in every
                if type(policy).allows is not Policy.allows
            ]
            self._known[key] = doors
        return doors


def _denied(denial: Deny | bool | None) -> Outcome:
    assert isinstance(denial, Deny)
    return Outcome(State.DENIED, by=denial.by, reason=denial.reason)


def plan(scope: Scope, intents: Sequence[Intent]) -> list[Planned]:
    """Say for each intent who would deny it or where it would go; nothing leaves or is counted."""
    planned = [Planned(intent, ROLLED_BACK) for intent in intents if intent.rolled_back]
    alive = [intent for intent in intents if not intent.rolled_back]
    for intent, denial in Doors(scope, instances={}).judge(alive):
        executor = None if denial else manager.choose(intent, scope)
        planned.append(Planned(intent, denial, executor, held=intent.held))
    order = {id(intent): position for position, intent in enumerate(intents)}
    return sorted(planned, key=lambda entry: order[id(entry.intent)])
