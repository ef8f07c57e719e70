"""The doors: who judges an intent before it leaves, and a dry run of the same.

From inner to outer: the local policies, the policy of each scope it came through, then once
the hook `policy_check`. The first denial is the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airlock_core.context import Instances, Judging, while_judging
from airlock_core.executors import Executor, ExecutorWrapper, sync_executor
from airlock_core.hooks import verdict_of
from airlock_core.names import name_of
from airlock_core.outcomes import ROLLED_BACK, Deny, Outcome, State
from airlock_core.plugins import manager
from airlock_core.policies import Policy, checked_verdict, overrides

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope


@dataclass(frozen=True)
class Planned:
    """What would become of an intent if its scope left now.

    Attributes:
        intent: the intent.
        outcome: its denial, rollback or failure, or None where it would leave.
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
    while isinstance(executor, ExecutorWrapper):
        executor = executor.inner
    if executor is sync_executor:
        return "sync"
    for name, plugin in manager:
        if plugin is executor:
            return name
    if isinstance(executor, Executor):
        return type(executor).__name__
    return name_of(executor)


def is_judged(intents: Sequence[Intent]) -> bool:
    """Whether there is anybody to judge any of the intents."""
    if manager.hooks.policy_check:
        return True
    scope: Scope | None = None
    for intent in intents:
        if intent.extras is not None and intent.policies:
            return True
        if intent.scope is not scope:
            scope = intent.scope
            if scope.doors:
                return True
    return False


class Doors:
    """The judgement of one scope's intents.

    Args:
        scope: the scope that is leaving.
        instances: where to keep the policies' instances in a dry run; None for the real ones.
    """

    def __init__(self, scope: Scope, instances: Instances | None = None) -> None:
        """Begin; the doors of each place are looked up once."""
        self._scope = scope
        self._instances = instances
        self._known: dict[tuple[int, int], list[tuple[str, Policy]]] = {}

    def judge(
        self, intents: Sequence[Intent], judged: Callable[[Intent, Outcome | None], None]
    ) -> None:
        """Judge each intent, and report its denial, or None where it may leave, to `judged`."""
        judging = Judging("a scope is leaving", instances=self._instances)
        while_judging(self._scope, judging, self._judge, intents, judged)

    def _judge(
        self, intents: Sequence[Intent], judged: Callable[[Intent, Outcome | None], None]
    ) -> None:
        for intent in intents:
            judged(intent, self._denial(intent))

    def _denial(self, intent: Intent) -> Outcome | None:
        if not (intent.policies or intent.scope.doors or manager.hooks.policy_check):
            return None
        who = "a policy"
        try:
            for who, policy in self._doors_of(intent):  # noqa: B007  (told below)
                verdict: Deny | bool | None = policy.allows(intent)
                if verdict is not True:
                    return _denied(checked_verdict(policy, verdict))
            denial: Deny | None = None
            for who, function in manager.hooks.policy_check:  # each is asked; the first counts
                verdict = function(intent, self._scope)
                if verdict is not None and verdict is not True:
                    refusal = verdict_of(who, verdict)
                    if denial is None and isinstance(refusal, Deny):
                        denial = refusal
            if denial is not None:
                return _denied(denial)
        except Exception as error:  # a broken policy denies what it was judging, and only that
            error.add_note(f"raised by {who}, judging {intent!r}, enqueued at {intent.origin}")
            return Outcome(State.DENIED, error=error, by=who, reason=f"it raised {error!r}")
        return None

    def _doors_of(self, intent: Intent) -> list[tuple[str, Policy]]:
        key = (id(intent.policies), id(intent.scope))
        doors = self._known.get(key)
        if doors is None:
            root = intent.scope.root
            local = [(policy, root) for policy in local_doors(intent.policies, intent.scope)]
            every = [owner.instance_of(policy) for policy, owner in (*local, *intent.scope.doors)]
            doors = [(name_of(policy), policy) for policy in every if overrides(policy, "allows")]
            self._known[key] = doors
        return doors


def local_doors(policies: Sequence[Policy], scope: Scope) -> list[Policy]:
    """Return the local policies of an `enqueue`, inner first, without those of its scopes."""
    doors: list[Policy] = []
    for policy in reversed(policies):
        known = (*doors, *(door for door, _ in scope.doors))
        if not any(policy is door for door in known):
            doors.append(policy)
    return doors


def _denied(denial: Deny | bool | None) -> Outcome:
    assert isinstance(denial, Deny)
    return Outcome(State.DENIED, by=denial.by, reason=denial.reason)


def plan(scope: Scope, intents: Sequence[Intent]) -> list[Planned]:
    """Say for each intent who would deny it or where it would go; nothing leaves or is counted."""
    planned = {id(i): Planned(i, ROLLED_BACK) for i in intents if i.rolled_back}
    alive = [intent for intent in intents if not intent.rolled_back]

    def judged(intent: Intent, denial: Outcome | None) -> None:
        planned[id(intent)] = _planned(scope, intent, denial)

    Doors(scope, instances={}).judge(alive, judged)
    return [planned[id(intent)] for intent in intents]


def _planned(scope: Scope, intent: Intent, denial: Outcome | None) -> Planned:
    if denial is not None:
        return Planned(intent, denial, held=intent.held)
    try:
        return Planned(intent, None, manager.choose(intent, scope), held=intent.held)
    except Exception as error:  # as in a flush, it fails alone
        return Planned(intent, Outcome(State.FAILED, error=error), held=intent.held)
